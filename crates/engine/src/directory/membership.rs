//! Shared by roles and groups: names, and requested changes of members.

use std::collections::HashSet;

use sojourn_model::UserId;

use crate::error::EngineError;

/// A requested change of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// Adds and removes the listed users; the other members stay.
    Change {
        /// Users to add to the members.
        add: Vec<UserId>,
        /// Users to remove from the members.
        remove: Vec<UserId>,
    },
    /// Replaces the members with these users.
    Exactly(Vec<UserId>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Change { add: Vec::new(), remove: Vec::new() }
    }
}

/// Returns who must join and who must leave to get from the present members to the wanted ones.
pub(crate) fn difference(present: &[UserId], wanted: &[UserId]) -> (Vec<UserId>, Vec<UserId>) {
    let (have, want): (HashSet<_>, HashSet<_>) =
        (present.iter().copied().collect(), wanted.iter().copied().collect());
    let mut join: Vec<UserId> = want.difference(&have).copied().collect();
    let mut leave: Vec<UserId> = have.difference(&want).copied().collect();
    // Sorted, so that two runs write the same.
    join.sort_unstable();
    leave.sort_unstable();
    (join, leave)
}

/// Normalises and validates the name of a role or a group.
pub(crate) fn checked_name(of: &str, name: &str) -> Result<String, EngineError> {
    let name = super::visible(&format!("a {of}'s name"), name)?;
    if name.is_empty() || name.len() > 255 {
        return Err(EngineError::Invalid(format!("a {of}'s name must have 1 to 255 bytes")));
    }
    Ok(name)
}
