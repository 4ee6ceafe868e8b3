//! `POST /api/sessions/v1/end`: ends what it names, or says what that would do.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use sojourn_engine::{EndPlan, EngineError};
use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{AppId, Effects, EndReason, EndTarget, SessionId, UserId};

use super::{caller, failure, problem};
use crate::context::Context;
use crate::respond;

const VIEW: &str = "internal_session_view";
const END: &str = "internal_session_delete";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Sessions by id.
    #[serde(default)]
    sessions: Vec<String>,
    /// Users by id: all their sessions, and grants without one.
    #[serde(default)]
    users: Vec<UserId>,
    /// A session that is spared; with one user alone.
    except: Option<String>,
    /// The applications to which tokens, consents and notices are narrowed; left out: all, empty: none.
    applications: Option<Vec<AppId>>,
    #[serde(default)]
    effects: EffectsAsked,
    /// Say what it would do, and do nothing.
    #[serde(default)]
    dry_run: bool,
    /// Refuse when more sessions than this would end.
    expected_at_most: Option<u64>,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct EffectsAsked {
    session: bool,
    tokens: bool,
    consents: bool,
    notify: bool,
    offline: bool,
}

impl Default for EffectsAsked {
    fn default() -> Self {
        let Effects { session, tokens, consents, notify, offline } = Effects::SIGN_OUT;
        Self { session, tokens, consents, notify, offline }
    }
}

impl Asked {
    /// The targets, with whose they are.
    async fn targets(&self, context: &Context) -> Result<Vec<(UserId, EndTarget)>, EngineError> {
        let invalid = |why: &str| EngineError::Invalid(why.to_owned());
        let mut targets = Vec::new();
        if self.users.len() + self.sessions.len() > INLINE_END_USERS_MAX {
            return Err(EngineError::Invalid(format!("at most {INLINE_END_USERS_MAX} at once")));
        }
        let store = context.engine().store();
        for user in &self.users {
            // Another tenant's, or nobody's.
            if store.user(context.tenant().id, *user).await?.is_none() {
                return Err(EngineError::NotFound("user"));
            }
        }
        let spared = self
            .except
            .as_ref()
            .map(|id| id.parse::<SessionId>().map_err(|_| invalid("except is no session id")))
            .transpose()?;
        match (spared, self.users.as_slice(), self.sessions.is_empty()) {
            (Some(spared), [user], true) => {
                targets.push((*user, EndTarget::UserExcept(*user, spared)));
            }
            (Some(_), _, _) => return Err(invalid("except goes with one user alone")),
            (None, users, _) => {
                targets.extend(users.iter().map(|user| (*user, EndTarget::User(*user))));
            }
        }
        for id in &self.sessions {
            let id: SessionId = id.parse().map_err(|_| invalid("a session id is malformed"))?;
            // An unknown or ended session is as good as ended.
            if let Some(found) = store.session(context.tenant().id, id).await? {
                targets.push((found.user, EndTarget::Session(found.user, id)));
            }
        }
        Ok(targets)
    }
}

/// Ends.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let caller = match caller(&context, &[END, VIEW]).await {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let wrong = |detail: &str| problem(&context, StatusCode::BAD_REQUEST, detail);
    let kind = context.header(header::CONTENT_TYPE).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return wrong("Send application/json.");
    }
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return wrong(&error.to_string()),
    };
    if asked.sessions.is_empty() && asked.users.is_empty() {
        return wrong("Name sessions or users: nothing is ended by leaving both out.");
    }
    match end(&context, &caller, &asked).await {
        Ok(response) => response,
        Err(cause) => failure(&context, &cause),
    }
}

async fn end(
    context: &Context,
    caller: &sojourn_engine::directory::ApiCaller,
    asked: &Asked,
) -> Result<Response, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let targets = asked.targets(context).await?;
    for (user, _) in &targets {
        engine.must_cover(tenant, &caller.rights, *user).await?;
    }
    let nothing = json!({ "sessions": 0, "grants": 0, "consents": 0, "deliveries": 0 });
    if targets.is_empty() {
        let body = json!({ "dry_run": asked.dry_run, "summary": nothing });
        return Ok(respond::json(StatusCode::OK, &body));
    }
    let EffectsAsked { session, tokens, consents, notify, offline } = asked.effects;
    let plan = EndPlan {
        targets: targets.into_iter().map(|(_, target)| target).collect(),
        effects: Effects { session, tokens, consents, notify, offline },
        applications: asked.applications.clone(),
        reason: EndReason::Admin,
        actor: caller.actor(),
        in_browser: false,
    };
    if asked.dry_run || asked.expected_at_most.is_some() {
        let preview = engine.preview_end(tenant, plan.clone()).await?;
        if asked.dry_run {
            let body = json!({
                "dry_run": true,
                "summary": preview.summary,
                "expected_at_most": preview.summary.sessions,
                "refused": preview.session_bound_tokens,
                "jwt_access_tokens_live_ms": engine.settings().lifetimes.jwt_access_token_ms,
            });
            return Ok(respond::json(StatusCode::OK, &body));
        }
        if asked.expected_at_most.is_some_and(|most| preview.summary.sessions > most) {
            let count = preview.summary.sessions;
            let detail =
                format!("{count} sessions would end, more than expected_at_most. Look again.");
            return Ok(problem(context, StatusCode::CONFLICT, &detail));
        }
    }
    let ended = engine.end_sessions(tenant, plan).await?;
    let body = json!({ "id": ended.id.to_string(), "dry_run": false, "summary": ended.summary });
    Ok(respond::json(StatusCode::OK, &body))
}
