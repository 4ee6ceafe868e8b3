//! `sojourn session`.

use std::path::Path;

use clap::Subcommand;
use sojourn_engine::EndPlan;
use sojourn_model::{Actor, EndReason, EndTarget, SessionId};

use super::{opened, table};
use crate::{Done, Failure, say};

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List a user's active sessions
    List {
        /// Login name
        username: String,
    },
    /// End a user's sessions: all, or one
    End {
        /// Login name
        username: String,
        /// Only this one
        #[arg(long)]
        session: Option<String>,
        /// Say what would end, and end nothing
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn session(config_file: &Path, command: SessionCommand) -> Done {
    let opened = opened(config_file).await?;
    let (engine, tenant) = (&opened.engine, &opened.tenant);
    match command {
        SessionCommand::List { username } => {
            let user = engine.user_named(tenant, &username).await?;
            let views = engine.sessions_of_user(tenant, user.id).await?;
            let rows: Vec<Vec<String>> = views
                .iter()
                .map(|view| {
                    let apps: Vec<&str> =
                        view.stays.iter().map(|stay| stay.app.name.as_str()).collect();
                    vec![view.session.id.to_string(), view.session.ip.clone(), apps.join(", ")]
                })
                .collect();
            table(&["SESSION", "ADDRESS", "APPLICATIONS"], &rows);
        }
        SessionCommand::End { username, session, dry_run } => {
            let user = engine.user_named(tenant, &username).await?;
            let target = match session {
                None => EndTarget::User(user.id),
                Some(text) => {
                    let id: SessionId = text.parse().map_err(|_| {
                        Failure("a session's id has 64 hex digits: see 'session list'".into())
                    })?;
                    EndTarget::Session(user.id, id)
                }
            };
            let plan = EndPlan::new(target, EndReason::Admin, Actor::Operator);
            let (verb, summary) = if dry_run {
                ("Would end", engine.preview_end(tenant, plan).await?.summary)
            } else {
                ("Ended", engine.end_sessions(tenant, plan).await?.summary)
            };
            say(&format!(
                "{verb}: {} sessions, {} grants; applications to tell: {}.",
                summary.sessions, summary.grants, summary.deliveries
            ));
        }
    }
    engine.store().close().await;
    Ok(())
}
