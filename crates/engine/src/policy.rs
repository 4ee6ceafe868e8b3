//! Session policies: what an organisation sets, and what applies to a single session.

use std::sync::Arc;

use sojourn_model::{
    AppId, Application, EffectivePolicy, OnRoleChange, Op, PolicyScope, RememberMe, RoleId,
    SessionId, SessionPolicy, Tenant, UserId,
};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::memory::policies::Policies;

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
        Ok(EffectivePolicy::of(&self.settings.lifetimes, &policies.tenant, &others, self.now()))
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
        let found =
            EffectivePolicy::of(&self.settings.lifetimes, &policies.tenant, &own, self.now());
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

    /// Returns for which changes of a role the policies end sessions.
    pub(crate) async fn on_change_of(
        &self,
        tenant: &Tenant,
        role: RoleId,
    ) -> Result<OnRoleChange, EngineError> {
        let policies = self.policies(tenant).await?;
        let own: Vec<SessionPolicy> = policies.roles.get(&role).copied().into_iter().collect();
        let found =
            EffectivePolicy::of(&self.settings.lifetimes, &policies.tenant, &own, self.now());
        Ok(found.on_role_change)
    }

    /// The oldest of the active sessions that must end so that one more can start within `max`.
    pub(crate) fn oldest(live: &[sojourn_model::Session], max: usize) -> Vec<(UserId, SessionId)> {
        let surplus = (live.len() + 1).saturating_sub(max);
        // The sessions are sorted newest first.
        live.iter().rev().take(surplus).map(|session| (session.user, session.id)).collect()
    }
}
