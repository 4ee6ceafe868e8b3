//! `sojourn tenant`: manages tenants.

use sojourn_engine::Authority;
use std::path::Path;

use clap::Subcommand;
use sojourn_engine::directory::{NewTenant, NewUser};
use sojourn_model::Tenant;

use super::{opened, table};
use crate::open::Opened;
use crate::{Done, Failure, say};

/// Commands for tenants.
#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Add a tenant with its first administrator; the password is read from standard input
    Add {
        /// Name of the tenant, which is part of its URLs
        name: String,
        /// Login name of the first administrator
        #[arg(long)]
        owner: String,
    },
    /// List tenants
    List,
    /// Disable a tenant; the running server ends its sessions
    Disable {
        /// Name of the tenant
        name: String,
    },
    /// Enable a disabled tenant
    Enable {
        /// Name of the tenant
        name: String,
    },
    /// Delete a tenant and all its data permanently; the running server deletes the data
    Remove {
        /// Name of the tenant
        name: String,
    },
}

async fn named(opened: &Opened, name: &str) -> Result<Tenant, Failure> {
    let found = opened.engine.installation().tenant_by_name(name).await?;
    found.ok_or_else(|| Failure(format!("there is no tenant '{name}'")))
}

pub(crate) async fn tenant(config_file: &Path, command: TenantCommand) -> Done {
    let opened = opened(config_file).await?;
    let engine = &opened.engine;
    let by = Authority::operator();
    match command {
        TenantCommand::Add { name, owner } => {
            let password = Some(super::users::password()?);
            let owner = NewUser { username: owner, password, ..NewUser::default() };
            let tenant = engine.add_tenant(NewTenant { name, owner }, &by).await?;
            say(&format!("{} {}", tenant.name, engine.issuer(&tenant)));
        }
        TenantCommand::List => {
            let rows: Vec<Vec<String>> = engine
                .tenants()
                .await?
                .into_iter()
                .map(|tenant| {
                    let state = if tenant.enabled { "active" } else { "disabled" };
                    vec![tenant.id.0.to_string(), tenant.name, state.into()]
                })
                .collect();
            table(&["ID", "TENANT", "STATE"], &rows);
        }
        TenantCommand::Disable { name } => {
            let tenant = named(&opened, &name).await?;
            engine.set_tenant_enabled(&tenant, false, &by).await?;
            say("The tenant is disabled: nobody can sign in, and no token is valid.");
        }
        TenantCommand::Enable { name } => {
            let tenant = named(&opened, &name).await?;
            engine.set_tenant_enabled(&tenant, true, &by).await?;
            say("The tenant is enabled.");
        }
        TenantCommand::Remove { name } => {
            let tenant = named(&opened, &name).await?;
            let job = engine.remove_tenant(&tenant, &by).await?;
            say(&format!("The tenant no longer responds to requests; job {job} deletes its data."));
        }
    }
    engine.installation().close().await;
    Ok(())
}
