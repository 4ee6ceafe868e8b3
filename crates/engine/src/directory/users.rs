//! Accounts: creating them, setting passwords, changing their state.

use serde_json::json;
use sojourn_model::{
    Actor, ChangeSet, EndId, EndReason, EndTarget, EventName, NewEvent, OnAccount, Op, Outcome,
    PasswordDue, Tenant, User, UserId, UserState,
};

use super::account_state::StateChange;
use super::password::PasswordRefused;
use crate::authority::Authority;
use crate::directory::plain_name;
use crate::directory::{check_shown, checked_name};
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

/// An account to create.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// Login name, unique in the tenant.
    pub username: String,
    /// Password in plain text; `None` means that the account can't sign in with a password.
    pub password: Option<String>,
    /// Full name for display.
    pub display_name: Option<String>,
    /// Given name (claim `given_name`).
    pub given_name: Option<String>,
    /// Family name (claim `family_name`).
    pub family_name: Option<String>,
    /// Mail address (claim `email`).
    pub email: Option<String>,
    /// Whether the address is known to belong to the user.
    pub email_verified: bool,
    /// Standard claims (OpenID Connect Core 1.0 §5.1) that have no field here.
    pub profile: serde_json::Map<String, serde_json::Value>,
    /// Id of the user in another system.
    pub external_id: Option<String>,
    /// SCIM attributes that have no field here.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Whether the account is created in a disabled state.
    pub disabled: bool,
    /// Whether the user gets an invitation mail to set up how they sign in.
    pub invited: bool,
}

/// A password that someone else than its user sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordGiven {
    /// In plain text; the password rules apply.
    Plain(String),
    /// In plain text, from the operator's configuration file. The password rules don't apply, because the operator
    /// sets them too.
    Declared(String),
    /// A hash from another system: Argon2, bcrypt, PBKDF2 or scrypt.
    Hash(String),
}

/// Accepts a hash from another system if it can be verified at an acceptable cost.
fn imported(hash: &str) -> Result<String, EngineError> {
    match sojourn_crypto::password::importable(hash) {
        Ok(()) => Ok(hash.to_owned()),
        Err(why) => Err(EngineError::Invalid(why.into())),
    }
}

/// The id of the end in a change set; a new one if it contains none.
pub(crate) fn end_id(change: &ChangeSet) -> EndId {
    let found = change.ops.iter().find_map(|op| match op {
        Op::EndSessions(end) => Some(end.id),
        _ => None,
    });
    found.unwrap_or(EndId([0; 16]))
}

impl Engine {
    /// Creates an account.
    ///
    /// # Errors
    /// [`EngineError::Exists`] if the name is taken, [`EngineError::Invalid`] if it isn't valid.
    pub async fn add_user(
        &self,
        tenant: &Tenant,
        new: NewUser,
        by: &Authority,
    ) -> Result<User, EngineError> {
        let password = new.password.clone().map(PasswordGiven::Plain);
        self.add_user_with(tenant, new, password, by).await
    }

