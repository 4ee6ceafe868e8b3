//! Accounts, read and written through SCIM. Profile, state, password and roles are written in one change set,
//! together with their effects on sessions.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sojourn_model::limits::CONFLICT_RETRIES_MAX;
use sojourn_model::{
    ChangeSet, EndReason, EndTarget, EventName, NewEvent, Op, Outcome, Role, RoleId, Tenant, User,
    UserId, UserState,
};
use sojourn_scim::resource::{read, require};
use sojourn_scim::schema::ENTERPRISE;
use sojourn_scim::{Resource, ScimError, members, patch, user as account};

use super::ScimFailure;
use crate::authority::Authority;
use crate::directory::{NewUser, PasswordGiven, PasswordRefused, StateChange};
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::handlers::RoleChanged;
use crate::rights::{Right, Rights};
use crate::settings::RoleDirection;

/// Attributes that users can't change in their own account: it would extend their rights, or withdraw the account
/// from its administrators. Extensions are excluded too, because applications may rely on what the organisation adds.
const NOT_ONES_OWN: [&str; 6] =
    ["userName", "active", "roles", "externalId", "entitlements", "userType"];
/// Maximum size of an account's attributes without fields of their own, in bytes: they are read with the account at
/// each sign-in.
const ATTRIBUTES_BYTES_MAX: usize = 64 * 1024;
/// Maximum number of roles that are assigned to a user directly.
const ROLES_MAX: usize = 100;
/// The right to assign and revoke roles.
const GIVE_ROLES: Right = Right::RoleUpdate;

fn is_ones_own(name: &str) -> bool {
    !NOT_ONES_OWN.contains(&name) && !name.starts_with("urn:")
}

fn fits(user: &User) -> Result<(), ScimError> {
    if user.attributes.len() + user.profile.len() > ATTRIBUTES_BYTES_MAX {
        let why = format!("an account can have at most {ATTRIBUTES_BYTES_MAX} bytes of attributes");
        return Err(ScimError::invalid_value(why));
    }
    Ok(())
}

/// Schema URN of WSO2's extension.
const WSO2: &str = "urn:scim:wso2:schema";

/// Returns whether the user of a new account is to be invited: WSO2's `askPassword`, in either of the schemas that
/// its versions use.
fn asks_to_invite(body: &Value) -> bool {
    [ENTERPRISE, WSO2].into_iter().any(|schema| {
        let word = body.get(schema).and_then(|extension| extension.get("askPassword"));
        word.is_some_and(|word| word == true || word == "true")
    })
}

/// A requested change of an account.
#[derive(Debug, Clone, Copy)]
pub enum UserEdit<'a> {
    /// The complete new resource (RFC 7644 §3.5.1).
    Replace(&'a Value),
    /// A list of patch operations (RFC 7644 §3.5.2).
    Patch(&'a Value),
}

/// The caller of a write and its conditions.
#[derive(Debug, Clone, Copy)]
pub struct Writing<'a> {
    /// The caller, with their rights.
    pub by: &'a Authority,
    /// Whether the account is the caller's own and they act as themselves.
    pub own: bool,
    /// Whether the caller proved their password in this request.
    pub fresh: bool,
    /// Entity tag of the resource that the caller read; another one is refused.
    pub if_match: Option<&'a str>,
}

/// An account before and after an edit.
struct Edited {
    before: User,
    after: Resource,
    shown: Resource,
    roles_before: Vec<RoleId>,
}

