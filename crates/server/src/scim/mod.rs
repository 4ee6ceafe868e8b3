//! SCIM 2.0 at `/scim2` (RFC 7643, RFC 7644): users, groups, roles, and service discovery.

pub(crate) mod bulk;
pub(crate) mod discovery;
mod endpoints;
pub(crate) mod groups;
pub(crate) mod me;
mod request;
pub(crate) mod roles;
pub(crate) mod search;
pub(crate) mod users;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::scim::{ListQuery, Listed, Page, ScimFailure, version_of};
use sojourn_engine::{Authority, EngineError, Right};
use sojourn_scim::{Projection, Resource, ScimError};

use crate::context::Context;
use crate::refusal::later;
use crate::respond;

/// Schema URN of a page of a list.
const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// The reason why a request isn't served. Handlers return it with `?`.
pub(super) enum Refusal {
    /// The caller could not be authenticated.
    Denied(ApiRefused),
    /// The request broke a rule, or the engine failed.
    Failed(ScimFailure),
}

impl From<ScimFailure> for Refusal {
    fn from(failure: ScimFailure) -> Self {
        Self::Failed(failure)
    }
}

impl From<ScimError> for Refusal {
    fn from(error: ScimError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Failed(error.into())
    }
}

/// A request that is served, and its authenticated caller.
pub(super) struct Call<'c> {
    pub(super) context: &'c Context,
    pub(super) caller: Authority,
    /// The attributes to include in the response.
    pub(super) shown: Projection,
    /// The entity tag that a write requires (`If-Match`); `None` for `*`.
    pub(super) if_match: Option<String>,
}

/// A response: a status and an optional resource.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Option<Value>,
}

pub(super) type Answer = Result<Reply, Refusal>;

impl Reply {
    pub(super) fn resource(status: StatusCode, resource: Resource) -> Self {
        Self { status, body: Some(resource.into()) }
    }

    pub(super) fn gone() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None }
    }

    fn meta(&self, name: &str) -> Option<&str> {
        self.body.as_ref()?.get("meta")?.get(name)?.as_str()
    }
}

impl<'c> Call<'c> {
    /// Authenticates the caller and parses which attributes it wants.
    pub(super) async fn new(context: &'c Context, query: Option<&str>) -> Result<Self, Refusal> {
        let caller = crate::caller::authenticated(context).await.map_err(Refusal::Denied)?;
        let shown = request::projection(&request::query(query)?)?;
        let if_match = context.header(header::IF_MATCH).map(str::trim);
        let if_match = if_match.filter(|tag| *tag != "*").map(str::to_owned);
        Ok(Self { context, caller, shown, if_match })
    }

    /// Returns the version of a group or a role that a write requires.
    pub(super) fn if_version(&self) -> Option<i64> {
        // An unknown tag matches no version.
        self.if_match.as_deref().map(|tag| version_of(tag).unwrap_or(-1))
    }

    /// Fails if the caller lacks the right.
    pub(super) fn need(&self, right: Right) -> Result<(), Refusal> {
        if self.caller.may(right) { Ok(()) } else { Err(EngineError::Forbidden.into()) }
    }

    /// Builds the response with a page of a list.
    pub(super) fn listed(&self, query: &ListQuery, listed: Listed) -> Reply {
        let mut body = json!({
            "schemas": [LIST_SCHEMA],
            "itemsPerPage": listed.resources.len(),
            "Resources": listed.resources,
        });
        if let Some(object) = body.as_object_mut() {
            if let Some(total) = listed.total {
                object.insert("totalResults".into(), total.into());
            }
            if let Page::Index { start, .. } = query.page {
                object.insert("startIndex".into(), start.into());
            }
            if let Some(next) = listed.next {
                object.insert("nextCursor".into(), next.into());
            }
        }
        Reply { status: StatusCode::OK, body: Some(body) }
    }
}

