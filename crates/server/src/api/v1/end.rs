//! `POST /api/sessions/v1/end`: ends what the request names, or reports what that would do. Other endpoints end one
//! session, one application of a session, or one grant.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use sojourn_engine::ending::{
    EndAnswer, EndRequest, EndTargets, Forecast, FoundBy, Named, RequestKey,
};
use sojourn_engine::{Authority, EngineError, Right};
use sojourn_model::{AppId, Effects, GrantId, SessionId, UserId};
use utoipa::ToSchema;

use super::effects::EffectsBody;
use super::jobs::JobJson;
use super::prefer::Preferences;
use super::sessions::one;
use super::types::{DeliveryJson, ProblemJson, SummaryJson};
use super::{Answer, Refusal, body, caller};
use crate::context::Context;
use crate::respond;

/// What to end. List sessions, users or grants, or select by role, group, network, application or filter; not both.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EndBody {
    /// Ids of sessions to end.
    sessions: Vec<String>,
    /// Users by id or login name. Ends all their sessions, and grants that belong to no session.
    users: Vec<String>,
    /// Id of a session to keep; valid only with exactly one user and nothing else.
    except: Option<String>,
    /// Ids of grants to end; of the effects, only `tokens` applies to them.
    grants: Vec<String>,
    /// Name of a role. Alone, it selects everything of the users who have the role; combined with other criteria, only
    /// their sessions.
    role: Option<String>,
    /// Name of a group, which selects its members in the same way.
    group: Option<String>,
    /// Network or IP address that the sessions come from, such as 192.0.2.0/24.
    network: Option<String>,
    /// `client_id` of an application that the sessions participate in.
    application: Option<String>,
    /// Filter that live sessions must match, in the same syntax as in the session search.
    filter: Option<String>,
    /// Applications, by id or client_id, to which the effects on tokens, consents and notifications are limited. If
    /// omitted or null, all applications; if empty, none.
    applications: Option<Vec<String>>,
    /// Effects: a list of exactly the effects wanted, or an object in which omitted effects are true. Defaults to
    /// session, tokens, offline and notify.
    #[schema(schema_with = super::effects::schema)]
    effects: EffectsBody,
    /// If true, returns what the request would do without ending anything.
    dry_run: bool,
    /// Maximum number of sessions that may end; if more would end, the request is refused.
    expected_at_most: Option<u64>,
    /// Maximum number of sessions to end per second. If set, the request runs as a job.
    #[schema(minimum = 1)]
    rate: Option<u32>,
}

/// The users and applications that a request names, as ids.
#[derive(Default)]
struct Resolved {
    users: Vec<UserId>,
    applications: Option<Vec<AppId>>,
}

/// The outcome of an end that was carried out.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndedJson {
    /// Id of the end. All sessions that ended together have the same id.
    id: String,
    /// Effects that were applied: `session`, `tokens`, `offline`, `consents`, `notify`.
    effects: Vec<&'static str>,
    /// Counts of what ended. Missing if the request was repeated before they were stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<SummaryJson>,
    /// Notifications to the applications and their state after waiting. Present with `Prefer: wait`.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipts: Option<Vec<DeliveryJson>>,
}

/// The forecast of an end, from a request with `dry_run`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ForecastJson {
    /// Always true: nothing was ended.
    dry_run: bool,
    /// Effects that would be applied: `session`, `tokens`, `offline`, `consents`, `notify`.
    effects: Vec<&'static str>,
    /// Counts of what would end, limited to what the caller is allowed to end.
    summary: SummaryJson,
    /// Whether the counts are complete. If false, only sessions were counted, up to a limit.
    exact: bool,
    /// Value to send as `expected_at_most` in the real request, which is then refused if more sessions would end.
    expected_at_most: u64,
    /// Whether the request would be refused because it would leave behind tokens that are bound to the session.
    refused: bool,
    /// Time in milliseconds for which resource servers that don't use introspection may still accept JWT access tokens.
    jwt_access_tokens_live_ms: i64,
}

fn invalid(why: &str) -> EngineError {
    EngineError::Invalid(why.to_owned())
}

