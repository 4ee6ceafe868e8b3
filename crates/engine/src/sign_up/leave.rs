//! Deletion of one's own account: immediately, after a number of days, or after an administrator approves it.

use serde_json::json;
use sojourn_model::limits::DELETIONS_LISTED_MAX;
use sojourn_model::{
    Actor, AskedDeletion, ChangeSet, Leaving, Op, Outcome, Session, SignUpChange, Tenant, User,
    UserId,
};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::factors::FactorRefused;
use crate::outside::Letter;
use crate::rights::Right;

const DAY_MS: i64 = 24 * 3_600_000;
/// Maximum number of accounts that are deleted per call.
const BATCH: i64 = 50;

/// The result of a request to delete one's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The account was deleted immediately.
    Gone,
    /// The request waits for its date or for an administrator.
    Waits,
}

impl Engine {
    /// Deletes the account of a session's user, or stores the request, depending on the tenant's settings.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the user authenticated a moment ago, [`FactorRefused::Gone`] if the tenant
    /// doesn't allow it or the request was stored already, [`EngineError::Protected`] if the user is the last
    /// administrator.
    pub async fn leave(&self, tenant: &Tenant, session: &Session) -> Result<Left, FactorRefused> {
        let (user, _) = self.fresh_user(tenant, session).await?;
        let at = self.now();
        let due = match tenant.sign_up.leaving {
            Leaving::Never => return Err(FactorRefused::Gone),
            Leaving::AtOnce => {
                let also = self.with_farewell(tenant, &user).await?;
                self.remove_account(tenant, &user, &Actor::User(user.id), also).await?;
                return Ok(Left::Gone);
            }
            Leaving::AfterDays(days) => Some(at.plus(i64::from(days) * DAY_MS)),
            Leaving::ByApproval => None,
        };
        let asked = AskedDeletion { user: user.id, at, due };
        let ask = SignUpChange::AskDeletion { asked, epoch: user.epoch };
        let mut change = ChangeSet::of(tenant.id, Op::SignUp(ask));
        let actor = Actor::User(user.id);
        let about = json!({ "due": due.map(crate::tasks::moment) });
        change.audit.push(self.audit_row(&actor, "user.deletion_ask", user.id, &about));
        let link = format!("{}/myaccount/delete", self.settings.address(tenant));
        self.push_to_owner(tenant, &user, &Letter::Leaving { due, link: &link }, &mut change)
            .await?;
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(Left::Waits),
            _ => Err(FactorRefused::Gone),
        }
    }

    /// Adds a mail to the confirmed addresses of an account, if mail is configured.
    async fn push_to_owner(
        &self,
        tenant: &Tenant,
        user: &User,
        letter: &Letter<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        match self.settings.resets_by_mail {
            true => self.push_letter(tenant, user, letter, change).await,
            false => Ok(()),
        }
    }

    async fn with_farewell(&self, tenant: &Tenant, user: &User) -> Result<ChangeSet, EngineError> {
        let mut change = ChangeSet::new(tenant.id);
        self.push_to_owner(tenant, user, &Letter::Deleted, &mut change).await?;
        Ok(change)
    }

    /// Withdraws a user's request to delete their account.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such request.
    pub async fn stay(&self, tenant: &Tenant, session: &Session) -> Result<(), EngineError> {
        self.keep_account(tenant, session.user, &Actor::User(session.user)).await
    }

    /// Declines a user's request to delete their account.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such request.
    pub async fn decline_deletion(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserDelete)?;
        self.must_cover(tenant, by, user.id).await?;
        self.keep_account(tenant, user.id, &by.actor()).await
    }

    async fn keep_account(
        &self,
        tenant: &Tenant,
        user: UserId,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let settle = Op::SignUp(SignUpChange::SettleDeletion { user });
        let mut change = ChangeSet::of(tenant.id, settle);
        change.audit.push(self.audit_row(actor, "user.deletion_cancel", user, &json!({})));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(EngineError::NotFound("deletion")),
        }
    }

    /// Approves a user's request to delete their account, and deletes it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the request was withdrawn or the account was deleted.
    pub async fn agree_to_deletion(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserDelete)?;
        self.must_cover(tenant, by, user.id).await?;
        self.delete_as_asked(tenant, user, &by.actor()).await
    }

    async fn delete_as_asked(
        &self,
        tenant: &Tenant,
        user: &User,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let also = self.with_farewell(tenant, user).await?;
        let settle = Op::SignUp(SignUpChange::SettleDeletion { user: user.id });
        self.remove_account(tenant, user, actor, also.with(settle)).await
    }

    /// The accounts with a pending request for deletion, oldest request first.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails, [`EngineError::Forbidden`] if the caller lacks the right.
    pub async fn asked_deletions(
        &self,
        tenant: &Tenant,
        by: &Authority,
    ) -> Result<Vec<AskedDeletion>, EngineError> {
        by.must(tenant, Right::UserDelete)?;
        Ok(self.store.deletions(tenant.id, DELETIONS_LISTED_MAX).await?)
    }

    /// Deletes the accounts with a due request. Returns how many.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn delete_due_accounts(&self) -> Result<usize, EngineError> {
        let mut done = 0;
        for (tenant, user) in self.store.deletions_due(self.now(), BATCH).await? {
            let found = self.store.tenant(tenant).await?;
            let account = self.store.user(tenant, user).await?;
            let (Some(tenant), Some(account)) = (found, account) else { continue };
            match self.delete_as_asked(&tenant, &account, &Actor::User(user)).await {
                Ok(()) => done += 1,
                // The request was withdrawn at the same time, or another node deleted the account.
                Err(EngineError::NotFound(_)) => {}
                Err(EngineError::Protected(why)) => {
                    tracing::warn!(why, "an account that its person wants deleted is kept");
                    self.keep_account(&tenant, user, &Actor::System).await?;
                }
                // The next accounts are due independently; this one is tried again a minute later.
                Err(error) => tracing::error!(%error, "an account that is due can't be deleted"),
            }
        }
        Ok(done)
    }
}