fn document(status: StatusCode, body: &Value) -> Response {
    let mut response = respond::json(status, body);
    let kind = HeaderValue::from_static("application/scim+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        later(move |context| written(context, &self))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        later(move |context| refuse(context, &self))
    }
}

/// Builds the response in the form that the request wants; 304 if the client already has this version.
fn written(context: &Context, reply: &Reply) -> Response {
    let Some(body) = &reply.body else { return respond::empty(reply.status) };
    let version = reply.meta("version");
    // The response to a write reports its outcome, whatever the client has cached (RFC 9110 §13.1.2).
    let reads = context.method == http::Method::GET;
    let known = context.header(header::IF_NONE_MATCH).filter(|_| reads);
    if let (StatusCode::OK, Some(version), Some(known)) = (reply.status, version, known)
        && known.split(',').any(|one| one.trim() == version || one.trim() == "*")
    {
        return respond::with(respond::empty(StatusCode::NOT_MODIFIED), header::ETAG, version);
    }
    let mut response = document(reply.status, body);
    if let Some(version) = version {
        response = respond::with(response, header::ETAG, version);
    }
    if let (StatusCode::CREATED, Some(location)) = (reply.status, reply.meta("location")) {
        response = respond::with(response, header::LOCATION, location);
    }
    response
}

/// Converts a failure to a SCIM error.
pub(super) fn in_words(failure: &ScimFailure) -> ScimError {
    let error = match failure {
        ScimFailure::Refused(error) => return error.clone(),
        ScimFailure::Failed(error) => error,
    };
    let status = match error {
        // RFC 7644 §3.12: the status of `mutability`.
        EngineError::Protected(_) => 400,
        _ => respond::status_of(error).as_u16(),
    };
    let kind = match error {
        EngineError::Protected(_) => Some("mutability"),
        EngineError::Exists(_) => Some("uniqueness"),
        EngineError::Invalid(_) => Some("invalidValue"),
        _ => None,
    };
    let detail = match error {
        EngineError::Forbidden => {
            "The caller has not the right to do this, or the other has more rights.".into()
        }
        EngineError::Store(_) | EngineError::Key(_) => {
            "The request could not be served. Try again in a moment.".into()
        }
        other => other.to_string(),
    };
    ScimError::new(status, kind, detail)
}

fn refuse(context: &Context, refusal: &Refusal) -> Response {
    let error = match refusal {
        Refusal::Denied(ApiRefused::Unauthenticated) => {
            ScimError::new(401, None, "Send a token, or a name and a password.")
        }
        Refusal::Denied(refused @ ApiRefused::SecondFactor) => {
            ScimError::new(401, None, format!("{refused}."))
        }
        Refusal::Denied(ApiRefused::TooMany) => {
            ScimError::new(429, None, "Too many attempts. Try again later.")
        }
        Refusal::Denied(ApiRefused::Failed(error)) => in_words(&error.clone().into()),
        Refusal::Failed(failure) => {
            if let ScimFailure::Failed(cause) = failure
                && respond::status_of(cause).is_server_error()
            {
                tracing::error!(error = %cause, request.id = %context.arrival.request_id, "SCIM failed");
            }
            in_words(failure)
        }
    };
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    context.challenged(document(status, &error.body()))
}

/// Builds the response for an unknown path below `/scim2`.
pub(crate) fn no_such_path() -> Response {
    not_found("There is nothing here.")
}

/// Builds a 404 response with the reason.
pub(crate) fn not_found(why: &str) -> Response {
    document(StatusCode::NOT_FOUND, &ScimError::new(404, None, why).body())
}

/// Builds the response for a method that the path doesn't support; the router adds `Allow`.
pub(crate) fn no_such_method() -> Response {
    let error = ScimError::new(405, None, "The path has other methods: see the header Allow.");
    document(StatusCode::METHOD_NOT_ALLOWED, &error.body())
}

/// Returns the refusal for an id that doesn't exist in this tenant.
pub(super) fn unknown(what: &'static str) -> Refusal {
    EngineError::NotFound(what).into()
}
