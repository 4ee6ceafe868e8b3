//! Operations on groups.

use crate::directory::Group;
use crate::ids::GroupId;
use crate::ids::RoleId;
use crate::ids::UserId;

/// Changes a group, its members or its roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupChange {
    /// Creates a group; a duplicate if its name is taken.
    Create(Group),
    /// Writes a group. A conflict if its version has changed.
    Update(Group),
    /// Removes a group with its memberships.
    Delete {
        /// The group that is removed.
        group: GroupId,
    },
    /// Adds users to a group; existing members stay.
    Join {
        /// The group that gets the members.
        group: GroupId,
        /// The users who are added.
        users: Vec<UserId>,
    },
    /// Removes users from a group.
    Leave {
        /// The group that loses the members.
        group: GroupId,
        /// The users who are removed.
        users: Vec<UserId>,
    },
    /// Assigns a role to a group; a conflict if the role is being removed.
    CarryRole {
        /// The group that gets the role.
        group: GroupId,
        /// The role that is assigned.
        role: RoleId,
    },
    /// Takes a role from a group.
    DropRole {
        /// The group that loses the role.
        group: GroupId,
        /// The role that is taken away.
        role: RoleId,
    },
}
