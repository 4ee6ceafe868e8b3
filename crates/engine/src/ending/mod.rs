//! Ends sessions at the request of an administrator: single sessions, users, everyone with a role, or the matches of
//! a filter. Small requests are executed immediately; large ones become a job (bulk sign-out).

mod forecast;
mod job;
mod kept;
mod push_job;
mod receipts;
mod request;
mod role_change;
mod targets;

use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{ChangeSet, EndId, EndSummary, Op, Tenant};

pub use self::forecast::Forecast;
pub use self::receipts::{FOLLOWED_MAX, Followed};
pub use self::request::{Concerned, EndAnswer, EndRequest, EndTargets, FoundBy, Named, RequestKey};
use self::targets::Resolved;
use crate::deliver::LEASE_MS;
use crate::end::end_detail;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

impl Engine {
    /// Ends the targets of a request.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if there are no targets or the filter is malformed, [`EngineError::NotFound`] if a
    /// user or role doesn't exist, [`EngineError::Forbidden`] if a listed user has more rights than the caller,
    /// [`EngineError::MoreThanExpected`] if more sessions would end than expected.
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
            return Err(EngineError::Invalid("specify at least one effect".into()));
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
        let detail = end_detail(&end);
        let id = end.id;
        change.audit.push(self.audit_row(&end.actor, "session.end", id, &detail));
        self.keep_request(request, &id.to_string(), &mut change);
        change.ops.push(Op::EndSessions(end));
        let ended = self.apply_end(id, change).await?;
        Ok(EndAnswer::Ended { id, summary: ended.summary, concerned })
    }
}
