//! Accounts: making them, setting passwords, switching them off.

use serde_json::json;
use sojourn_model::limits::USERNAME_BYTES_MAX;
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, EventName, NewEvent, Op, Outcome, Subject, Tenant,
    User, UserId, UserState,
};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

/// An account to be made.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// Login name.
    pub username: String,
    /// Password; none: no password sign-in.
    pub password: Option<String>,
    /// Name to show.
    pub display_name: Option<String>,
    /// Given name.
    pub given_name: Option<String>,
    /// Family name.
    pub family_name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Whether the address is known to be the person's.
    pub email_verified: bool,
    /// Standard claims (OpenID Connect Core 1.0 §5.1) that have no field here.
    pub profile: serde_json::Map<String, serde_json::Value>,
}

fn checked_name(tenant: &Tenant, username: &str) -> Result<String, EngineError> {
    let name = crate::session::plain_name(tenant, username);
    if name.is_empty() || name.len() > USERNAME_BYTES_MAX {
        return Err(EngineError::Invalid(format!(
            "a login name has 1 to {USERNAME_BYTES_MAX} bytes"
        )));
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
        return Err(EngineError::Invalid(
            "a login name has no spaces, slashes or control characters".into(),
        ));
    }
    Ok(name.to_owned())
}

impl Engine {
    /// Makes an account.
    ///
    /// # Errors
    /// [`EngineError::Exists`] when the name is taken, [`EngineError::Invalid`] when it can't be one.
    pub async fn add_user(
        &self,
        tenant: &Tenant,
        new: NewUser,
        actor: &Actor,
    ) -> Result<User, EngineError> {
        let username = checked_name(tenant, &new.username)?;
        let password_hash = match &new.password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let user = User {
            tenant: tenant.id,
            id: UserId::random(&*self.rng),
            username,
            password_hash,
            display_name: new.display_name,
            given_name: new.given_name,
            family_name: new.family_name,
            email: new.email,
            email_verified: new.email_verified,
            state: UserState::Active,
            epoch: 0,
            created_at: self.now(),
            updated_at: self.now(),
            profile: serde_json::Value::Object(new.profile).to_string(),
        };
        let mut change = ChangeSet::of(tenant.id, Op::CreateUser(user.clone()));
        change.events.push(self.user_event(&user, EventName::PostAddUser, actor));
        change.audit.push(self.audit_row(actor, "user.add", user.id, &json!({})));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(user),
            _ => Err(EngineError::Exists("a user of that name")),
        }
    }

    pub(crate) fn user_event(&self, user: &User, name: EventName, actor: &Actor) -> NewEvent {
        NewEvent {
            subject: Subject::User(user.id),
            name,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: json!({ "user-name": user.username }).to_string(),
        }
    }

    /// Sets a password as an administrator does, and ends every session and grant of the user.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn reset_password(
        &self,
        tenant: &Tenant,
        user: &User,
        password: &str,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let hash = self.hash_password(password).await?;
        let plan =
            EndPlan::new(EndTarget::User(user.id), EndReason::CredentialChanged, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let mut change = ChangeSet::of(tenant.id, Op::SetPassword { user: user.id, hash })
            .with(Op::EndSessions(end));
        let event = EventName::PostUpdateCredentialByAdmin;
        change.events.push(self.user_event(user, event, actor));
        change.audit.push(self.audit_row(actor, "user.password", user.id, &json!({})));
        self.apply_end(id, change).await.map(|_| ())
    }

    /// Switches an account off, which ends its sessions and grants, or on again.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn set_user_state(
        &self,
        tenant: &Tenant,
        user: &User,
        state: UserState,
        actor: &Actor,
    ) -> Result<(), EngineError> {
        let set = Op::SetUserState { user: user.id, state };
        let mut change = ChangeSet::of(tenant.id, set);
        let plan =
            EndPlan::new(EndTarget::User(user.id), EndReason::AccountDisabled, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let (event, action) = match state {
            UserState::Active => (EventName::PostEnableAccount, "user.enable"),
            UserState::Disabled => {
                change.ops.push(Op::EndSessions(end));
                (EventName::PostDisableAccount, "user.disable")
            }
        };
        change.events.push(self.user_event(user, event, actor));
        change.audit.push(self.audit_row(actor, action, user.id, &json!({})));
        self.apply_end(id, change).await.map(|_| ())
    }

    /// A user by login name, with or without the tenant's name behind it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`]
    pub async fn user_named(&self, tenant: &Tenant, username: &str) -> Result<User, EngineError> {
        let name = crate::session::plain_name(tenant, username);
        self.store.user_by_name(tenant.id, name).await?.ok_or(EngineError::NotFound("user"))
    }
}
