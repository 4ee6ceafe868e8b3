//! Who did what: the audit log, read from its newest row back.

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

/// A row's place in the log: what was read ends there, and goes on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    at: Millis,
    id: [u8; 16],
}

impl AuditPlace {
    /// Before the newest row.
    pub const NEWEST: Self = Self { at: Millis(i64::MAX), id: [u8::MAX; 16] };

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

/// Which rows are wanted; what is given has to hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuestion {
    /// Only what this actor did.
    pub actor: Option<Actor>,
    /// What was done: `user.lock`, or `user` for all that is done to users.
    pub action: Option<String>,
    /// To what, as the log names it.
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

/// Acts as they are written, for who listens.
#[derive(Debug, Clone)]
pub struct Tail {
    horizon: Horizon,
    /// Rows whose time is ahead and that must not be told.
    passed: HashSet<[u8; 16]>,
    told: HashMap<[u8; 16], Millis>,
}

impl Tail {
    /// Begins to listen at a moment.
    #[must_use]
    pub fn since(at: Millis) -> Self {
        Self { horizon: Horizon::new(at), passed: HashSet::new(), told: HashMap::new() }
    }
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// Rows, the newest first.
    pub rows: Vec<AuditEntry>,
    /// Where it goes on, if it does. A page with fewer rows than were asked for may go on as well: only so many rows
    /// are looked at for one.
    pub next: Option<AuditPlace>,
}

impl Engine {
    /// What was written since the last look. Another node's clock may be behind, and its rows come late: the last
    /// moments are looked at again.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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
        // What is too old to be seen again needn't be known.
        let seen_again = tail.horizon.from(late_ms);
        forget_told(&mut tail.told, seen_again);
        Ok(fresh)
    }

    /// Marks the present rows of a range of times, so that they are not told when the clock reaches them.
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

    /// Rows of the audit log that a question asks for, from a place back.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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
