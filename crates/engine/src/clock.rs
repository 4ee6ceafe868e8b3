//! Times of different clocks, or of one clock that went back: every comparison of two such times goes through here.

use std::collections::HashMap;
use std::hash::Hash;

use sojourn_model::Millis;

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// By how much this node's clock is ahead of the database's, in milliseconds; none where the database has none of its
    /// own. Accurate to the time that the question takes.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn clock_ahead_ms(&self) -> Result<Option<i64>, EngineError> {
        let before = self.now();
        let Some(theirs) = self.store.clock().await? else { return Ok(None) };
        let after = self.now();
        // The database looked at its clock between the two.
        let ahead = before.0.midpoint(after.0) - theirs;
        Ok(Some(ahead))
    }

    /// Whether something that a node made at a moment is at most so old, in milliseconds. That node's clock may be ahead of
    /// this one by the allowed skew.
    #[must_use]
    pub fn is_recent(&self, made_at: Millis, lifetime_ms: i64) -> bool {
        let skew = self.settings.clock_skew_ms;
        (-skew..lifetime_ms).contains(&self.now().since(made_at))
    }
}

/// How far a listener has come in rows that have times and no numbers. Rows of other nodes come late by the skew of their
/// clocks and the length of their transactions, so the last moments are read again, and what was told is remembered that
/// long.
#[derive(Debug, Clone)]
pub(crate) struct Horizon {
    /// What happened before isn't told.
    since: Millis,
    /// Everything up to here was read, but for what comes late.
    reached: Millis,
    /// This node's clock at the last look.
    looked_at: Option<Millis>,
}

/// Longer than the time between two looks, in milliseconds.
const LOOK_MS: i64 = 5_000;

/// Forgets what was told long ago, once there is much of it: as long as there is not, a clock may come to the same time
/// again.
pub(crate) fn forget_told<K: Eq + Hash>(told: &mut HashMap<K, Millis>, before: Millis) {
    if told.len() > TOLD_MAX {
        told.retain(|_, at| *at >= before);
    }
}

/// What was told and is remembered at least.
const TOLD_MAX: usize = 10_000;

/// A range of times whose rows were there before: from the first, exclusive, to the second.
pub(crate) type Passed = (Millis, Millis);

impl Horizon {
    pub(crate) fn new(since: Millis) -> Self {
        Self { since, reached: since, looked_at: None }
    }

    /// Begins a look. At the first, and when the clock went back by more than the skew, there may be rows whose time is
    /// yet to come: those in the range that is returned were told, or happened before anyone listened.
    pub(crate) fn begin_look(&mut self, now: Millis, skew_ms: i64, late_ms: i64) -> Option<Passed> {
        match self.looked_at.replace(now) {
            None => Some((now.plus(skew_ms), Millis(i64::MAX))),
            Some(last) if now < last.plus(-skew_ms) => {
                let until = self.reached.plus(-late_ms);
                self.reached = now;
                // What happened since the clock went back, and before this look.
                self.since = now.plus(-LOOK_MS);
                Some((now, until))
            }
            Some(_) => None,
        }
    }

    /// From where on rows are read.
    pub(crate) fn from(&self, late_ms: i64) -> Millis {
        self.reached.plus(-late_ms).max(self.since)
    }

    /// A row was read. One whose time is yet to come doesn't move the horizon: what happens meanwhile comes before it.
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
