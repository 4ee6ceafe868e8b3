//! Comparison of times from different clocks, or from one clock that went back.

use std::collections::HashMap;
use std::hash::Hash;

use sojourn_model::Millis;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Difference between this node's clock and the database's, in milliseconds, positive if this node is ahead;
    /// `None` if the database has no clock of its own. Accurate to the duration of the query.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn clock_ahead_ms(&self) -> Result<Option<i64>, EngineError> {
        let before = self.now();
        let Some(theirs) = self.store.clock().await? else { return Ok(None) };
        let after = self.now();
        // The database read its clock between the two.
        let ahead = before.0.midpoint(after.0) - theirs;
        Ok(Some(ahead))
    }

    /// Maximum clock difference to other nodes with the same database, in milliseconds; 0 with SQLite, which only one
    /// node uses.
    pub(crate) fn skew_between_nodes_ms(&self) -> i64 {
        if self.store.kind() == "sqlite" { 0 } else { self.settings.clock_skew_ms }
    }

    /// Returns whether something is younger than `lifetime_ms`. `made_at` may lie ahead by the allowed clock skew.
    #[must_use]
    pub fn is_recent(&self, made_at: Millis, lifetime_ms: i64) -> bool {
        let skew = self.settings.clock_skew_ms;
        (-skew..lifetime_ms).contains(&self.now().since(made_at))
    }
}

/// The position of a listener in rows that are sorted by time. Rows of other nodes appear late, by the skew of their
/// clocks and the length of their transactions: each look reads the last `late_ms` again and skips rows that were
/// reported.
#[derive(Debug, Clone)]
pub(crate) struct Horizon {
    /// Rows before this time are not reported.
    since: Millis,
    /// The time up to which rows were read.
    reached: Millis,
    /// This node's clock at the last look.
    looked_at: Option<Millis>,
}

/// Longer than the interval between two looks, in milliseconds.
const LOOK_MS: i64 = 5_000;

/// Removes entries from before a time once there are more than [`TOLD_MAX`]. Until then they are kept, because a
/// clock that goes back reaches the same times again.
pub(crate) fn forget_told<K: Eq + Hash>(told: &mut HashMap<K, Millis>, before: Millis) {
    if told.len() > TOLD_MAX {
        told.retain(|_, at| *at >= before);
    }
}

/// Minimum number of entries that a listener keeps; one takes about 70 bytes.
const TOLD_MAX: usize = 1_000;

/// A range of times, both ends exclusive, in which the existing rows are not reported.
pub(crate) type Passed = (Millis, Millis);

impl Horizon {
    pub(crate) fn new(since: Millis) -> Self {
        Self { since, reached: since, looked_at: None }
    }

    /// Starts a look. On the first look, and after the clock went back by more than the skew, rows may exist with a
    /// time in the future. Returns the range of those that were reported already, or were written before the listener
    /// started.
    pub(crate) fn begin_look(&mut self, now: Millis, skew_ms: i64, late_ms: i64) -> Option<Passed> {
        match self.looked_at.replace(now) {
            None => Some((now.plus(skew_ms), Millis(i64::MAX))),
            Some(last) if now < last.plus(-skew_ms) => {
                let until = self.reached.plus(-late_ms);
                self.reached = now;
                // Includes what was written between the clock's step and this look.
                self.since = now.plus(-LOOK_MS);
                (until > now).then_some((now, until))
            }
            Some(_) => None,
        }
    }

    /// The time from which rows are read.
    pub(crate) fn from(&self, late_ms: i64) -> Millis {
        self.reached.plus(-late_ms).max(self.since)
    }

    /// Notes that a row was read. A row with a time in the future moves the position to this node's time only.
    pub(crate) fn reach(&mut self, at: Millis) {
        let now = self.looked_at.unwrap_or(at);
        self.reached = self.reached.max(at.min(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_back_takes_the_horizon_with_it() {
        let (skew, late) = (30_000, 40_000);
        let mut horizon = Horizon::new(Millis(1_000_000));
        let first = horizon.begin_look(Millis(1_000_000), skew, late);
        assert_eq!(first, Some((Millis(1_030_000), Millis(i64::MAX))));
        horizon.reach(Millis(1_010_000));
        assert_eq!(horizon.from(late), Millis(1_000_000), "not before it began");
        assert_eq!(horizon.begin_look(Millis(5_000_000), skew, late), None);
        horizon.reach(Millis(5_000_000));
        assert_eq!(horizon.from(late), Millis(4_960_000));
        horizon.reach(Millis(9_000_000));
        assert_eq!(horizon.from(late), Millis(4_960_000), "a row of a clock that is ahead");
        assert_eq!(horizon.begin_look(Millis(4_980_000), skew, late), None, "within the skew");
        let back = horizon.begin_look(Millis(2_000_000), skew, late);
        assert_eq!(back, Some((Millis(2_000_000), Millis(4_960_000))));
        assert_eq!(horizon.from(late), Millis(1_995_000));
    }
}
