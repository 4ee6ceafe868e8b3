//! `sojourn sessions end`: ends sessions and grants.

use crate::commands::is_json;
use clap::Args;
use serde_json::json;
use sojourn_engine::Authority;
use sojourn_engine::ending::{EndAnswer, EndRequest, EndTargets, FoundBy, Named};
use sojourn_model::{Effects, EndSummary, JobState, SessionId};

use super::{Work, bring_to_end, job_json, say_json};
use crate::{Done, Failure, say};

/// What to end.
#[derive(Debug, Args)]
pub(crate) struct EndArgs {
    /// Login names of users; all their sessions and grants end
    usernames: Vec<String>,
    /// Id of a session; repeat for more
    #[arg(long = "session")]
    sessions: Vec<String>,
    /// Id of a session of the named user that doesn't end
    #[arg(long)]
    except: Option<String>,
    /// Id of a grant; repeat for more
    #[arg(long = "grant")]
    grants: Vec<String>,
    /// Users who have a role
    #[arg(long)]
    role: Option<String>,
    /// Users who are in a group
    #[arg(long)]
    group: Option<String>,
    /// Sessions from a network, such as 192.0.2.0/24
    #[arg(long)]
    network: Option<String>,
    /// Sessions in an application, by its client_id
    #[arg(long)]
    application: Option<String>,
    /// Sessions that match a filter
    #[arg(long)]
    filter: Option<String>,
    /// What to end: session, tokens, consents, offline (tokens of offline access); notify tells the applications
    #[arg(long, value_delimiter = ',', default_value = "session,tokens,offline,notify")]
    effects: Vec<String>,
    /// Limit the effects to an application, by its client_id; repeat for more
    #[arg(long = "only")]
    only: Vec<String>,
    /// Show what would end, without ending anything
    #[arg(long)]
    dry_run: bool,
    /// Fail if more sessions than this would end
    #[arg(long)]
    expected_at_most: Option<u64>,
    /// Run as a job that ends at most this number of sessions per second
    #[arg(long)]
    rate: Option<u32>,
}

fn effects(names: &[String]) -> Result<Effects, Failure> {
    let mut effects =
        Effects { session: false, tokens: false, consents: false, notify: false, offline: false };
    for name in names {
        match name.as_str() {
            "session" => effects.session = true,
            "tokens" => effects.tokens = true,
            "consents" => effects.consents = true,
            "notify" => effects.notify = true,
            "offline" => effects.offline = true,
            other => {
                let known = "session, tokens, consents, notify, offline";
                return Err(Failure(format!("'{other}' is not one of {known}")));
            }
        }
    }
    Ok(effects)
}

async fn targets(work: &Work<'_>, args: &EndArgs) -> Result<EndTargets, Failure> {
    let session = |id: &String| {
        id.parse::<SessionId>()
            .map_err(|_| Failure("a session's id has 64 hex digits: see 'sessions list'".into()))
    };
    let mut named = Vec::new();
    for name in &args.usernames {
        let user = work.engine.user_named(work.tenant, name).await?.id;
        named.push(match &args.except {
            Some(spared) => Named::UserExcept(user, session(spared)?),
            None => Named::User(user),
        });
    }
    if !args.sessions.is_empty() && args.usernames.len() == 1 && args.except.is_none() {
        // 'end alex --session …' ends only that session of alex.
        named.clear();
    }
    for id in &args.sessions {
        named.push(Named::Session(session(id)?));
    }
    for id in &args.grants {
        let id = id.parse().map_err(|_| Failure("a grant's id has 32 hex digits".into()))?;
        named.push(Named::Grant(id));
    }
    let found_by = FoundBy {
        role: args.role.clone(),
        group: args.group.clone(),
        network: args.network.clone(),
        client_id: args.application.clone(),
        filter: args.filter.clone(),
    };
    match (named.is_empty(), found_by.is_empty()) {
        (false, true) => Ok(EndTargets::Named(named)),
        (true, false) => Ok(found_by.targets()?),
        (true, true) => Err(Failure(
            "specify users, sessions or grants, or a role, group, network, application or filter"
                .into(),
        )),
        (false, false) => Err(Failure("specify what to end by id or by criteria, not both".into())),
    }
}

fn say_summary(verb: &str, summary: &EndSummary) {
    say(&format!(
        "{verb}: {} sessions, {} grants, {} consents; applications to notify: {}.",
        summary.sessions, summary.grants, summary.consents, summary.deliveries
    ));
}

pub(super) async fn end(work: &Work<'_>, args: EndArgs) -> Done {
    let Work { engine, tenant, rights: _ } = work;
    let mut only = Vec::new();
    for client_id in &args.only {
        let app = engine.application_by_client(tenant.id, client_id).await?;
        let unknown = || Failure(format!("there is no application {client_id}"));
        only.push(app.ok_or_else(unknown)?.id);
    }
    let request = EndRequest {
        effects: effects(&args.effects)?,
        applications: (!only.is_empty()).then_some(only),
        expected_at_most: args.expected_at_most,
        as_job: args.rate.is_some(),
        rate: args.rate,
        ..EndRequest::new(targets(work, &args).await?, Authority::operator())
    };
    if args.dry_run {
        let forecast = engine.preview(tenant, &request).await?;
        if is_json() {
            say_json(&json!({ "summary": forecast.summary, "exact": forecast.exact,
                "refused": forecast.session_bound_tokens }));
        } else {
            say_summary("Would end", &forecast.summary);
            if !forecast.exact {
                say("There are more: counting stopped at the limit.");
            }
        }
        return Ok(());
    }
    match engine.end(tenant, &request).await? {
        EndAnswer::Ended { id, summary, .. } if is_json() => {
            say_json(&json!({ "id": id.to_string(), "summary": summary }));
        }
        EndAnswer::Ended { summary, .. } => say_summary("Ended", &summary),
        EndAnswer::Again(answer) => say(&answer),
        EndAnswer::Job(job) => {
            let job = bring_to_end(work, job.id).await?;
            if is_json() {
                say_json(&job_json(&job));
            } else {
                say_summary("Ended", &job.ended);
            }
            if job.state == JobState::Failed {
                return Err(Failure(job.error.unwrap_or_default()));
            }
        }
    }
    Ok(())
}
