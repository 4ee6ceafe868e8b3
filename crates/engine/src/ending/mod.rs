//! Ending what an administrator names: sessions, people, everyone with a role, whatever passes a filter. What is
//! small ends at once; what is large becomes a job.

mod forecast;
mod job;
mod kept;
mod receipts;
mod targets;

use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{
    AppId, ChangeSet, Effects, EndId, EndReason, EndSummary, GrantId, Job, Op, SessionId, Tenant,
    UserId,
};

pub use self::forecast::Forecast;
pub(crate) use self::job::EndWork;
pub use self::kept::RequestKey;
use self::targets::Resolved;
use crate::authority::Authority;
use crate::deliver::LEASE_MS;
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

/// What is to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndTargets {
    /// These, each by its name; a hundred at most.
    Named(Vec<Named>),
    /// Everything of everyone who has a role, by its name.
    Role(String),
    /// Everything of everyone who is in a group, by its name.
    Group(String),
    /// The live sessions that pass a filter (see [`crate::session::SessionFilter`]) and began before now.
    Query(String),
}

/// By what sessions are found that are to end; what is given has to hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundBy {
    /// A role by name.
    pub role: Option<String>,
    /// A group by name.
    pub group: Option<String>,
    /// A network or an address.
    pub network: Option<String>,
    /// An application by its `client_id`.
    pub client_id: Option<String>,
    /// A filter.
    pub filter: Option<String>,
}

impl FoundBy {
    /// Whether nothing is given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The targets: a role alone means everything of its members.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] when nothing is given or the filter isn't one.
    pub fn targets(self) -> Result<EndTargets, EngineError> {
        let alone = self.network.is_none() && self.client_id.is_none() && self.filter.is_none();
        match (&self.role, &self.group) {
            (Some(role), None) if alone => return Ok(EndTargets::Role(role.clone())),
            (None, Some(group)) if alone => return Ok(EndTargets::Group(group.clone())),
            _ => {}
        }
        if let Some(filter) = &self.filter {
            // Read by itself: brackets must not reach beyond it.
            targets::live_filter(filter)?;
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

/// Something that is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Everything of a user: sessions, and grants without one.
    User(UserId),
    /// The user's sessions but this one, and their grants.
    UserExcept(UserId, SessionId),
    /// A session; one that isn't there is as good as ended.
    Session(SessionId),
    /// A grant; one that isn't there is as good as ended.
    Grant(GrantId),
}

/// What is wanted, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRequest {
    /// What is to be ended.
    pub targets: EndTargets,
    /// What to do to it.
    pub effects: Effects,
    /// The applications to which tokens, consents and notices are narrowed; an empty list means none.
    pub applications: Option<Vec<AppId>>,
    /// By whom. Sessions of people above them are left alone, or refused where they are named.
    pub by: Authority,
    /// Refuse when more sessions than this would end.
    pub expected_at_most: Option<u64>,
    /// Make it a job, however small it is.
    pub as_job: bool,
    /// Sessions that a job ends in a second, at most.
    pub rate: Option<u32>,
    /// The caller's own key: the same request again is answered and not carried out.
    pub key: Option<RequestKey>,
}

impl EndRequest {
    /// A request with the effects of an end by someone.
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

/// Whom an end concerned: the way to what applications were told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Concerned {
    sessions: Vec<SessionId>,
    users: Vec<UserId>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndAnswer {
    /// It is done.
    Ended {
        /// Names the end: what ended together carries it.
        id: EndId,
        /// What it did.
        summary: EndSummary,
        /// What was named or found, some of which may have ended before.
        concerned: Concerned,
    },
    /// A job does it.
    Job(Box<Job>),
    /// The same request came before; this is what it was answered.
    Again(String),
}

impl Engine {
    /// Ends what a request names.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for an empty target or a malformed filter, [`EngineError::NotFound`] for a user or
    /// role that isn't there, [`EngineError::Forbidden`] when someone named is above the caller,
    /// [`EngineError::MoreThanExpected`] when more would end than was expected.
    pub async fn end(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<EndAnswer, EngineError> {
        request.by.must(tenant, Right::SessionDelete)?;
        if let Some(answer) = self.kept_answer(tenant, request).await? {
            return Ok(EndAnswer::Again(answer));
        }
        if request.effects.is_empty() {
            return Err(EngineError::Invalid("name at least one effect".into()));
        }
        self.guard(tenant, request).await?;
        match self.resolve(tenant, request, INLINE_END_USERS_MAX).await? {
            Resolved::All(targets) if !request.as_job => {
                self.end_now(tenant, request, targets).await
            }
            Resolved::All(_) | Resolved::Large => self.begin_end_job(tenant, request).await,
        }
    }

    async fn guard(&self, tenant: &Tenant, request: &EndRequest) -> Result<(), EngineError> {
        let Some(most) = request.expected_at_most else { return Ok(()) };
        let forecast = self.forecast(tenant, request).await?;
        let found = forecast.summary.sessions;
        if found > most || !forecast.exact {
            return Err(EngineError::MoreThanExpected { found, most });
        }
        Ok(())
    }

    async fn end_now(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
        targets: Vec<sojourn_model::EndTarget>,
    ) -> Result<EndAnswer, EngineError> {
        let concerned = Concerned::by(&targets);
        if targets.is_empty() {
            let id = EndId::random(&*self.rng);
            return Ok(EndAnswer::Ended { id, summary: EndSummary::default(), concerned });
        }
        let mut end = self.end_operation(tenant, request.plan(targets));
        if self.outbox.takes_more() {
            end.lease_ms = LEASE_MS;
        }
        let mut change = ChangeSet::new(tenant.id);
        let detail = serde_json::json!({
            "effects": end.effects,
            "targets": end.targets.iter().map(|one| format!("{one:?}")).collect::<Vec<_>>(),
        });
        let id = end.id;
        change.audit.push(self.audit_row(&end.actor, "session.end", id, &detail));
        self.keep_request(request, &id.to_string(), &mut change);
        change.ops.push(Op::EndSessions(end));
        let ended = self.apply_end(id, change).await?;
        Ok(EndAnswer::Ended { id, summary: ended.summary, concerned })
    }
}

impl EndRequest {
    fn plan(&self, targets: Vec<sojourn_model::EndTarget>) -> EndPlan {
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