impl EndBody {
    fn targets(&self, users: &[UserId]) -> Result<EndTargets, EngineError> {
        let named = !(self.sessions.is_empty() && self.users.is_empty() && self.grants.is_empty());
        match (named, !self.found_by().is_empty()) {
            (true, true) => Err(invalid("specify what to end by id or by criteria, not both")),
            (true, false) => self.named(users).map(EndTargets::Named),
            (false, true) => self.found(),
            (false, false) => Err(invalid(
                "specify sessions, users or grants, or a role, group, network, application or filter",
            )),
        }
    }

    fn named(&self, users: &[UserId]) -> Result<Vec<Named>, EngineError> {
        let session = |id: &String| {
            let why = || {
                EngineError::Invalid(format!(
                    "sessions: '{id}' is not a session id (64 hex digits)"
                ))
            };
            id.parse::<SessionId>().map_err(|_| why())
        };
        let spared = self.except.as_ref().map(session).transpose()?;
        let mut named = Vec::new();
        match (spared, users) {
            (Some(spared), [user]) if self.sessions.is_empty() && self.grants.is_empty() => {
                named.push(Named::UserExcept(*user, spared));
            }
            (Some(_), _) => {
                return Err(invalid("except requires exactly one user and nothing else"));
            }
            (None, users) => named.extend(users.iter().copied().map(Named::User)),
        }
        for id in &self.sessions {
            named.push(Named::Session(session(id)?));
        }
        for id in &self.grants {
            let why = || {
                EngineError::Invalid(format!("grants: '{id}' is not a grant id (32 hex digits)"))
            };
            named.push(Named::Grant(id.parse().map_err(|_| why())?));
        }
        Ok(named)
    }

    fn found(&self) -> Result<EndTargets, EngineError> {
        if self.except.is_some() {
            return Err(invalid("except requires exactly one user and nothing else"));
        }
        self.found_by().targets()
    }

    fn found_by(&self) -> FoundBy {
        FoundBy {
            role: self.role.clone(),
            group: self.group.clone(),
            network: self.network.clone(),
            client_id: self.application.clone(),
            filter: self.filter.clone(),
        }
    }

    /// Resolves users by id or login name, and applications by id or client_id.
    async fn resolved(&self, context: &Context) -> Result<Resolved, EngineError> {
        let (engine, tenant) = (context.engine(), context.tenant());
        let mut resolved = Resolved::default();
        for given in &self.users {
            let id = match given.parse::<UserId>() {
                Ok(id) => id,
                Err(_) => match engine.user_named(tenant, given).await {
                    Ok(user) => user.id,
                    Err(EngineError::NotFound(_)) => {
                        let why =
                            format!("users: there is no user '{given}': use an id or a login name");
                        return Err(EngineError::Invalid(why));
                    }
                    Err(error) => return Err(error),
                },
            };
            resolved.users.push(id);
        }
        let Some(applications) = &self.applications else { return Ok(resolved) };
        let mut found = Vec::new();
        for given in applications {
            let id = match given.parse::<AppId>() {
                Ok(id) => id,
                Err(_) => match engine.application_by_client(tenant.id, given).await? {
                    Some(app) => app.id,
                    None => {
                        let why = format!(
                            "applications: there is no application '{given}': use an id or a client_id"
                        );
                        return Err(EngineError::Invalid(why));
                    }
                },
            };
            found.push(id);
        }
        resolved.applications = Some(found);
        Ok(resolved)
    }

    fn request(
        &self,
        resolved: Resolved,
        caller: &Authority,
        prefer: &Preferences,
        key: Option<RequestKey>,
    ) -> Result<EndRequest, EngineError> {
        if self.rate == Some(0) {
            return Err(invalid("rate must be at least 1 session per second"));
        }
        let targets = self.targets(&resolved.users)?;
        Ok(EndRequest {
            effects: self.effects.0,
            applications: resolved.applications,
            expected_at_most: self.expected_at_most,
            as_job: prefer.respond_async || self.rate.is_some(),
            rate: self.rate,
            key,
            ..EndRequest::new(targets, caller.clone())
        })
    }
}

