//! `sojourn group`: manages groups, their members and the roles that they carry.

use sojourn_engine::Authority;
use std::path::Path;

use clap::Subcommand;
use sojourn_engine::directory::{GroupWrite, Members, RoleWrite};
use sojourn_model::Group;

use super::{opened, table};
use crate::open::Opened;
use crate::{Done, Failure, say};

/// Commands for groups.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// Add a group
    Add {
        /// Name of the group
        name: String,
    },
    /// List groups with their number of members and their roles
    List,
    /// Add a user to a group, which grants its roles
    Join {
        /// Name of the group
        group: String,
        /// Login name of the user
        username: String,
    },
    /// Remove a user from a group; ends sessions if a handler or a policy says so
    Leave {
        /// Name of the group
        group: String,
        /// Login name of the user
        username: String,
    },
    /// Assign a role to a group, which grants it to the members
    Carry {
        /// Name of the group
        group: String,
        /// Name of the role
        role: String,
    },
    /// Unassign a role from a group
    Drop {
        /// Name of the group
        group: String,
        /// Name of the role
        role: String,
    },
    /// Remove a group; its members lose its roles
    Remove {
        /// Name of the group
        group: String,
    },
}

async fn change(opened: &Opened, group: &Group, members: Members) -> Result<(), Failure> {
    let write = GroupWrite { members, ..GroupWrite::default() };
    opened.engine.change_group(&opened.tenant, group.id, &write, &Authority::operator()).await?;
    Ok(())
}

pub(crate) async fn group(config_file: &Path, command: GroupCommand) -> Done {
    let opened = opened(config_file).await?;
    let (engine, tenant) = (&opened.engine, &opened.tenant);
    let by = Authority::operator();
    match command {
        GroupCommand::Add { name } => {
            let group = engine.add_group(tenant, &name, None, &[], &by).await?;
            say(&format!("{} {}", group.name, group.id));
        }
        GroupCommand::List => {
            let mut rows = Vec::new();
            for group in engine.reads(tenant.id).groups_after(None, 1000).await? {
                let members = engine.reads(tenant.id).group_member_count(group.id).await?;
                let roles = engine.reads(tenant.id).roles_of_group(group.id).await?;
                let roles: Vec<String> = roles.into_iter().map(|role| role.name).collect();
                rows.push(vec![group.name, members.to_string(), roles.join(" ")]);
            }
            table(&["GROUP", "MEMBERS", "ROLES"], &rows);
        }
        GroupCommand::Join { group, username } => {
            let group = engine.group_named(tenant, &group).await?;
            let user = engine.user_named(tenant, &username).await?.id;
            change(&opened, &group, Members::Change { add: vec![user], remove: Vec::new() })
                .await?;
            say("The user is in the group.");
        }
        GroupCommand::Leave { group, username } => {
            let group = engine.group_named(tenant, &group).await?;
            let user = engine.user_named(tenant, &username).await?.id;
            change(&opened, &group, Members::Change { add: Vec::new(), remove: vec![user] })
                .await?;
            say("The user is no longer in the group.");
        }
        GroupCommand::Carry { group, role } => {
            let group = engine.group_named(tenant, &group).await?.id;
            let role = engine.role_named(tenant, &role).await?;
            let write = RoleWrite { groups_add: vec![group], ..RoleWrite::default() };
            engine.change_role_set(tenant, role.id, &write, &by).await?;
            say("The members of the group have the role.");
        }
        GroupCommand::Drop { group, role } => {
            let group = engine.group_named(tenant, &group).await?.id;
            let role = engine.role_named(tenant, &role).await?;
            let write = RoleWrite { groups_remove: vec![group], ..RoleWrite::default() };
            engine.change_role_set(tenant, role.id, &write, &by).await?;
            say("The group no longer has the role.");
        }
        GroupCommand::Remove { group } => {
            let group = engine.group_named(tenant, &group).await?;
            engine.remove_group(tenant, group.id, None, &by).await?;
            say("The group is removed.");
        }
    }
    engine.installation().close().await;
    Ok(())
}