impl Engine {
    /// An account as a SCIM resource.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such account.
    pub async fn user_resource(
        &self,
        tenant: &Tenant,
        id: UserId,
    ) -> Result<Resource, ScimFailure> {
        let user = self.store.user(tenant.id, id).await?.ok_or(EngineError::NotFound("user"))?;
        let found = self.user_resources(tenant, &[user]).await?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// Creates an account. The password may be a hash from another system.
    ///
    /// # Errors
    /// [`ScimFailure`] if the resource isn't valid, the name is taken, or the caller lacks a right.
    pub async fn create_user(
        &self,
        tenant: &Tenant,
        body: &Value,
        by: &Authority,
    ) -> Result<Resource, ScimFailure> {
        by.must(tenant, Right::UserCreate)?;
        let of = &self.scim_types.user;
        let resource = read(of, body)?;
        require(of, &resource)?;
        let mut blank = User::deleted(tenant.id, UserId::random(&*self.rng));
        account::write(&mut blank, &resource);
        fits(&blank)?;
        let password = resource.get("password").and_then(Value::as_str).map(|text| {
            match sojourn_crypto::password::importable(text) {
                Ok(()) => PasswordGiven::Hash(text.to_owned()),
                Err(_) => PasswordGiven::Plain(text.to_owned()),
            }
        });
        let wanted = NewUser {
            username: blank.username.clone(),
            display_name: blank.display_name.clone(),
            given_name: blank.given_name.clone(),
            family_name: blank.family_name.clone(),
            email: blank.email.clone(),
            email_verified: blank.email_verified
                || (self.settings.trusts_given_addresses && blank.email.is_some()),
            profile: serde_json::from_str(&blank.profile).unwrap_or_default(),
            external_id: blank.external_id.clone(),
            attributes: serde_json::from_str(&blank.attributes).unwrap_or_default(),
            disabled: resource.get("active") == Some(&Value::Bool(false)),
            ..NewUser::default()
        };
        let actor = by.actor();
        let (user, mut change) = self.new_user(tenant, wanted, password, &actor).await?;
        let roles = self.roles_named(tenant, &members::of(&resource, "roles")).await?;
        self.push_roles_of(tenant, (&user, &[]), &roles, by, &mut change).await?;
        if asks_to_invite(body) {
            self.push_invitation(tenant, &user, by, &mut change).await?;
        }
        match self.apply(change).await? {
            Outcome::Applied(_) => self.user_resource(tenant, user.id).await,
            Outcome::Duplicate => Err(EngineError::Exists("a user with that name").into()),
            _ => Err(EngineError::Contended.into()),
        }
    }

    /// Edits an account. Changes of state, password and roles end sessions in the same way as elsewhere.
    ///
    /// # Errors
    /// [`ScimFailure`] if the edit isn't valid, the version differs, or the caller lacks a right.
    pub async fn edit_user(
        &self,
        tenant: &Tenant,
        id: UserId,
        edit: UserEdit<'_>,
        writing: &Writing<'_>,
    ) -> Result<Resource, ScimFailure> {
        let needed = if writing.own { Right::Login } else { Right::UserUpdate };
        writing.by.must(tenant, needed)?;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let before = self.store.user(tenant.id, id).await?;
            let before = before.ok_or(EngineError::NotFound("user"))?;
            if !writing.own {
                self.must_cover(tenant, writing.by, id).await?;
            }
            self.must_match(tenant, &before, writing).await?;
            let edited = self.edited(tenant, before, edit, writing.own).await?;
            if writing.own {
                may_write_own(&edited, writing.fresh)?;
            }
            let name = edited.after.get("userName").and_then(Value::as_str).unwrap_or_default();
            let name = name.to_owned();
            let Some(change) = self.edit_change(tenant, edited, writing).await? else {
                return self.user_resource(tenant, id).await;
            };
            match self.apply(change).await? {
                Outcome::Applied(_) => return self.user_resource(tenant, id).await,
                Outcome::Duplicate => {
                    let other = self.store.user_by_name(tenant.id, &name).await?;
                    if other.is_some_and(|other| other.id != id) {
                        return Err(EngineError::Exists("a user with that name").into());
                    }
                }
                Outcome::Conflict | Outcome::LastAdministrator => {}
                Outcome::SessionBoundTokens => return Err(EngineError::SessionBoundTokens.into()),
            }
        }
        Err(EngineError::Contended.into())
    }

    /// Deletes an account.
    ///
    /// # Errors
    /// [`ScimFailure`] if there is no such account, the version differs, or the caller lacks a right.
    pub async fn delete_user(
        &self,
        tenant: &Tenant,
        id: UserId,
        writing: &Writing<'_>,
    ) -> Result<(), ScimFailure> {
        writing.by.must(tenant, Right::UserDelete)?;
        let user = self.store.user(tenant.id, id).await?.ok_or(EngineError::NotFound("user"))?;
        self.must_match(tenant, &user, writing).await?;
        Ok(self.remove_user(tenant, &user, writing.by).await?)
    }

    /// Fails if the account differs from what the caller read, which includes its roles.
    async fn must_match(
        &self,
        tenant: &Tenant,
        user: &User,
        writing: &Writing<'_>,
    ) -> Result<(), ScimFailure> {
        let Some(tag) = writing.if_match else { return Ok(()) };
        let shown = self.user_resources(tenant, std::slice::from_ref(user)).await?;
        let present = shown.first().and_then(|one| one.get("meta")?.get("version")?.as_str());
        if present == Some(tag) { Ok(()) } else { Err(EngineError::Stale.into()) }
    }

