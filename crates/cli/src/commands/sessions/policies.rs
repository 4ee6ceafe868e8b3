//! `sojourn sessions policy`: shows and sets session policies.

use clap::Args;
use sojourn_engine::Authority;
use sojourn_model::{PolicyScope, SessionPolicy};

use super::{Work, say_json};
use crate::{Done, Failure};

/// Which policy to show or set.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// Policy of an application, by its client_id [default: the policy of the tenant]
    #[arg(long, group = "whose")]
    application: Option<String>,
    /// Policy of a role, by its name
    #[arg(long, group = "whose")]
    role: Option<String>,
    /// Policy of a group, by its name
    #[arg(long, group = "whose")]
    group: Option<String>,
    /// Policy of a user, by login name
    #[arg(long, group = "whose")]
    user: Option<String>,
    /// Set the policy, as JSON such as '{"max_sessions": 3, "at_limit": "ask"}'; '{}' removes it
    #[arg(long)]
    set: Option<String>,
    /// Show the effective policy of the user, merged from all levels
    #[arg(long, requires = "user", conflicts_with = "set")]
    effective: bool,
}

pub(super) async fn policy(work: &Work<'_>, args: PolicyArgs) -> Done {
    let Work { engine, tenant, .. } = work;
    let scope = match (&args.application, &args.role, &args.user) {
        _ if args.group.is_some() => {
            let name = args.group.as_deref().unwrap_or_default();
            PolicyScope::Group(engine.group_named(tenant, name).await?.id)
        }
        (Some(client_id), _, _) => {
            let app = engine.application_by_client(tenant.id, client_id).await?;
            let unknown = || Failure(format!("there is no application {client_id}"));
            PolicyScope::Application(app.ok_or_else(unknown)?.id)
        }
        (_, Some(role), _) => PolicyScope::Role(engine.role_named(tenant, role).await?.id),
        (_, _, Some(user)) => {
            let user = engine.user_named(tenant, user).await?.id;
            if args.effective {
                let holds = engine.policy(tenant, user, None).await?;
                say_json(&serde_json::to_value(holds)?);
                return Ok(());
            }
            PolicyScope::User(user)
        }
        _ => PolicyScope::Tenant,
    };
    if let Some(text) = &args.set {
        let policy: SessionPolicy = serde_json::from_str(text)?;
        engine.set_policy(tenant, scope, policy, &Authority::operator()).await?;
    }
    let policy = engine.policy_set(tenant, scope).await?;
    say_json(&serde_json::to_value(policy)?);
    Ok(())
}
