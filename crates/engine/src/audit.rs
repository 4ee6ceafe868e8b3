//! The audit log (who did what), read from its newest row backwards.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use sojourn_model::ids::{self, MalformedId};
use sojourn_model::limits::{AUDIT_LATE_MS, AUDIT_LOOKED_AT_MAX, AUDIT_PORTION};
use sojourn_model::{Actor, Millis, Tenant};
use sojourn_store::AuditEntry;

use crate::clock::{Horizon, forget_told};
use crate::engine::Engine;
use crate::error::EngineError;

/// Position of a row in the log; a page ends there and the next one starts after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    at: Millis,
    id: [u8; 16],
}

impl AuditPlace {
    /// Position before the newest row, where a listing starts.
    pub const NEWEST: Self = Self { at: Millis(i64::MAX), id: [u8::MAX; 16] };

    /// Position after every row of a time or later: the page has older ones.
    #[must_use]
    pub const fn before(at: Millis) -> Self {
        Self { at, id: [0; 16] }
    }

    const fn of(row: &AuditEntry) -> Self {
        Self { at: row.at, id: row.id }
    }
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, ids::hex(&self.id))
    }
}

impl FromStr for AuditPlace {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let (at, id) = text.split_once('.').ok_or(MalformedId)?;
        let at = at.parse().map_err(|_| MalformedId)?;
        Ok(Self { at: Millis(at), id: ids::unhex(id)? })
    }
}

/// Filter for rows; a row must match every criterion that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuestion {
    /// Only rows of this actor.
    pub actor: Option<Actor>,
    /// Action such as `user.lock`, or `user` for all actions on users.
    pub action: Option<String>,
    /// Target of the action, in the log's notation.
    pub target: Option<String>,
}

impl AuditQuestion {
    fn asks_for(&self, row: &AuditEntry) -> bool {
        let of_kind = |wanted: &str| {
            row.action
                .strip_prefix(wanted)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.actor.as_ref().is_none_or(|actor| row.actor == actor.to_string())
            && self.action.as_deref().is_none_or(of_kind)
            && self.target.as_ref().is_none_or(|target| *target == row.target)
    }
}

/// Position of a listener that receives rows as they are written.
#[derive(Debug, Clone)]
pub struct Tail {
    horizon: Horizon,
    /// Rows with a time in the future that must not be reported.
    passed: HashSet<[u8; 16]>,
    told: HashMap<[u8; 16], Millis>,
}

impl Tail {
    /// Starts to listen at a time; earlier rows aren't reported.
    #[must_use]
    pub fn since(at: Millis) -> Self {
        Self { horizon: Horizon::new(at), passed: HashSet::new(), told: HashMap::new() }
    }
}

/// A page of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Rows, sorted newest first.
    pub rows: Vec<AuditEntry>,
    /// Position of the next page, if there may be one, even after a page with fewer rows than requested: the number
    /// of rows that are scanned for a page is limited.
    pub next: Option<AuditPlace>,
}

impl Engine {
    /// Returns the rows that were written since the last look. The clock of another node may be behind, so that its
    /// rows appear late: the most recent range is read again.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn look_at_acts(
        &self,
        tenant: &Tenant,
        tail: &mut Tail,
    ) -> Result<Vec<AuditEntry>, EngineError> {
        let skew_ms = self.skew_between_nodes_ms();
        let late_ms = AUDIT_LATE_MS + skew_ms;
        if let Some((after, until)) = tail.horizon.begin_look(self.now(), skew_ms, late_ms) {
            self.pass_over_acts(tenant, tail, after, until).await?;
        }
        let from = tail.horizon.from(late_ms);
        let mut place = (from, Vec::new());
        let mut fresh = Vec::new();
        loop {
            let rows =
                self.store.audit_since(tenant.id, (place.0, &place.1), AUDIT_PORTION).await?;
            let whole = rows.len() as i64 == AUDIT_PORTION;
            for row in rows {
                place = (row.at, row.id.to_vec());
                if !tail.passed.contains(&row.id) && tail.told.insert(row.id, row.at).is_none() {
                    tail.horizon.reach(row.at);
                    fresh.push(row);
                }
            }
            if !whole || fresh.len() as i64 >= AUDIT_LOOKED_AT_MAX {
                break;
            }
        }
        // Rows too old to be read again needn't be remembered.
        let seen_again = tail.horizon.from(late_ms);
        forget_told(&mut tail.told, seen_again);
        Ok(fresh)
    }

    /// Marks the existing rows of a time range, so that they aren't reported when the clock reaches them.
    async fn pass_over_acts(
        &self,
        tenant: &Tenant,
        tail: &mut Tail,
        after: Millis,
        until: Millis,
    ) -> Result<(), EngineError> {
        let mut place = (after.plus(1), Vec::new());
        while tail.passed.len() < AUDIT_LOOKED_AT_MAX as usize {
            let rows =
                self.store.audit_since(tenant.id, (place.0, &place.1), AUDIT_PORTION).await?;
            let Some(last) = rows.last() else { break };
            place = (last.at, last.id.to_vec());
            let over = last.at >= until || (rows.len() as i64) < AUDIT_PORTION;
            tail.passed.extend(rows.iter().filter(|row| row.at < until).map(|row| row.id));
            if over {
                break;
            }
        }
        Ok(())
    }

    /// Reads the rows that match a filter, from a position backwards.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn audit(
        &self,
        tenant: &Tenant,
        question: &AuditQuestion,
        mut from: AuditPlace,
        limit: usize,
    ) -> Result<AuditPage, EngineError> {
        let mut rows = Vec::new();
        let mut looked_at = 0;
        loop {
            let place = (from.at, from.id);
            let portion = self.store.audit_before(tenant.id, place, AUDIT_PORTION).await?;
            let whole = portion.len() as i64 == AUDIT_PORTION;
            looked_at += portion.len() as i64;
            for row in portion {
                if rows.len() == limit {
                    return Ok(AuditPage { rows, next: Some(from) });
                }
                from = AuditPlace::of(&row);
                if question.asks_for(&row) {
                    rows.push(row);
                }
            }
            if !whole || looked_at >= AUDIT_LOOKED_AT_MAX {
                return Ok(AuditPage { rows, next: whole.then_some(from) });
            }
        }
    }
}