    async fn edited(
        &self,
        tenant: &Tenant,
        before: User,
        edit: UserEdit<'_>,
        own: bool,
    ) -> Result<Edited, ScimFailure> {
        let of = &self.scim_types.user;
        let roles_before = self.store.own_roles_of_user(tenant.id, before.id).await?;
        let shown = account::to_resource(&before);
        let mut present = shown.clone();
        if !roles_before.is_empty() {
            let roles: Vec<Value> =
                roles_before.iter().map(|id| json!({ "value": id.to_string() })).collect();
            present.insert("roles".into(), roles.into());
        }
        let after = match edit {
            UserEdit::Replace(body) => {
                let mut resource = read(of, body)?;
                require(of, &resource)?;
                // Changes with consequences require an explicit request, and attributes that users can't change in
                // their own account stay the same if the request doesn't name them.
                for (name, value) in &present {
                    let stays =
                        ["roles", "active"].contains(&&**name) || (own && !is_ones_own(name));
                    if stays && !named(body, name) {
                        resource.insert(name.clone(), value.clone());
                    }
                }
                resource
            }
            UserEdit::Patch(body) => {
                for operation in patch::operations(of, body)? {
                    if operation.attribute() == "roles" {
                        // Only the id identifies a role, whatever else a client sends about it.
                        let mut fold = sojourn_scim::Members::default();
                        fold.apply(&operation)?;
                        let mut change: BTreeSet<String> = BTreeSet::new();
                        if !fold.only {
                            change.extend(members::of(&present, "roles"));
                        }
                        change.retain(|id| !fold.remove.contains(id));
                        change.extend(fold.add);
                        if change.len() > ROLES_MAX {
                            let why = format!(
                                "a user can have at most {ROLES_MAX} directly assigned roles"
                            );
                            return Err(ScimError::invalid_value(why).into());
                        }
                        let roles = change.iter().map(|id| json!({ "value": id }));
                        present.insert("roles".into(), roles.collect());
                    } else {
                        patch::apply(&mut present, &operation)?;
                    }
                }
                require(of, &present)?;
                present
            }
        };
        Ok(Edited { before, after, shown, roles_before })
    }

    /// The change set of an edit; `None` if nothing changes.
    async fn edit_change(
        &self,
        tenant: &Tenant,
        edited: Edited,
        writing: &Writing<'_>,
    ) -> Result<Option<ChangeSet>, ScimFailure> {
        let Edited { before, after, shown, roles_before } = edited;
        let actor = writing.by.actor();
        let mut user = before.clone();
        account::write(&mut user, &after);
        fits(&user)?;
        if user.username != before.username {
            user.username = self.free_name(tenant, user.id, &user.username).await?;
        }
        crate::directory::check_shown(&mut user)?;
        if !writing.own && self.settings.trusts_given_addresses && user.email != before.email {
            user.email_verified = user.email.is_some();
        }
        let mut told = ChangeSet::new(tenant.id);
        self.push_address_told(tenant, (&before, &user), writing.own, &mut told).await?;
        let claims = account::changes(&shown, &account::to_resource(&user));
        let roles = self.roles_named(tenant, &members::of(&after, "roles")).await?;
        let password = after.get("password").and_then(Value::as_str);
        let wanted = match after.get("active") {
            Some(Value::Bool(true)) if before.state != UserState::Active => Some(UserState::Active),
            Some(Value::Bool(false)) if before.state == UserState::Active => {
                Some(UserState::Disabled)
            }
            _ => None,
        };
        let roles_move = {
            let mut ids: Vec<RoleId> = roles.iter().map(|role| role.id).collect();
            let mut present = roles_before.clone();
            ids.sort_unstable();
            present.sort_unstable();
            ids != present
        };
        if claims.is_empty() && password.is_none() && wanted.is_none() && !roles_move {
            return Ok(None);
        }
        user.version = before.version + 1;
        user.updated_at = self.now();
        let mut change = told.with(Op::UpdateUser { user: Box::new(user.clone()) });
        if !claims.is_empty() {
            let data = json!({ "user-name": user.username, "claims": claims });
            let event = self.user_event(&user, EventName::PostSetUserClaims, &actor);
            change.events.push(NewEvent { data: data.to_string(), ..event });
            let detail = json!({ "claims": claims });
            change.audit.push(self.audit_row(&actor, "user.change", user.id, &detail));
        }
        if let Some(state) = wanted {
            let state = StateChange { state, unlock_at: None, epoch: None };
            let more = self.state_change(tenant, &before, state, &actor).await?;
            change.keeps_administrator |= more.keeps_administrator;
            change.ops.extend(more.ops);
            change.events.extend(more.events);
            change.audit.extend(more.audit);
        }
        if let Some(password) = password {
            self.push_password(tenant, &before, password, writing, &mut change).await?;
        }
        if roles_move {
            let of = (&user, &*roles_before);
            self.push_roles_of(tenant, of, &roles, writing.by, &mut change).await?;
        }
        Ok(Some(change))
    }

