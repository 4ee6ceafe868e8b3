//! Browsers in which a person isn't asked for the second factor for a while.

use serde_json::json;
use sojourn_crypto::sha256;
use sojourn_model::limits::{TRUSTED_BROWSERS_LISTED_MAX, USER_AGENT_BYTES_MAX};
use sojourn_model::{
    Actor, ChangeSet, EffectivePolicy, EventName, FactorChange, Method, Op, Proof, SecondFactor,
    Session, Tenant, TrustedBrowser, User, UserId,
};

use super::password::cut;
use super::{Checked, Proven, Visit};
use crate::engine::Engine;
use crate::error::EngineError;

/// What names a trusted browser in interfaces: it says nothing about its secret.
#[must_use]
pub fn trusted_browser_id(trusted: &TrustedBrowser) -> String {
    sojourn_model::ids::hex(&sha256(&trusted.browser))
}

/// For how long a policy lets people trust a browser, in milliseconds: not at all where that is never enough.
fn trusting_ms(policy: &EffectivePolicy) -> Option<i64> {
    policy.trust_browser_ms.filter(|_| policy.second_factor != SecondFactor::PhishingResistant)
}

impl Engine {
    /// With the proof of a browser that the person trusts, where they would be asked for a second factor otherwise.
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
        // A conflict: it isn't trusted any more.
        also.ops.push(Op::Factor(FactorChange::UseTrust { user: user.id, browser, at: now }));
        let proof = Proof { method: Method::TrustedBrowser, at: now, factor: None };
        let proven = Proven { proofs: proven.proofs.with(proof), ..proven };
        Ok(Checked { user, proven, also })
    }

    /// For how long a person who signs in may trust the browser, in milliseconds; nothing where they may not.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn may_trust_browser_ms(
        &self,
        tenant: &Tenant,
        user: UserId,
        app: Option<sojourn_model::AppId>,
    ) -> Result<Option<i64>, EngineError> {
        Ok(trusting_ms(&self.policy(tenant, user, app).await?))
    }

    /// Trusts the browser of a visit from now on, where its person asked for it and may.
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

    /// The browsers that a user trusts, the newest first.
    ///
    /// # Errors
    /// [`EngineError::Store`]
    pub async fn trusted_browsers(
        &self,
        tenant: &Tenant,
        user: UserId,
    ) -> Result<Vec<TrustedBrowser>, EngineError> {
        let most = TRUSTED_BROWSERS_LISTED_MAX;
        Ok(self.store.trusted_browsers(tenant.id, user, self.now(), most).await?)
    }

    /// Trusts a browser of a session's person no longer. Answers whether it was trusted.
    ///
    /// # Errors
    /// [`EngineError`]
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
