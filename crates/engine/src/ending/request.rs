//! What is asked to be ended, and what is answered.

use sojourn_model::{
    AppId, Effects, EndId, EndReason, EndSummary, GrantId, Job, SessionId, UserId,
};

use crate::authority::Authority;
use crate::end_plan::EndPlan;
use crate::error::EngineError;
use crate::session::{SessionFilter, Vocabulary};

/// Targets of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndTargets {
    /// Targets listed by id; at most a hundred.
    Named(Vec<Named>),
    /// All sessions and grants of everyone who has the role with this name.
    Role(String),
    /// All sessions and grants of everyone who is in the group with this name.
    Group(String),
    /// The active sessions that match a filter (see [`crate::session::SessionFilter`]) and started before now.
    Query(String),
}

/// Criteria for the sessions to end; a session must match every one that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundBy {
    /// Name of a role that the user must have.
    pub role: Option<String>,
    /// Name of a group that the user must be in.
    pub group: Option<String>,
    /// Network or address that the session must come from.
    pub network: Option<String>,
    /// `client_id` of an application that the session must have a stay in.
    pub client_id: Option<String>,
    /// SCIM-style filter that the session must match.
    pub filter: Option<String>,
}

impl FoundBy {
    /// Returns whether no criterion is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Converts the criteria to targets. A role or group alone selects everything of its members.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if no criterion is set or the filter isn't valid.
    pub fn targets(self) -> Result<EndTargets, EngineError> {
        let alone = self.network.is_none() && self.client_id.is_none() && self.filter.is_none();
        match (&self.role, &self.group) {
            (Some(role), None) if alone => return Ok(EndTargets::Role(role.clone())),
            (None, Some(group)) if alone => return Ok(EndTargets::Group(group.clone())),
            _ => {}
        }
        if let Some(filter) = &self.filter {
            // Parsed separately, so that its parentheses can't affect the rest.
            live_filter(filter)?;
        }
        let quoted = |attribute: &str, value: Option<String>| {
            value.map(|value| format!("{attribute} eq {}", serde_json::Value::String(value)))
        };
        let parts = [
            quoted("role", self.role),
            quoted("group", self.group),
            quoted("network", self.network),
            quoted("client_id", self.client_id),
            self.filter.map(|filter| format!("({filter})")),
        ];
        let all: Vec<String> = parts.into_iter().flatten().collect();
        Ok(EndTargets::Query(all.join(" and ")))
    }
}

/// Parses a filter of sessions to end, which must not ask for ended ones.
pub(super) fn live_filter(text: &str) -> Result<SessionFilter, EngineError> {
    if text.trim().is_empty() {
        return Err(EngineError::Invalid("an empty filter ends nothing".into()));
    }
    let filter = SessionFilter::parse(Some(text), Vocabulary::Full)?;
    if !filter.live_only() {
        let why = "only active sessions can be ended: remove the parts of the filter that ask about the end";
        return Err(EngineError::Invalid(why.into()));
    }
    Ok(filter)
}

/// A target that is listed by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// All sessions and grants of a user, including grants without a session.
    User(UserId),
    /// All sessions of a user except the given one, and their grants.
    UserExcept(UserId, SessionId),
    /// A session; one that doesn't exist counts as ended.
    Session(SessionId),
    /// A grant; one that doesn't exist counts as ended.
    Grant(GrantId),
}

/// An idempotency key and the request that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// The caller's key, kept for a day.
    pub key: String,
    /// SHA-256 of the request's body.
    pub request: [u8; 32],
}

/// A request to end sessions, on behalf of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRequest {
    /// The sessions, users or grants to end.
    pub targets: EndTargets,
    /// What happens to them.
    pub effects: Effects,
    /// Applications to which the effects on tokens, consents and notices are limited; an empty list means none.
    pub applications: Option<Vec<AppId>>,
    /// The caller. Sessions of users with more rights are skipped, or refused if they are listed by id.
    pub by: Authority,
    /// Refuses the request if more sessions than this would end.
    pub expected_at_most: Option<u64>,
    /// Runs the request as a job, even if it is small.
    pub as_job: bool,
    /// Maximum number of sessions that a job ends per second.
    pub rate: Option<u32>,
    /// The caller's idempotency key: a repeated request gets the stored response and isn't executed.
    pub key: Option<RequestKey>,
}

impl EndRequest {
    /// A request with the default effects of an end by an administrator.
    #[must_use]
    pub fn new(targets: EndTargets, by: Authority) -> Self {
        Self {
            targets,
            effects: Effects::END,
            applications: None,
            by,
            expected_at_most: None,
            as_job: false,
            rate: None,
            key: None,
        }
    }
}

/// The users and sessions that an end affected, for finding the notices to applications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concerned {
    pub(super) sessions: Vec<SessionId>,
    pub(super) users: Vec<UserId>,
}

/// The result of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndAnswer {
    /// The request was executed completely.
    Ended {
        /// Id of the end, shared by everything that ended with it.
        id: EndId,
        /// Numbers of sessions, tokens and deliveries affected.
        summary: EndSummary,
        /// The targets that were listed or found, some of which may have ended before.
        concerned: Concerned,
    },
    /// A job executes the request.
    Job(Box<Job>),
    /// The request was repeated; this is the stored response.
    Again(String),
}

impl EndRequest {
    pub(super) fn plan(&self, targets: Vec<sojourn_model::EndTarget>) -> EndPlan {
        EndPlan {
            targets,
            effects: self.effects,
            applications: self.applications.clone(),
            reason: EndReason::Admin,
            actor: self.by.actor(),
            in_browser: false,
        }
    }
}
