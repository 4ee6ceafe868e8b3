//! Session policies: what an organisation sets, and what applies to a single session.

use std::sync::Arc;

use serde_json::json;
use sojourn_model::limits::{POLICY_MS_MAX, POLICY_MS_MIN};
use sojourn_model::{
    AppId, Application, ChangeSet, EffectivePolicy, Level, OnRoleChange, Op, PolicyScope,
    RememberMe, RoleId, Session, SessionId, SessionPolicy, Tenant, UserId,
};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::memory::policies::Policies;
use crate::rank::Concerned;
use crate::rights::Right;

/// Requirements on a user's authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demands {
    /// The maximum age of the authentication in milliseconds, if there is one.
    pub max_age_ms: Option<i64>,
    /// Minimum level of the authentication.
    pub level: Level,
    /// Whether a trusted browser counts as a second factor.
    pub trusts: bool,
}

impl Demands {
    /// Returns whether the authentication of a session reaches the required level.
    #[must_use]
    pub fn level_met_by(&self, session: &Session) -> bool {
        session.level() >= self.level || (self.trusts && session.proofs.meet(self.level))
    }
}

impl Engine {
    pub(crate) async fn policies(&self, tenant: &Tenant) -> Result<Arc<Policies>, EngineError> {
        let stamp = self.refresh_catalog(tenant.id).await?;
        if let Some(policies) = self.catalog.policies(tenant.id) {
            return Ok(policies);
        }
        let mut found = Policies::default();
        for (scope, policy) in self.store.policies(tenant.id).await? {
            match scope {
                PolicyScope::Tenant => found.tenant = policy,
                PolicyScope::Application(app) => {
                    found.applications.insert(app, policy);
                }
                PolicyScope::Role(role) => {
                    found.roles.insert(role, policy);
                }
                PolicyScope::Group(group) => {
                    found.groups.insert(group, policy);
                }
                PolicyScope::User(_) => {}
            }
        }
        found.users = !self.store.policies_of_users(tenant.id, 1).await?.is_empty();
        let found = Arc::new(found);
        self.catalog.keep_policies(tenant.id, stamp, Arc::clone(&found));
        Ok(found)
    }

    /// Merges the policies that apply to a user's session when they sign in for an application or enter it.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn policy(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: Option<AppId>,
    ) -> Result<EffectivePolicy, EngineError> {
        let policies = self.policies(tenant).await?;
        let mut others: Vec<SessionPolicy> = Vec::new();
        others.extend(app.and_then(|app| policies.applications.get(&app)));
        if !policies.roles.is_empty() {
            let roles = self.store.roles_of_user(tenant.id, user).await?;
            others.extend(roles.iter().filter_map(|role| policies.roles.get(&role.id)));
        }
        if !policies.groups.is_empty() {
            let groups = self.store.groups_of_user(tenant.id, user).await?;
            others.extend(groups.iter().filter_map(|group| policies.groups.get(&group.id)));
        }
        if policies.users {
            others.extend(self.store.policy_of_user(tenant.id, user).await?);
        }
        Ok(EffectivePolicy::of(&self.settings.lifetimes, &policies.tenant, &others))
    }

    /// Returns whether the sign-in page of an application offers to stay signed in. The user isn't known at that
    /// point, so a stricter policy of theirs can still override the answer.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn asks_to_remember(
        &self,
        tenant: &Tenant,
        app: Option<AppId>,
    ) -> Result<bool, EngineError> {
        let policies = self.policies(tenant).await?;
        let own: Vec<SessionPolicy> =
            app.and_then(|app| policies.applications.get(&app)).copied().into_iter().collect();
        let found = EffectivePolicy::of(&self.settings.lifetimes, &policies.tenant, &own);
        Ok(found.remember_me == RememberMe::Ask)
    }

    /// Returns the stricter limits of a session that enters an application, if the application's policy sets any.
    pub(crate) async fn tightened(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &sojourn_model::Session,
    ) -> Result<Option<Op>, EngineError> {
        let policies = self.policies(tenant).await?;
        let Some(policy) = policies.applications.get(&app.id) else { return Ok(None) };
        let deadline = policy.absolute_lifetime_ms.map(|ms| session.signed_in_at.plus(ms));
        let idle_timeout_ms = policy.idle_timeout_ms.unwrap_or(session.idle_timeout_ms);
        Ok(Some(Op::TightenSession {
            session: session.id,
            idle_timeout_ms,
            absolute_deadline: deadline,
        }))
    }

    /// Requirements of the organisation on the authentication of a user who enters an application.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn demands(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: AppId,
    ) -> Result<Demands, EngineError> {
        let policy = self.policy(tenant, user, Some(app)).await?;
        let level = policy.second_factor.level();
        let trusts = policy.trust_browser_ms.is_some();
        Ok(Demands { max_age_ms: policy.max_authentication_age_ms, level, trusts })
    }

    /// Returns for which changes of a role the policies end sessions.
    pub(crate) async fn on_change_of(
        &self,
        tenant: &Tenant,
        role: RoleId,
    ) -> Result<OnRoleChange, EngineError> {
        let policies = self.policies(tenant).await?;
        let own: Vec<SessionPolicy> = policies.roles.get(&role).copied().into_iter().collect();
        let found = EffectivePolicy::of(&self.settings.lifetimes, &policies.tenant, &own);
        Ok(found.on_role_change)
    }

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
        checked(&policy)?;
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

    async fn subject_exists(&self, tenant: &Tenant, scope: PolicyScope) -> Result<(), EngineError> {
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

    /// The oldest of the active sessions that must end so that one more can start within `max`.
    pub(crate) fn oldest(live: &[sojourn_model::Session], max: usize) -> Vec<(UserId, SessionId)> {
        let surplus = (live.len() + 1).saturating_sub(max);
        // The sessions are sorted newest first.
        live.iter().rev().take(surplus).map(|session| (session.user, session.id)).collect()
    }
}

fn checked(policy: &SessionPolicy) -> Result<(), EngineError> {
    for (name, value) in [
        ("idle_timeout_ms", policy.idle_timeout_ms),
        ("absolute_lifetime_ms", policy.absolute_lifetime_ms),
        ("absolute_lifetime_off_ms", policy.absolute_lifetime_off_ms),
        ("remember_me_ms", policy.remember_me_ms),
        ("max_authentication_age_ms", policy.max_authentication_age_ms),
        ("trust_browser_ms", policy.trust_browser_ms),
    ] {
        if value.is_some_and(|ms| !(POLICY_MS_MIN..=POLICY_MS_MAX).contains(&ms)) {
            let why = format!("{name} is between a second and ten years, in milliseconds");
            return Err(EngineError::Invalid(why));
        }
    }
    if policy.max_sessions.is_some_and(|max| !(1..=1000).contains(&max)) {
        return Err(EngineError::Invalid("max_sessions is between 1 and 1000".into()));
    }
    Ok(())
}
