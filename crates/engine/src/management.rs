//! The session service as a trait, for programs that embed the engine: the same operations as
//! `/api/sessions/v1` and `sojourn sessions`.

use std::future::Future;

use sojourn_model::{
    Actor, AppId, Delivery, EffectivePolicy, Effects, GrantId, Job, JobId, PolicyScope, SessionId,
    SessionPolicy, Sid, Tenant, UserId,
};

use crate::deliveries::DeliveryQuery;
use crate::ending::{EndAnswer, EndRequest, EndTargets, Forecast, Named};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;
use crate::session::{Feed, FeedItem, Place, SearchPage, SessionQuery, SessionView, Total};

/// Finds any session, ends any set of them, knows what happened.
///
/// Every method works in one tenant. What is found and ended is narrowed to the [`Rights`] that are given:
/// sessions of people above them are left alone. [`Rights::of_scopes`] with `internal_*` covers everyone.
///
/// The examples share these names:
///
/// ```
/// # use sojourn_engine::{Engine, EngineError, SessionManagement};
/// # use sojourn_model::Tenant;
/// async fn example(engine: &Engine, tenant: &Tenant) -> Result<(), EngineError> {
///     let jobs = SessionManagement::jobs(engine, tenant, 10).await?;
///     println!("{} jobs", jobs.len());
///     Ok(())
/// }
/// ```
pub trait SessionManagement {
    /// A page of sessions, the latest first. By sign-in, no session that stays is shown twice or skipped.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, Rights, SessionManagement};
    /// # use sojourn_engine::session::{Position, SessionFilter, SessionQuery, Sort, Vocabulary};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// let rights = Rights::of_scopes("internal_*");
    /// let filter = SessionFilter::parse(Some("network eq 192.0.2.0/24"), Vocabulary::Full)?;
    /// let mut query = SessionQuery {
    ///     filter: &filter,
    ///     sort: Sort::SignedIn,
    ///     position: Position::Newest,
    ///     limit: 25,
    ///     rights: &rights,
    ///     as_of: None,
    /// };
    /// let first = engine.find(tenant, &query).await?;
    /// if let Some(place) = first.older {
    ///     query.position = Position::Before(place);
    ///     let second = engine.find(tenant, &query).await?;
    ///     println!("{} more", second.found.len());
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Store`]
    fn find(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> impl Future<Output = Result<SearchPage, EngineError>> + Send;

    /// How many sessions pass a query's filter, counted up to a budget.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement, session::SessionQuery};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, query: &SessionQuery<'_>)
    /// #     -> Result<(), EngineError> {
    /// let total = engine.count(tenant, query).await?;
    /// println!("{}{}", if total.exact { "" } else { "at least " }, total.count);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Store`]
    fn count(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> impl Future<Output = Result<Total, EngineError>> + Send;

    /// One session, living or ended, with what applications were told of its end.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, id: sojourn_model::SessionId)
    /// #     -> Result<(), EngineError> {
    /// let (view, told) = engine.show(tenant, id).await?;
    /// println!("{} applications, {} told", view.stays.len(), told.len());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotFound`]
    fn show(
        &self,
        tenant: &Tenant,
        session: SessionId,
    ) -> impl Future<Output = Result<(SessionView, Vec<Delivery>), EngineError>> + Send;

    /// What a request would end; nothing ends, and the audit log has a row.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, Rights, SessionManagement};
    /// # use sojourn_engine::ending::{EndRequest, EndTargets};
    /// # use sojourn_model::Actor;
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// let targets = EndTargets::Query("browser eq Firefox".into());
    /// let mut request = EndRequest::new(targets, Actor::Operator, Rights::of_scopes("internal_*"));
    /// let forecast = engine.preview_end_of(tenant, &request).await?;
    /// request.expected_at_most = Some(forecast.summary.sessions);
    /// engine.end_all_of(tenant, &request).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`SessionManagement::end_all_of`].
    fn preview_end_of(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> impl Future<Output = Result<Forecast, EngineError>> + Send;

    /// Ends what a request names: at once when it is small, by a job when it is large.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, Rights, SessionManagement};
    /// # use sojourn_engine::ending::{EndAnswer, EndRequest, EndTargets};
    /// # use sojourn_model::Actor;
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// let targets = EndTargets::Role("couriers".into());
    /// let request = EndRequest::new(targets, Actor::Operator, Rights::of_scopes("internal_*"));
    /// match engine.end_all_of(tenant, &request).await? {
    ///     EndAnswer::Ended { summary, .. } => println!("{} sessions", summary.sessions),
    ///     EndAnswer::Job(job) => println!("job {}", job.id),
    ///     EndAnswer::Again(answer) => println!("{answer}"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for an empty target or a malformed filter, [`EngineError::NotFound`],
    /// [`EngineError::Forbidden`], [`EngineError::MoreThanExpected`].
    fn end_all_of(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> impl Future<Output = Result<EndAnswer, EngineError>> + Send;

    /// Signs a session out of one application; the session goes on.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, Rights, SessionManagement};
    /// # use sojourn_model::{Actor, AppId, SessionId};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, id: SessionId, app: AppId)
    /// #     -> Result<(), EngineError> {
    /// let rights = Rights::of_scopes("internal_*");
    /// engine.end_application(tenant, id, app, Actor::Operator, rights).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]
    fn end_application(
        &self,
        tenant: &Tenant,
        session: SessionId,
        app: AppId,
        actor: Actor,
        rights: Rights,
    ) -> impl Future<Output = Result<EndAnswer, EngineError>> + Send;

    /// Ends one grant: everything that was issued from it is dead.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, Rights, SessionManagement};
    /// # use sojourn_model::{Actor, GrantId};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, grant: GrantId)
    /// #     -> Result<(), EngineError> {
    /// engine.end_grant(tenant, grant, Actor::Operator, Rights::of_scopes("internal_*")).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]
    fn end_grant(
        &self,
        tenant: &Tenant,
        grant: GrantId,
        actor: Actor,
        rights: Rights,
    ) -> impl Future<Output = Result<EndAnswer, EngineError>> + Send;

    /// The latest jobs. See the trait's own example.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// for job in SessionManagement::jobs(engine, tenant, 10).await? {
    ///     println!("{} of {}", job.done, job.total);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Store`]
    fn jobs(
        &self,
        tenant: &Tenant,
        limit: i64,
    ) -> impl Future<Output = Result<Vec<Job>, EngineError>> + Send;

    /// Stops a job; what it has ended stays ended.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # use sojourn_model::{Actor, JobId};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, id: JobId)
    /// #     -> Result<(), EngineError> {
    /// let job = engine.cancel(tenant, id, &Actor::Operator).await?;
    /// println!("{} were ended before", job.ended.sessions);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Invalid`]
    fn cancel(
        &self,
        tenant: &Tenant,
        job: JobId,
        actor: &Actor,
    ) -> impl Future<Output = Result<Job, EngineError>> + Send;

    /// What applications were told, and where the next page begins.
    ///
    /// ```
    /// # use sojourn_engine::{DeliveryQuery, Engine, EngineError, Rights, SessionManagement, session::Place};
    /// # use sojourn_model::DeliveryState;
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// let query = DeliveryQuery {
    ///     state: Some(DeliveryState::Dead),
    ///     app: None,
    ///     before: Place::LAST,
    ///     limit: 25,
    ///     rights: &Rights::of_scopes("internal_*"),
    /// };
    /// let (dead, _) = engine.deliveries(tenant, &query).await?;
    /// println!("{} were given up", dead.len());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Store`]
    fn deliveries(
        &self,
        tenant: &Tenant,
        query: &DeliveryQuery<'_>,
    ) -> impl Future<Output = Result<(Vec<Delivery>, Option<Place>), EngineError>> + Send;

    /// Sends a delivery again that was refused or given up.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # use sojourn_model::{Actor, SessionId, Sid};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, session: SessionId, sid: Sid)
    /// #     -> Result<(), EngineError> {
    /// engine.resend(tenant, session, sid, &Actor::Operator).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotFound`]
    fn resend(
        &self,
        tenant: &Tenant,
        session: SessionId,
        sid: Sid,
        actor: &Actor,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Gives up a delivery that waits.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # use sojourn_model::{Actor, SessionId, Sid};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, session: SessionId, sid: Sid)
    /// #     -> Result<(), EngineError> {
    /// engine.give_up(tenant, session, sid, &Actor::Operator).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotFound`]
    fn give_up(
        &self,
        tenant: &Tenant,
        session: SessionId,
        sid: Sid,
        actor: &Actor,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// What holds for a user's sessions, from all levels of policy.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant, user: sojourn_model::UserId)
    /// #     -> Result<(), EngineError> {
    /// let holds = engine.effective_policy(tenant, user, None).await?;
    /// println!("idle after {} ms", holds.idle_timeout_ms);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Store`]
    fn effective_policy(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: Option<AppId>,
    ) -> impl Future<Output = Result<EffectivePolicy, EngineError>> + Send;

    /// Sets a policy; an empty one removes what was set.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, SessionManagement};
    /// # use sojourn_model::{Actor, AtLimit, PolicyScope, SessionPolicy};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// let policy = SessionPolicy {
    ///     max_sessions: Some(3),
    ///     at_limit: Some(AtLimit::Ask),
    ///     ..SessionPolicy::default()
    /// };
    /// engine.put_policy(tenant, PolicyScope::Tenant, policy, &Actor::Operator).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::NotFound`], [`EngineError::Invalid`]
    fn put_policy(
        &self,
        tenant: &Tenant,
        scope: PolicyScope,
        policy: SessionPolicy,
        actor: &Actor,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// What happened since the last look, in order, each thing once.
    ///
    /// ```
    /// # use sojourn_engine::{Engine, EngineError, Rights, SessionManagement};
    /// # use sojourn_engine::session::{Feed, SessionFilter, Vocabulary};
    /// # async fn example(engine: &Engine, tenant: &sojourn_model::Tenant) -> Result<(), EngineError> {
    /// let all = SessionFilter::parse(None, Vocabulary::Full)?;
    /// let mut feed = Feed::since(engine.now(), None, all, Rights::of_scopes("internal_*"));
    /// for item in engine.watch(tenant, &mut feed).await? {
    ///     println!("{:?} {}", item.what, item.user.username);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`EngineError::Store`]
    fn watch(
        &self,
        tenant: &Tenant,
        feed: &mut Feed,
    ) -> impl Future<Output = Result<Vec<FeedItem>, EngineError>> + Send;
}

impl SessionManagement for Engine {
    async fn find(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<SearchPage, EngineError> {
        Ok(self.search_sessions(tenant, query).await?)
    }

    async fn count(&self, tenant: &Tenant, query: &SessionQuery<'_>) -> Result<Total, EngineError> {
        Ok(self.count_sessions(tenant, query).await?)
    }

    async fn show(
        &self,
        tenant: &Tenant,
        session: SessionId,
    ) -> Result<(SessionView, Vec<Delivery>), EngineError> {
        self.session_with_deliveries(tenant, session).await
    }

    async fn preview_end_of(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<Forecast, EngineError> {
        self.preview(tenant, request).await
    }

    async fn end_all_of(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<EndAnswer, EngineError> {
        self.end(tenant, request).await
    }

    async fn end_application(
        &self,
        tenant: &Tenant,
        session: SessionId,
        app: AppId,
        actor: Actor,
        rights: Rights,
    ) -> Result<EndAnswer, EngineError> {
        let targets = EndTargets::Named(vec![Named::Session(session)]);
        let request = EndRequest {
            effects: Effects { session: false, ..Effects::END },
            applications: Some(vec![app]),
            ..EndRequest::new(targets, actor, rights)
        };
        self.end(tenant, &request).await
    }

    async fn end_grant(
        &self,
        tenant: &Tenant,
        grant: GrantId,
        actor: Actor,
        rights: Rights,
    ) -> Result<EndAnswer, EngineError> {
        let targets = EndTargets::Named(vec![Named::Grant(grant)]);
        self.end(tenant, &EndRequest::new(targets, actor, rights)).await
    }

    async fn jobs(&self, tenant: &Tenant, limit: i64) -> Result<Vec<Job>, EngineError> {
        Ok(self.store.jobs(tenant.id, limit).await?)
    }

    async fn cancel(&self, tenant: &Tenant, job: JobId, actor: &Actor) -> Result<Job, EngineError> {
        self.cancel_job(tenant, job, actor).await
    }

    async fn deliveries(
        &self,
        tenant: &Tenant,
        query: &DeliveryQuery<'_>,
    ) -> Result<(Vec<Delivery>, Option<Place>), EngineError> {
        self.search_deliveries(tenant, query).await
    }

    async fn resend(
        &self,
        tenant: &Tenant,
        session: SessionId,
        sid: Sid,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        self.resend_delivery(tenant, session, sid, actor).await
    }

    async fn give_up(
        &self,
        tenant: &Tenant,
        session: SessionId,
        sid: Sid,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        self.give_up_delivery(tenant, session, sid, actor).await
    }

    async fn effective_policy(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: Option<AppId>,
    ) -> Result<EffectivePolicy, EngineError> {
        self.policy(tenant, user, app).await
    }

    async fn put_policy(
        &self,
        tenant: &Tenant,
        scope: PolicyScope,
        policy: SessionPolicy,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        self.set_policy(tenant, scope, policy, actor).await
    }

    async fn watch(&self, tenant: &Tenant, feed: &mut Feed) -> Result<Vec<FeedItem>, EngineError> {
        self.look(tenant, feed).await
    }
}