    async fn push_password(
        &self,
        tenant: &Tenant,
        user: &User,
        password: &str,
        writing: &Writing<'_>,
        change: &mut ChangeSet,
    ) -> Result<(), ScimFailure> {
        let actor = writing.by.actor();
        if !writing.own {
            self.push_password_reset(tenant, user, password, &actor, change).await?;
            return Ok(());
        }
        self.acceptable(tenant, user, password).await.map_err(PasswordRefused::into_error)?;
        let hash = self.hash_password(password).await?;
        let reason = EndReason::CredentialChanged;
        let plan = EndPlan::new(EndTarget::User(user.id), reason, actor.clone());
        change.ops.push(Op::SetPassword { user: user.id, hash, epoch: Some(user.epoch) });
        change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        self.keep_password(user, change);
        change.events.push(self.user_event(user, EventName::PostUpdateCredential, &actor));
        change.audit.push(self.audit_row(&actor, "user.password_change", user.id, &json!({})));
        Ok(())
    }

    /// Resolves a list of role ids or names.
    async fn roles_named(
        &self,
        tenant: &Tenant,
        names: &[String],
    ) -> Result<Vec<Role>, ScimFailure> {
        let mut roles: Vec<Role> = Vec::new();
        for name in names {
            let by_id = match name.parse() {
                Ok(id) => self.store.role(tenant.id, id).await?,
                Err(_) => self.store.role_by_name(tenant.id, name).await?,
            };
            let role =
                by_id.ok_or_else(|| EngineError::Invalid(format!("there is no role {name}")))?;
            if !roles.iter().any(|one| one.id == role.id) {
                roles.push(role);
            }
        }
        Ok(roles)
    }

    /// Replaces a user's roles. You can only grant or revoke rights that you hold yourself.
    async fn push_roles_of(
        &self,
        tenant: &Tenant,
        (user, before): (&User, &[RoleId]),
        after: &[Role],
        by: &Authority,
        change: &mut ChangeSet,
    ) -> Result<(), ScimFailure> {
        let mut taken = Vec::new();
        for id in before.iter().filter(|id| !after.iter().any(|role| role.id == **id)) {
            taken.extend(self.store.role(tenant.id, *id).await?);
        }
        let given: Vec<&Role> = after.iter().filter(|role| !before.contains(&role.id)).collect();
        if taken.is_empty() && given.is_empty() {
            return Ok(());
        }
        if !by.may(GIVE_ROLES) {
            return Err(EngineError::Forbidden.into());
        }
        change.keeps_administrator |= taken.iter().any(Rights::is_everything);
        let event = EventName::PostUpdateRoleListOfUser;
        let actor = by.actor();
        let both = taken.iter().map(|role| (role, RoleDirection::Removed));
        for (role, direction) in both.chain(given.iter().map(|role| (*role, RoleDirection::Added)))
        {
            by.must_cover_role(role)?;
            let changed = RoleChanged { events: &[event], role, direction };
            let by_group = self.has_by_group(tenant, role.id, user.id).await?;
            if !by_group && let Some(reaction) = self.on_role_change(tenant, changed).await? {
                self.push_reaction(tenant, &reaction, &[user.id], &actor, change)?;
            }
            change.ops.push(match direction {
                RoleDirection::Removed => Op::UnassignRole { role: role.id, user: user.id },
                _ => Op::AssignRole { role: role.id, user: user.id },
            });
        }
        let name = |role: &Role| role.name.clone();
        let data = json!({
            "user-name": user.username,
            "tenant-domain": tenant.name,
            "NEW_ROLES": given.iter().map(|role| name(role)).collect::<Vec<_>>(),
            "DELETED_ROLES": taken.iter().map(name).collect::<Vec<_>>(),
        });
        let written = self.user_event(user, event, &actor);
        change.events.push(NewEvent { data: data.to_string(), ..written });
        change.audit.push(self.audit_row(&actor, "user.roles", user.id, &data));
        Ok(())
    }
}

/// Returns whether a request names an attribute, even without a value.
fn named(body: &Value, name: &str) -> bool {
    let object = body.as_object();
    object.is_some_and(|object| {
        object.keys().any(|key| {
            let last = key.rsplit(':').next().unwrap_or(key);
            last.eq_ignore_ascii_case(name)
        })
    })
}

fn may_write_own(edited: &Edited, fresh: bool) -> Result<(), ScimFailure> {
    let (before, after) = (&edited.shown, &edited.after);
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names.into_iter().filter(|name| !is_ones_own(name)) {
        let same = match &**name {
            "roles" => {
                let mut ids: Vec<String> =
                    edited.roles_before.iter().map(ToString::to_string).collect();
                let mut wanted = members::of(after, "roles");
                ids.sort_unstable();
                wanted.sort_unstable();
                ids == wanted
            }
            _ => before.get(name) == after.get(name),
        };
        if !same {
            let why = format!("'{name}' can only be changed by an administrator");
            return Err(ScimError::mutability(why).into());
        }
    }
    if after.contains_key("password") && !fresh {
        let why = "the password is changed by who sends the present one with the request, as \
                   Basic authentication, or on the page for it";
        return Err(ScimError::new(403, None, why).into());
    }
    Ok(())
}
