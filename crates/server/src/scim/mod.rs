//! SCIM 2.0 at `/scim2` (RFC 7643, RFC 7644): people, groups, roles, and what the server says of itself.

pub(crate) mod bulk;
pub(crate) mod discovery;
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

/// The schema of a page of a list.
const LIST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Why a request isn't served. Handlers end in `?`.
pub(super) enum Refusal {
    /// Nobody is let in.
    Denied(ApiRefused),
    /// A rule was broken, or something failed.
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

/// A request that is served, and on whose behalf.
pub(super) struct Call<'c> {
    pub(super) context: &'c Context,
    pub(super) caller: Authority,
    /// Which attributes of the answer are shown.
    pub(super) shown: Projection,
    /// The entity tag that a write relies on.
    pub(super) if_match: Option<String>,
}

/// An answer.
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
    /// Lets a caller in and reads which attributes they want.
    pub(super) async fn new(context: &'c Context, query: Option<&str>) -> Result<Self, Refusal> {
        let caller = crate::api::caller::authenticated(context).await.map_err(Refusal::Denied)?;
        let shown = request::projection(&request::query(query)?)?;
        let if_match = context.header(header::IF_MATCH).map(str::trim);
        let if_match = if_match.filter(|tag| *tag != "*").map(str::to_owned);
        Ok(Self { context, caller, shown, if_match })
    }

    /// The version of a group or a role that a write relies on.
    pub(super) fn if_version(&self) -> Option<i64> {
        // A tag that isn't one of ours matches nothing.
        self.if_match.as_deref().map(|tag| version_of(tag).unwrap_or(-1))
    }

    /// Refuses who has not the right.
    pub(super) fn need(&self, right: Right) -> Result<(), Refusal> {
        if self.caller.may(right) { Ok(()) } else { Err(EngineError::Forbidden.into()) }
    }

    /// A page of a list, as it is answered.
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

/// An answer, as its request wants it.
fn written(context: &Context, reply: &Reply) -> Response {
    let Some(body) = &reply.body else { return respond::empty(reply.status) };
    let version = reply.meta("version");
    // Of a write the answer is what it did, whatever the client knows (RFC 9110 §13.1.2).
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

/// What went wrong, in SCIM's words.
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

/// No such path below `/scim2`.
pub(crate) fn no_such_path() -> Response {
    not_found("There is nothing here.")
}

/// Nothing is there, for a reason.
pub(crate) fn not_found(why: &str) -> Response {
    document(StatusCode::NOT_FOUND, &ScimError::new(404, None, why).body())
}

/// The path has other methods; the router adds `Allow`.
pub(crate) fn no_such_method() -> Response {
    let error = ScimError::new(405, None, "The path has other methods: see the header Allow.");
    document(StatusCode::METHOD_NOT_ALLOWED, &error.body())
}

/// Nothing of that id, in this tenant.
pub(super) fn unknown(what: &'static str) -> Refusal {
    EngineError::NotFound(what).into()
}
