//! The end of a recovery's waiting time, by an administrator.

use serde_json::json;
use sojourn_model::{ChangeSet, FactorChange, Millis, Op, Outcome, Tenant, User};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;
use crate::rights::Right;

impl Engine {
    /// Ends the waiting time of an account that is being recovered, so that its user can sign in immediately. The user is
    /// notified by mail. Does nothing if the account doesn't wait.
    ///
    /// # Errors
    /// [`EngineError`] if the caller lacks the right or the database fails.
    pub async fn end_wait(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        if user.recovers_at.is_none_or(|until| until <= self.now()) {
            return Ok(());
        }
        // A time that no clock is before, not even one that goes back. A wait that began meanwhile goes on.
        let end = FactorChange::Recover { user: user.id, at: Millis(0), was: user.recovers_at };
        let mut change = ChangeSet::of(tenant.id, Op::Factor(end));
        self.push_notice(tenant, user, News::WaitEnded, &mut change).await?;
        change.audit.push(self.audit_row(&by.actor(), "user.wait_end", user.id, &json!({})));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(EngineError::Contended),
        }
    }
}
