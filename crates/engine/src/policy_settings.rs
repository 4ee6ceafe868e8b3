//! The policies that are set, and how they are set.

use serde_json::json;
use sojourn_model::limits::{POLICY_MS_MAX, POLICY_MS_MIN};
use sojourn_model::{ChangeSet, Method, Op, PolicyScope, SessionPolicy, Tenant};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rank::Concerned;
use crate::rights::Right;

const MINUTE_MS: i64 = 60_000;

impl Engine {
    /// The policy that is set for a scope; empty if nothing is set.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the application, role or user doesn't exist.
    pub async fn policy_set(
        &self,
        tenant: &Tenant,
        scope: PolicyScope,
    ) -> Result<SessionPolicy, EngineError> {
        self.subject_exists(tenant, scope).await?;
        if let PolicyScope::User(user) = scope {
            return Ok(self.store.policy_of_user(tenant.id, user).await?.unwrap_or_default());
        }
        let all = self.store.policies(tenant.id).await?;
        Ok(all.into_iter().find(|(of, _)| *of == scope).map(|(_, set)| set).unwrap_or_default())
    }

    /// All policies that are set; those of users up to a limit.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn policies_set(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<(PolicyScope, SessionPolicy)>, EngineError> {
        let mut all = self.store.policies(tenant.id).await?;
        let most = sojourn_model::limits::SESSION_LIST_MAX;
        all.extend(self.store.policies_of_users(tenant.id, most).await?);
        Ok(all)
    }

    /// Sets a policy; an empty one removes the existing policy. Active sessions keep the limits that they started
    /// with.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if the application, role or user doesn't exist, [`EngineError::Invalid`] if a number
    /// is out of range, [`EngineError::Forbidden`] if the policy would apply to someone with more rights.
    pub async fn set_policy(
        &self,
        tenant: &Tenant,
        scope: PolicyScope,
        policy: SessionPolicy,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::SessionPolicyUpdate)?;
        let actor = &by.actor();
        self.subject_exists(tenant, scope).await?;
        let concerned = match &scope {
            PolicyScope::Tenant | PolicyScope::Application(_) => Concerned::Everyone,
            PolicyScope::Role(role) => Concerned::Role(*role),
            PolicyScope::Group(group) => Concerned::Group(*group),
            PolicyScope::User(user) => Concerned::Users(std::slice::from_ref(user)),
        };
        self.must_outrank(tenant, by, concerned).await?;
        checked(&policy, self.takes_keys())?;
        let policy = policy.replacing(&self.policy_set(tenant, scope).await?, self.now());
        let mut change = ChangeSet::of(tenant.id, Op::PutPolicy { scope, policy });
        let target = match scope {
            PolicyScope::Tenant => format!("tenant:{}", tenant.name),
            PolicyScope::Application(id) => format!("application:{id}"),
            PolicyScope::Role(id) => format!("role:{id}"),
            PolicyScope::Group(id) => format!("group:{id}"),
            PolicyScope::User(id) => format!("user:{id}"),
        };
        change.audit.push(self.audit_row(actor, "policy.set", target, &json!(policy)));
        self.must_apply(change).await?;
        self.catalog.changed(tenant.id);
        Ok(())
    }

    pub(crate) async fn subject_exists(
        &self,
        tenant: &Tenant,
        scope: PolicyScope,
    ) -> Result<(), EngineError> {
        let (there, what) = match scope {
            PolicyScope::Tenant => (true, "tenant"),
            PolicyScope::Application(id) => {
                (self.application(tenant.id, id).await?.is_some(), "application")
            }
            PolicyScope::Role(id) => (self.store.role(tenant.id, id).await?.is_some(), "role"),
            PolicyScope::Group(id) => (self.store.group(tenant.id, id).await?.is_some(), "group"),
            PolicyScope::User(id) => (self.store.user(tenant.id, id).await?.is_some(), "user"),
        };
        if there { Ok(()) } else { Err(EngineError::NotFound(what)) }
    }
}

fn checked(policy: &SessionPolicy, keys: bool) -> Result<(), EngineError> {
    for (name, value) in [
        ("idle_timeout_ms", policy.idle_timeout_ms),
        ("absolute_lifetime_ms", policy.absolute_lifetime_ms),
        ("absolute_lifetime_off_ms", policy.absolute_lifetime_off_ms),
        ("remember_me_ms", policy.remember_me_ms),
        ("max_authentication_age_ms", policy.max_authentication_age_ms),
        ("trust_browser_ms", policy.trust_browser_ms),
        ("second_factor_age_ms", policy.second_factor_age_ms),
        ("recovery_wait_ms", policy.recovery_wait_ms),
        ("enrolment_grace_ms", policy.enrolment_grace_ms),
    ] {
        if value.is_some_and(|ms| !(POLICY_MS_MIN..=POLICY_MS_MAX).contains(&ms)) {
            let why = format!("{name} must be between one second and ten years, in milliseconds");
            return Err(EngineError::Invalid(why));
        }
    }
    // With less, the page that asks for it would be too slow, and ask again.
    if policy.second_factor_age_ms.is_some_and(|ms| ms < MINUTE_MS) {
        let why = "second_factor_age_ms must be at least one minute, in milliseconds";
        return Err(EngineError::Invalid(why.into()));
    }
    if let Some(methods) = policy.methods {
        if !methods.can_begin() {
            let why = "methods must include password or passkey: a sign-in can't begin otherwise";
            return Err(EngineError::Invalid(why.into()));
        }
        if !methods.allow(Method::Password) && !keys {
            let why = "methods must include password: this server's address supports no passkeys";
            return Err(EngineError::Invalid(why.into()));
        }
        // Recovery codes stand in for what was lost; nobody signs in with them for long.
        let lasting = |method: &Method| match method {
            Method::RecoveryCode | Method::TrustedBrowser => false,
            Method::Password | Method::Totp => true,
            Method::Passkey | Method::BoundPasskey | Method::SecurityKey => keys,
        };
        let least = policy.second_factor.unwrap_or_default().level();
        if methods.reach(Method::ALL.into_iter().filter(lasting)) < Some(least) {
            let why = "the methods can't reach what second_factor requires: allow passkey or security_key, or totp \
                       beside password if any second factor is sufficient";
            return Err(EngineError::Invalid(why.into()));
        }
    }
    if policy.max_sessions.is_some_and(|max| !(1..=1000).contains(&max)) {
        return Err(EngineError::Invalid("max_sessions must be between 1 and 1000".into()));
    }
    Ok(())
}
