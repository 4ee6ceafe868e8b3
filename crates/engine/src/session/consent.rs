//! Stored consents of users to applications, and the check of the user that a request expects.

use serde_json::json;
use sojourn_model::limits::CONFLICT_RETRIES_MAX;
use sojourn_model::{
    Actor, AppId, Application, ChangeSet, Effects, EndReason, EndTarget, EventName, Millis,
    NewEvent, OnAccessRemoved, Op, Outcome, Session, SessionState, Subject, Tenant, UserId,
};
use sojourn_oidc::{AuthorizeRequest, scope};
use sojourn_store::ConsentRow;

use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The scopes that a user approved for an application, and when.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn consent(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: AppId,
    ) -> Result<Option<(String, Millis)>, EngineError> {
        let all = self.store.consents(tenant.id, user).await?;
        Ok(all.into_iter().find(|one| one.app == app).map(|one| (one.scopes, one.given_at)))
    }

    /// All consents of a user.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn consents(
        &self,
        tenant: &Tenant,
        user: UserId,
    ) -> Result<Vec<ConsentRow>, EngineError> {
        Ok(self.store.consents(tenant.id, user).await?)
    }

    /// Stores a consent that is given in a session, in addition to the scopes that were approved before.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the session ended in the meantime.
    pub async fn give_consent(
        &self,
        tenant: &Tenant,
        session: &Session,
        app: AppId,
        approved: &str,
    ) -> Result<(), EngineError> {
        let user = session.user;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let before = self.consent(tenant, user, app).await?.map(|(scopes, _)| scopes);
            let from = before.unwrap_or_default();
            let mut all = from.clone();
            for one in approved.split(' ').filter(|one| !one.is_empty()) {
                if !scope::has(&all, one) {
                    if !all.is_empty() {
                        all.push(' ');
                    }
                    all.push_str(one);
                }
            }
            let data = json!({ "application": app.to_string(), "scopes": all });
            let (session, at) = (session.id, self.now());
            let op = Op::PutConsent { user, session, from, app, scopes: all, at };
            // The event comes first: it locks the account, which ends lock before sessions.
            let event = self.consent_event(user, EventName::PostAddConsent, &data);
            let change = ChangeSet::of(tenant.id, Op::Append(event)).with(op);
            if matches!(self.apply(change).await?, Outcome::Applied(_)) {
                return Ok(());
            }
            let now = self.store.session(tenant.id, session).await?;
            if !now.is_some_and(|session| session.state == SessionState::Living) {
                return Err(EngineError::NotFound("session"));
            }
        }
        Err(EngineError::Contended)
    }

    fn consent_event(&self, user: UserId, name: EventName, data: &serde_json::Value) -> NewEvent {
        NewEvent {
            subject: Subject::User(user),
            name,
            actor: Actor::User(user),
            at: self.now(),
            session: None,
            data: data.to_string(),
        }
    }

    /// Deletes a consent and ends everything that was issued to the application, and whatever else the policy names.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails or the change keeps conflicting.
    pub async fn withdraw_consent(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: AppId,
    ) -> Result<(), EngineError> {
        let policy = self.policy(tenant, user, None).await?.on_access_removed;
        let notify = policy >= OnAccessRemoved::Application;
        let effects =
            Effects { session: false, tokens: true, consents: true, notify, offline: true };
        let plan = EndPlan {
            targets: vec![EndTarget::User(user)],
            effects,
            applications: Some(vec![app]),
            reason: EndReason::User,
            actor: Actor::User(user),
            in_browser: false,
        };
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let mut change = ChangeSet::of(tenant.id, Op::EndSessions(end));
        if policy == OnAccessRemoved::Session {
            let plan = EndPlan::new(EndTarget::User(user), EndReason::User, Actor::User(user));
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        let data = json!({ "application": app.to_string() });
        change.events.push(self.consent_event(user, EventName::PostRevokeConsent, &data));
        self.apply_end(id, change).await.map(|_| ())
    }

    /// Returns whether a user is the one that a request expects, by `id_token_hint` or by a value for the claim `sub`
    /// (OpenID Connect Core 1.0 §3.1.2.2); `None` if the hint can't be verified.
    ///
    /// # Errors
    /// [`EngineError`] if keys or applications can't be read.
    pub async fn is_expected(
        &self,
        tenant: &Tenant,
        app: &Application,
        user: UserId,
        request: &AuthorizeRequest,
    ) -> Result<Option<bool>, EngineError> {
        let wanted = request.claims.wanted("sub");
        if !wanted.is_empty() && !wanted.contains(&&*self.subject(app, user)) {
            return Ok(Some(false));
        }
        let Some(hint) = &request.id_token_hint else { return Ok(Some(true)) };
        let read = self.read_id_token(tenant, hint).await?;
        Ok(read.map(|hint| self.subject(&hint.app, user) == hint.sub))
    }
}
