//! Trusted browsers, which skip the second factor for a limited time.

use serde_json::json;
use sojourn_crypto::sha256;
use sojourn_model::limits::{TRUSTED_BROWSERS_LISTED_MAX, USER_AGENT_BYTES_MAX};
use sojourn_model::{
    Actor, ChangeSet, EffectivePolicy, EventName, FactorChange, Method, Methods, Op, Proof,
    SecondFactor, Session, Tenant, TrustedBrowser, User, UserId,
};

use super::password::cut;
use super::{Checked, Proven, Visit};
use crate::engine::Engine;
use crate::error::EngineError;

/// Id of a trusted browser in APIs and pages; it reveals nothing about the browser's secret.
#[must_use]
pub fn trusted_browser_id(trusted: &TrustedBrowser) -> String {
    sojourn_model::ids::hex(&sha256(&trusted.browser))
}

/// How long a policy lets users trust a browser, in milliseconds; `None` if the policy doesn't allow it or a trusted
/// browser is never sufficient.
fn trusting_ms(policy: &EffectivePolicy) -> Option<i64> {
    policy.trust_browser_ms.filter(|_| policy.second_factor != SecondFactor::PhishingResistant)
}

impl Engine {
    /// Adds the proof of a trusted browser if the user would otherwise be asked for a second factor.
    pub(super) async fn recognised(
        &self,
        tenant: &Tenant,
        checked: Checked,
        visit: &Visit,
    ) -> Result<Checked, EngineError> {
        let (user, now) = (checked.user.id, self.now());
        let Some(browser) = visit.browser.map(|secret| sha256(&secret)) else { return Ok(checked) };
        let policy = self.policy(tenant, user, visit.app).await?;
        let asked = checked.user.factors > 0 || policy.second_factor == SecondFactor::Required;
        let Some(since) = trusting_ms(&policy).filter(|_| asked).map(|ms| now.plus(-ms)) else {
            return Ok(checked);
        };
        let until = now.plus(self.settings.clock_skew_ms);
        if !self.store.is_trusted(tenant.id, user, browser, (now, since, until)).await? {
            return Ok(checked);
        }
        let Checked { user, proven, mut also } = checked;
        // A conflict means that the browser is no longer trusted.
        also.ops.push(Op::Factor(FactorChange::UseTrust { user: user.id, browser, at: now }));
        let proof = Proof { method: Method::TrustedBrowser, at: now, factor: None };
        let proven = Proven { proofs: proven.proofs.with(proof), ..proven };
        Ok(Checked { user, proven, also })
    }

    /// How long a user who signs in may trust the browser, in milliseconds; `None` if they may not.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails.
    pub async fn may_trust_browser_ms(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: Option<sojourn_model::AppId>,
    ) -> Result<Option<i64>, EngineError> {
        Ok(trusting_ms(&self.policy(tenant, user, app).await?))
    }

    /// The methods that count when a user signs in, for an application if one asks.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails.
    pub async fn methods_for(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: Option<sojourn_model::AppId>,
    ) -> Result<Methods, EngineError> {
        Ok(self.policy(tenant, user, app).await?.methods)
    }

    /// Trusts the browser of a visit from now on, if the user asked for it and may do so.
    pub(super) async fn push_trust(
        &self,
        tenant: &Tenant,
        user: &User,
        visit: &Visit,
        also: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        let Some(browser) = visit.browser.filter(|_| visit.trusts) else { return Ok(()) };
        let Some(ms) = self.may_trust_browser_ms(tenant, user.id, visit.app).await? else {
            return Ok(());
        };
        let now = self.now();
        let user_agent = cut(&visit.user_agent, USER_AGENT_BYTES_MAX);
        let (browser, until) = (sha256(&browser), now.plus(ms));
        let (user_id, used_at) = (user.id, None);
        let trusted =
            TrustedBrowser { user: user_id, browser, user_agent, since: now, until, used_at };
        let about = json!({ "until": until.0 });
        also.ops.push(Op::Factor(FactorChange::Trust { trusted, epoch: user.epoch }));
        let actor = Actor::User(user.id);
        also.audit.push(self.audit_row(&actor, "user.browser_trust", user.id, &about));
        let event = EventName::PostAddTrustedBrowser;
        also.events.push(self.factor_event(user, event, &actor, about));
        Ok(())
    }

    /// The browsers that a user trusts, sorted newest first.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn trusted_browsers(
        &self,
        tenant: &Tenant,
        user: UserId,
    ) -> Result<Vec<TrustedBrowser>, EngineError> {
        let most = TRUSTED_BROWSERS_LISTED_MAX;
        Ok(self.store.trusted_browsers(tenant.id, user, self.now(), most).await?)
    }

    /// Removes the trust in a browser of a session's user. Returns whether it was trusted.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails.
    pub async fn untrust_browser(
        &self,
        tenant: &Tenant,
        session: &Session,
        id: &str,
    ) -> Result<bool, EngineError> {
        let all = self.trusted_browsers(tenant, session.user).await?;
        let Some(found) = all.iter().find(|one| trusted_browser_id(one) == id) else {
            return Ok(false);
        };
        let user = self.store.user(tenant.id, session.user).await?;
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let browser = Some(found.browser);
        let untrust = Op::Factor(FactorChange::Untrust { user: user.id, browser });
        let mut change = ChangeSet::of(tenant.id, untrust);
        let actor = Actor::User(user.id);
        change.audit.push(self.audit_row(&actor, "user.browser_untrust", user.id, &json!({})));
        let event = EventName::PostDeleteTrustedBrowser;
        change.events.push(self.user_event(&user, event, &actor));
        self.must_apply(change).await?;
        Ok(true)
    }
}