/// Ends sessions, grants and consents.
///
/// With `dry_run`, returns what the request would end. A large request runs as a job.
#[utoipa::path(
    post, path = "/end", tag = "Ending", operation_id = "endSessions",
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=5`: waits up to 5 seconds (at most 30) for the applications' responses and returns them. `respond-async`: runs as a job."),
        ("Idempotency-Key" = Option<String>, Header, description = "A unique key chosen by the caller, at most 255 characters. A repeated request with the same key returns the first result and isn't executed again. Keys are kept for one day."),
    ),
    request_body(content = EndBody, content_type = "application/json"),
    responses(
        (status = 200, description = "The result or, with `dry_run`, the expected result", body = EndResultJson),
        (status = 202, description = "The request runs as a job", body = JobJson),
        (status = 400, description = "The request is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "A user or role doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
        (status = 409, description = "More sessions would end than expected, or tokens bound to a session would remain", body = ProblemJson, content_type = "application/problem+json"),
        (status = 413, description = "The request is too large"),
    ),
    security(("bearer" = ["internal_session_delete", "internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn post(context: Context, bytes: Bytes) -> Response {
    match posted(&context, &bytes).await {
        Ok(response) => response,
        Err(refusal) => refusal.respond(&context),
    }
}

/// The body of a response to `POST /end` with status 200.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum EndResultJson {
    /// The request was carried out.
    Ended(EndedJson),
    /// The request had `dry_run`: nothing was ended.
    Forecast(ForecastJson),
}

async fn posted(context: &Context, bytes: &Bytes) -> Answer {
    let caller = caller(context, &[Right::SessionDelete, Right::SessionView]).await?;
    let asked: EndBody = body(context, bytes)?;
    let prefer = Preferences::of(context);
    let key = request_key(context, bytes)?;
    let resolved = asked.resolved(context).await?;
    let request = asked.request(resolved, &caller, &prefer, key)?;
    if asked.dry_run {
        let forecast = context.engine().preview(context.tenant(), &request).await?;
        let body = EndResultJson::Forecast(forecast_json(context, &request, forecast));
        return Ok(respond::json(StatusCode::OK, &body));
    }
    perform(context, &request, &prefer).await
}

fn forecast_json(context: &Context, request: &EndRequest, forecast: Forecast) -> ForecastJson {
    ForecastJson {
        dry_run: true,
        effects: request.effects.names().collect(),
        expected_at_most: forecast.summary.sessions,
        summary: forecast.summary.into(),
        exact: forecast.exact,
        refused: forecast.session_bound_tokens,
        jwt_access_tokens_live_ms: context.engine().settings().lifetimes.jwt_access_token_ms,
    }
}

fn request_key(context: &Context, bytes: &Bytes) -> Result<Option<RequestKey>, Refusal> {
    let Some(value) = context.headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim).filter(|key| (1..=255).contains(&key.len()));
    let Some(key) = key else {
        return Err(Refusal::bad("Idempotency-Key has 1 to 255 characters of ASCII."));
    };
    let prefer = context.header("prefer").unwrap_or_default().as_bytes();
    let request = sojourn_engine::sha256(&[bytes, prefer].concat());
    Ok(Some(RequestKey { key: key.to_owned(), request }))
}

/// Executes a request and returns its outcome.
async fn perform(context: &Context, request: &EndRequest, prefer: &Preferences) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let began = engine.now();
    let (status, text, location) = match engine.end(tenant, request).await? {
        EndAnswer::Again(answer) => {
            // If the stored response is a job, return the job in its current state.
            let job = serde_json::from_str::<serde_json::Value>(&answer).ok();
            let job = job.as_ref().and_then(|job| job.get("id")?.as_str()?.parse().ok());
            let job = match job {
                Some(id) => engine.reads(tenant.id).job(id).await?,
                None => None,
            };
            match job {
                Some(job) => accepted(context, &JobJson::of(&job)),
                None => (StatusCode::OK, answer, None),
            }
        }
        EndAnswer::Job(job) => {
            let accepted = accepted(context, &JobJson::of(&job));
            engine.remember_answer(tenant, request, &accepted.1).await?;
            accepted
        }
        EndAnswer::Ended { id, summary, concerned } => {
            let receipts = match prefer.wait {
                None => None,
                Some(seconds) => {
                    let wait = Duration::from_secs(seconds);
                    let limit =
                        tokio::time::timeout(wait, engine.receipts(tenant, &concerned, began));
                    let found = match limit.await {
                        Ok(found) => found?,
                        Err(_) => engine.receipts_now(tenant, &concerned, began).await?,
                    };
                    Some(found.iter().map(DeliveryJson::of).collect())
                }
            };
            let effects = request.effects.names().collect();
            let summary = Some(summary.into());
            let body = EndedJson { id: id.to_string(), effects, summary, receipts };
            let text = serde_json::to_string(&EndResultJson::Ended(body)).unwrap_or_default();
            engine.remember_answer(tenant, request, &text).await?;
            (StatusCode::OK, text, None)
        }
    };
    let mut response = respond::json_text(status, text);
    let headers = response.headers_mut();
    if let Some(location) = location.and_then(|text| HeaderValue::from_str(&text).ok()) {
        headers.insert(header::LOCATION, location);
    }
    if let Some(applied) = prefer.applied(status) {
        headers.insert("preference-applied", applied);
    }
    Ok(response)
}

fn accepted(context: &Context, job: &JobJson) -> (StatusCode, String, Option<String>) {
    let location = context.link(&format!("/api/sessions/v1/jobs/{}", job.id));
    (StatusCode::ACCEPTED, serde_json::to_string(job).unwrap_or_default(), Some(location))
}

/// Ends one session and its tokens, and notifies its applications.
#[utoipa::path(
    delete, path = "/sessions/{session_id}", tag = "Ending", operation_id = "endSession",
    params(
        ("session_id" = String, Path, description = "The session's id"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: waits up to 5 seconds (at most 30) for the applications' responses and returns them."),
    ),
    responses(
        (status = 200, description = "The result", body = EndedJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The session doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_delete"]), ("basic" = []))
)]
pub(crate) async fn session(context: Context, Path(id): Path<String>) -> Answer {
    let caller = caller(&context, &[Right::SessionDelete]).await?;
    let (view, _) = one(&context, &caller, &id).await?;
    let targets = EndTargets::Named(vec![Named::Session(view.session.id)]);
    let request = EndRequest::new(targets, caller);
    perform(&context, &request, &Preferences::waiting(&context)).await
}

/// Signs a session out of one application.
///
/// The application's tokens end, and it is notified. The session itself stays active.
#[utoipa::path(
    delete, path = "/sessions/{session_id}/applications/{application_id}", tag = "Ending", operation_id = "endApplication",
    params(
        ("session_id" = String, Path, description = "The session's id"),
        ("application_id" = String, Path, description = "The application's id"),
        ("Prefer" = Option<String>, Header, description = "`wait=5`: waits up to 5 seconds (at most 30) for the application's response and returns it."),
    ),
    responses(
        (status = 200, description = "The result", body = EndedJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The session doesn't exist or doesn't include the application", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_delete"]), ("basic" = []))
)]
pub(crate) async fn application(
    context: Context,
    Path((id, app)): Path<(String, String)>,
) -> Answer {
    let caller = caller(&context, &[Right::SessionDelete]).await?;
    let (view, _) = one(&context, &caller, &id).await?;
    let app = app.parse::<AppId>().ok();
    let stays = |app: &AppId| view.stays.iter().any(|stay| stay.app.id == *app);
    let app = app.filter(stays).ok_or(EngineError::NotFound("application of this session"))?;
    let targets = EndTargets::Named(vec![Named::Session(view.session.id)]);
    let request = EndRequest {
        effects: Effects { session: false, ..Effects::END },
        applications: Some(vec![app]),
        ..EndRequest::new(targets, caller)
    };
    perform(&context, &request, &Preferences::waiting(&context)).await
}

/// Ends one grant, offline or not.
///
/// Everything that was issued from it becomes invalid.
#[utoipa::path(
    delete, path = "/grants/{grant_id}", tag = "Ending", operation_id = "endGrant",
    params(("grant_id" = String, Path, description = "The grant's id")),
    responses(
        (status = 200, description = "The result", body = EndedJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The grant doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_delete"]), ("basic" = []))
)]
pub(crate) async fn grant(context: Context, Path(id): Path<String>) -> Answer {
    let caller = caller(&context, &[Right::SessionDelete]).await?;
    let gone = || EngineError::NotFound("grant");
    let id = id.parse::<GrantId>().map_err(|_| gone())?;
    context.engine().grant_owner(context.tenant(), id).await?.ok_or_else(gone)?;
    let targets = EndTargets::Named(vec![Named::Grant(id)]);
    let request = EndRequest::new(targets, caller);
    perform(&context, &request, &Preferences::default()).await
}
