//! Securing an account that may be compromised: everything that gives access to it ends, and new credentials are
//! required.

use serde_json::json;
use sojourn_model::{
    AddressChange, ChangeSet, EndReason, EndTarget, EventName, FactorChange, Millis, Op,
    PasswordDue, Tenant, User,
};

use crate::authority::Authority;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;
use crate::rights::Right;

impl Engine {
    /// Ends every session and token of a user, including offline tokens, removes passkeys, second factors, recovery
    /// codes, trusted browsers and every mail address but the main one, and disables the password: the user chooses another one by mail, or an
    /// administrator sets it. The user is notified by mail.
    ///
    /// # Errors
    /// [`EngineError`] if the caller lacks the right or the database fails.
    pub async fn secure_account(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let reason = EndReason::CredentialChanged;
        let plan = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let all =
            FactorChange::RemoveSince { user: user.id, since: Millis(i64::MIN), named: Vec::new() };
        let untrust = FactorChange::Untrust { user: user.id, browser: None };
        // Whoever took the account over may have added an address, to which the new password could be mailed.
        let others = AddressChange::RemoveSince { user: user.id, since: Millis(i64::MIN) };
        let due = Op::DuePassword { user: user.id, due: PasswordDue::ByMail };
        // The credentials change first, so that a session that starts meanwhile sees another epoch.
        let mut change = ChangeSet::of(tenant.id, due)
            .with(Op::Factor(all))
            .with(Op::Factor(untrust))
            .with(Op::Address(others))
            .with(Op::EndSessions(end));
        let wait = self.wait_of_recovery(tenant, user).await?;
        change.ops.extend(wait.map(|(wait, _)| Op::Factor(wait)));
        let event = EventName::PostSecureAccount;
        change.events.push(self.user_event(user, event, actor));
        change.audit.push(self.audit_row(actor, "user.secure", user.id, &json!({})));
        self.push_notice(tenant, user, News::Secured, &mut change).await?;
        self.apply_end(id, change).await.map(|_| ())
    }
}
