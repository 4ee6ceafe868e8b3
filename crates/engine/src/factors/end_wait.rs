//! The end of a recovery's waiting time, by an administrator.

use serde_json::json;
use sojourn_model::{ChangeSet, FactorChange, Millis, Op, Tenant, User};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

impl Engine {
    /// Ends the waiting time of an account that is being recovered, so that its user can sign in immediately. Does
    /// nothing if the account doesn't wait.
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
        // A time that no clock is before, not even one that goes back.
        let end = FactorChange::Recover { user: user.id, at: Millis(0) };
        let mut change = ChangeSet::of(tenant.id, Op::Factor(end));
        change.audit.push(self.audit_row(&by.actor(), "user.wait_end", user.id, &json!({})));
        self.must_apply(change).await.map(|_| ())
    }
}
