//! Who joins and leaves, as a request says it.

use std::collections::HashSet;

use sojourn_model::UserId;

/// A change of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// These join and those leave; the others stay.
    Change {
        /// Who joins.
        add: Vec<UserId>,
        /// Who leaves.
        remove: Vec<UserId>,
    },
    /// These and no others.
    Exactly(Vec<UserId>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Change { add: Vec::new(), remove: Vec::new() }
    }
}

/// Who joins and who leaves so that those who are wanted are there.
pub(crate) fn difference(present: &[UserId], wanted: &[UserId]) -> (Vec<UserId>, Vec<UserId>) {
    let (have, want): (HashSet<_>, HashSet<_>) =
        (present.iter().copied().collect(), wanted.iter().copied().collect());
    let mut join: Vec<UserId> = want.difference(&have).copied().collect();
    let mut leave: Vec<UserId> = have.difference(&want).copied().collect();
    // One order, so that two runs write the same.
    join.sort_unstable();
    leave.sort_unstable();
    (join, leave)
}
