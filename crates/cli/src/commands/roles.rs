//! `sojourn role`: manages roles and their members.

use sojourn_engine::Authority;
use std::path::Path;

use clap::Subcommand;
use sojourn_engine::directory::{RoleChange, RoleRemoval};
use sojourn_model::RoleState;

use super::{opened, table};
use crate::{Done, say};

/// Commands for roles.
#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Add a role
    Add {
        /// Name of the role
        name: String,
        /// Scope that the role grants, such as internal_session_view; repeat for more
        #[arg(long = "permission")]
        permissions: Vec<String>,
    },
    /// List roles
    List,
    /// Assign a role to a user; ends sessions if a handler or a policy says so
    Assign {
        /// Name of the role
        role: String,
        /// Login name of the user
        username: String,
    },
    /// Unassign a role from a user; ends sessions if a handler or a policy says so
    Unassign {
        /// Name of the role
        role: String,
        /// Login name of the user
        username: String,
    },
    /// Delete a role permanently; all its members lose it
    Remove {
        /// Name of the role
        role: String,
    },
}

pub(crate) async fn role(config_file: &Path, command: RoleCommand) -> Done {
    let opened = opened(config_file).await?;
    let (engine, tenant) = (&opened.engine, &opened.tenant);
    let by = Authority::operator();
    match command {
        RoleCommand::Add { name, permissions } => {
            let role = engine.add_role(tenant, &name, &permissions.join(" "), &by).await?;
            say(&format!("{} {}", role.name, role.id));
        }
        RoleCommand::List => {
            let mut rows = Vec::new();
            for role in engine.reads(tenant.id).roles(None, 1000).await? {
                let members = engine.reads(tenant.id).role_member_count(role.id).await?;
                let state = match role.state {
                    RoleState::Active => "active",
                    RoleState::Removing => "being removed",
                };
                rows.push(vec![role.name, members.to_string(), state.into(), role.permissions]);
            }
            table(&["ROLE", "MEMBERS", "STATE", "PERMISSIONS"], &rows);
        }
        RoleCommand::Assign { role, username } => {
            let role = engine.role_named(tenant, &role).await?;
            let user = engine.user_named(tenant, &username).await?;
            let ended = engine.change_role(tenant, &role, &user, RoleChange::Assign, &by).await?;
            say(&format!("Assigned. Sessions ended: {}.", ended.sessions));
        }
        RoleCommand::Unassign { role, username } => {
            let role = engine.role_named(tenant, &role).await?;
            let user = engine.user_named(tenant, &username).await?;
            let ended = engine.change_role(tenant, &role, &user, RoleChange::Unassign, &by).await?;
            say(&format!("Unassigned. Sessions ended: {}.", ended.sessions));
        }
        RoleCommand::Remove { role } => {
            let role = engine.role_named(tenant, &role).await?;
            match engine.remove_role(tenant, &role, &by).await? {
                RoleRemoval::Done(ended) => {
                    say(&format!("Removed. Sessions ended: {}.", ended.sessions));
                }
                RoleRemoval::Job(id) => say(&format!(
                    "The role no longer grants anything; job {id} of the running server removes it from its \
                     members and ends their sessions."
                )),
            }
        }
    }
    engine.installation().close().await;
    Ok(())
}