    /// Creates an account with a password or a hash from another system.
    ///
    /// # Errors
    /// The same as [`Engine::add_user`].
    pub async fn add_user_with(
        &self,
        tenant: &Tenant,
        new: NewUser,
        password: Option<PasswordGiven>,
        by: &Authority,
    ) -> Result<User, EngineError> {
        by.must(tenant, Right::UserCreate)?;
        let actor = &by.actor();
        let invited = new.invited;
        let (user, mut change) = self.new_user(tenant, new, password, actor).await?;
        if invited {
            self.push_invitation(tenant, &user, by, &mut change).await?;
        }
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(user),
            _ => Err(EngineError::Exists("a user with that name")),
        }
    }

    /// The account to create, and the change set that creates it.
    pub(crate) async fn new_user(
        &self,
        tenant: &Tenant,
        new: NewUser,
        password: Option<PasswordGiven>,
        actor: &Actor,
    ) -> Result<(User, ChangeSet), EngineError> {
        let id = UserId::random(&*self.rng);
        let username = self.free_name(tenant, id, &new.username).await?;
        let mut user = User {
            tenant: tenant.id,
            id,
            username,
            password_hash: None,
            display_name: new.display_name,
            given_name: new.given_name,
            family_name: new.family_name,
            email: new.email,
            email_verified: new.email_verified,
            state: if new.disabled { UserState::Disabled } else { UserState::Active },
            password_due: PasswordDue::No,
            epoch: 0,
            created_at: self.now(),
            updated_at: self.now(),
            profile: serde_json::Value::Object(new.profile).to_string(),
            version: 1,
            external_id: new.external_id,
            attributes: serde_json::Value::Object(new.attributes).to_string(),
            unlock_at: None,
            factors: 0,
            recovers_at: None,
        };
        check_shown(&mut user)?;
        user.password_hash = match &password {
            Some(PasswordGiven::Plain(password)) => {
                let refused = PasswordRefused::into_error;
                self.acceptable(tenant, &user, password).await.map_err(refused)?;
                Some(self.hash_password(password).await?)
            }
            Some(PasswordGiven::Declared(password)) => Some(self.hash_password(password).await?),
            Some(PasswordGiven::Hash(hash)) => Some(imported(hash)?),
            None => None,
        };
        let mut change = ChangeSet::of(tenant.id, Op::CreateUser(user.clone()));
        change.events.push(self.user_event(&user, EventName::PostAddUser, actor));
        change.audit.push(self.audit_row(actor, "user.add", user.id, &json!({})));
        Ok((user, change))
    }

    /// Sets a password on behalf of an administrator, and ends every session and grant of the user unless the policy
    /// says otherwise.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if the rules forbid the password.
    pub async fn reset_password(
        &self,
        tenant: &Tenant,
        user: &User,
        password: &str,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let mut change = ChangeSet::new(tenant.id);
        self.push_password_reset(tenant, user, password, actor, &mut change).await?;
        let id = end_id(&change);
        self.apply_end(id, change).await.map(|_| ())
    }

    /// Adds a password that an administrator sets to a change set, with the ends that it causes.
    pub(crate) async fn push_password_reset(
        &self,
        tenant: &Tenant,
        user: &User,
        password: &str,
        actor: &Actor,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        self.acceptable(tenant, user, password).await.map_err(PasswordRefused::into_error)?;
        let hash = self.hash_password(password).await?;
        change.ops.push(Op::SetPassword { user: user.id, hash, epoch: None });
        if self.policy(tenant, user.id, None).await?.on_password_reset == OnAccount::End {
            let reason = EndReason::CredentialChanged;
            let plan = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        self.keep_password(user, change);
        let event = EventName::PostUpdateCredentialByAdmin;
        change.events.push(self.user_event(user, event, actor));
        change.audit.push(self.audit_row(actor, "user.password", user.id, &json!({})));
        Ok(())
    }

    /// Requires a user to choose another password: the current one only gives access to the page for that, and the
    /// user's sessions end.
    ///
    /// # Errors
    /// [`EngineError`] if the caller lacks the right or the database fails.
    pub async fn demand_new_password(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let due = Op::DuePassword { user: user.id, due: PasswordDue::AtSignIn };
        let reason = EndReason::CredentialChanged;
        let plan = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
        let end = self.end_operation(tenant, plan);
        let id = end.id;
        let mut change = ChangeSet::of(tenant.id, due).with(Op::EndSessions(end));
        let event = EventName::PostForcePasswordResetByAdmin;
        change.events.push(self.user_event(user, event, actor));
        change.audit.push(self.audit_row(actor, "user.password_demand", user.id, &json!({})));
        self.apply_end(id, change).await.map(|_| ())
    }

    /// Enables, disables or locks an account. Any state but the active one ends the user's sessions and grants.
    ///
    /// # Errors
    /// [`EngineError`] if the caller lacks the right or the database fails.
    pub async fn set_user_state(
        &self,
        tenant: &Tenant,
        user: &User,
        state: UserState,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let what = StateChange { state, unlock_at: None, epoch: None };
        let change = self.state_change(tenant, user, what, actor).await?;
        let id = end_id(&change);
        self.apply_end(id, change).await.map(|_| ())
    }

    /// Writes the attributes that SCIM shows of a user. `claims` names the ones that changed.
    ///
    /// # Errors
    /// [`EngineError::Stale`] if the user has changed since it was read, [`EngineError::Exists`] if the name is
    /// taken, [`EngineError::Invalid`] if it isn't valid.
    pub async fn update_user(
        &self,
        tenant: &Tenant,
        user: &User,
        claims: &[String],
        by: &Authority,
    ) -> Result<User, EngineError> {
        by.must(tenant, Right::UserUpdate)?;
        self.must_cover(tenant, by, user.id).await?;
        let actor = &by.actor();
        let mut changed = User {
            username: self.free_name(tenant, user.id, &user.username).await?,
            version: user.version + 1,
            updated_at: self.now(),
            ..user.clone()
        };
        check_shown(&mut changed)?;
        let update = Op::UpdateUser { user: Box::new(changed.clone()) };
        let mut change = ChangeSet::of(tenant.id, update);
        if let Some(before) = self.store.user(tenant.id, user.id).await? {
            self.push_address_settled(tenant, &before, &changed, &mut change).await?;
        }
        let data = json!({ "user-name": changed.username, "claims": claims });
        let event = EventName::PostSetUserClaims;
        let event = NewEvent { data: data.to_string(), ..self.user_event(user, event, actor) };
        change.events.push(event);
        change.audit.push(self.audit_row(
            actor,
            "user.change",
            user.id,
            &json!({ "claims": claims }),
        ));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(changed),
            Outcome::Duplicate => Err(EngineError::Exists("a user with that name")),
            _ => Err(EngineError::Stale),
        }
    }

    /// Deletes an account. Its sessions and grants end and its applications are notified; the ledger keeps the ended
    /// sessions.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if it was deleted already.
    pub async fn remove_user(
        &self,
        tenant: &Tenant,
        user: &User,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::UserDelete)?;
        self.must_cover(tenant, by, user.id).await?;
        self.remove_account(tenant, user, &by.actor(), ChangeSet::new(tenant.id)).await
    }

    /// Deletes an account, together with the rest of a change set.
    pub(crate) async fn remove_account(
        &self,
        tenant: &Tenant,
        user: &User,
        actor: &Actor,
        also: ChangeSet,
    ) -> Result<(), EngineError> {
        let reason = EndReason::AccountDeleted;
        let plan = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
        let mut change = also.with(Op::EndSessions(self.end_operation(tenant, plan)));
        change.keeps_administrator =
            self.rights_of_user(tenant.id, user.id).await?.cover_everyone();
        change.ops.push(Op::Append(self.user_event(user, EventName::PostDeleteUser, actor)));
        change.ops.push(Op::DeleteUser { user: user.id });
        let detail = json!({ "user-name": user.username });
        change.audit.push(self.audit_row(actor, "user.remove", user.id, &detail));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(EngineError::NotFound("user")),
        }
    }

    /// Finds a user by login name; if there is none, the name may have the tenant's name as a suffix.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such user.
    pub async fn user_named(&self, tenant: &Tenant, username: &str) -> Result<User, EngineError> {
        self.user_called(tenant, username).await?.ok_or(EngineError::NotFound("user"))
    }

    /// Normalises and reserves a login name for an account. No variant that someone may type leads to another
    /// account: the same name with or without the tenant's name as a suffix, or in another Unicode form.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if the name isn't valid, [`EngineError::Exists`] if it or a variant is taken.
    pub(crate) async fn free_name(
        &self,
        tenant: &Tenant,
        user: UserId,
        given: &str,
    ) -> Result<String, EngineError> {
        let name = checked_name(given)?;
        let plain = plain_name(tenant, &name);
        let other =
            if plain == name { format!("{name}@{}", tenant.name) } else { plain.to_owned() };
        // The name itself too, because earlier versions stored it under another key.
        let mut alike = vec![name.clone(), other];
        if given.trim() != name {
            alike.push(given.trim().to_owned());
        }
        for alike in alike.iter().filter(|alike| !alike.is_empty()) {
            let found = self.store.user_by_name(tenant.id, alike).await?;
            if found.is_some_and(|found| found.id != user) {
                return Err(EngineError::Exists("a user with that name"));
            }
        }
        Ok(name)
    }
}
