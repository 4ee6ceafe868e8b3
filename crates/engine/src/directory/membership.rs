//! What roles and groups share: their names, and who joins and leaves, as a request says it.

use std::collections::HashSet;

use sojourn_model::UserId;

use crate::error::EngineError;

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

/// The name of a role or a group, without blanks around it.
pub(crate) fn checked_name(of: &str, name: &str) -> Result<String, EngineError> {
    let name = super::visible(&format!("a {of}'s name"), name)?;
    if name.is_empty() || name.len() > 255 {
        return Err(EngineError::Invalid(format!("a {of}'s name has 1 to 255 bytes")));
    }
    Ok(name)
}
