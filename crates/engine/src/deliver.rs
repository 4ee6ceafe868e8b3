//! Notifies applications that a session has ended, until they confirm: OpenID Connect applications by logout tokens
//! (Back-Channel Logout 1.0), SAML service providers by logout requests (SAML 2.0 single logout over SOAP).

use sojourn_model::limits::DELIVERY_BATCH;
use sojourn_model::operation::DeliveryChange;
use sojourn_model::operation::SettleDelivery;
use sojourn_model::time::random;
use sojourn_model::{
    Application, ChangeSet, Delivery, DeliveryState, Millis, Op, Outcome, Protocol, SigningAlg,
    Tenant, TenantId,
};
use sojourn_oidc::LogoutTokenClaims;

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::{AttemptResult, DeliverySender};
use crate::rights::Right;

/// How long a worker owns a claimed delivery, in milliseconds; longer than any HTTP time limit.
pub(crate) const LEASE_MS: i64 = 30_000;
/// Minimum remaining lease when an attempt starts, in milliseconds: the HTTP time limit and a margin.
const ATTEMPT_MS: i64 = 10_000;
/// Number of refusals after which a delivery is final.
const REFUSALS_MAX: i64 = 3;
/// Upper limit of the pause between two attempts, in milliseconds.
const PAUSE_MAX_MS: i64 = 3_600_000;

/// Decides the next state of a delivery after an attempt. `jitter` is 0 to 999 and spreads the next attempt by a
/// fifth around its time.
fn after_attempt(
    delivery: &Delivery,
    result: &AttemptResult,
    jti: String,
    now: Millis,
    jitter: i64,
) -> SettleDelivery {
    let (status, error, refused, lost) = match result {
        AttemptResult::Answered(status) => (Some(i64::from(*status)), None, *status == 400, false),
        AttemptResult::NotSent(why) => (None, Some(why.clone()), false, false),
        AttemptResult::AnswerLost(why) => (None, Some(why.clone()), false, true),
        AttemptResult::Refused(why) => (Some(200), Some(why.clone()), true, false),
    };
    let delivered = matches!(result, AttemptResult::Answered(200 | 204))
        // The application refuses a token for a session that it ended at the previous attempt.
        || (refused && delivery.answer_lost && matches!(result, AttemptResult::Answered(_)));
    let exponent = delivery.attempts.clamp(0, 12);
    let pause = (1_000_i64 << exponent).min(PAUSE_MAX_MS);
    let spread = pause / 5;
    let due_at = now.plus(pause - spread + spread * 2 * jitter / 1000);
    let state = if delivered {
        DeliveryState::Delivered
    } else if refused && delivery.refusals + 1 >= REFUSALS_MAX {
        DeliveryState::Refused
    } else if due_at > delivery.expires_at {
        DeliveryState::Dead
    } else {
        DeliveryState::Pending
    };
    SettleDelivery {
        tenant: delivery.tenant,
        created_at: delivery.created_at,
        sid: delivery.sid,
        attempts: delivery.attempts,
        state,
        due_at,
        at: now,
        status,
        error,
        jti,
        refused,
        answer_lost: delivery.answer_lost || lost,
        attempted: true,
    }
}

/// Postpones a delivery without an attempt, because its application is unhealthy or at its concurrency limit.
fn put_off(delivery: &Delivery, until: Millis) -> SettleDelivery {
    SettleDelivery {
        tenant: delivery.tenant,
        created_at: delivery.created_at,
        sid: delivery.sid,
        attempts: delivery.attempts,
        state: DeliveryState::Pending,
        due_at: until.min(delivery.expires_at),
        at: until,
        status: None,
        error: None,
        jti: String::new(),
        refused: false,
        answer_lost: delivery.answer_lost,
        attempted: false,
    }
}

/// Returns whether an application is available. A server error or a redirect counts as no response.
fn is_there(result: &AttemptResult) -> bool {
    match result {
        AttemptResult::Answered(status) => *status < 300 || (400..500).contains(status),
        AttemptResult::Refused(_) => true,
        AttemptResult::NotSent(_) | AttemptResult::AnswerLost(_) => false,
    }
}

impl Engine {
    /// Stores results of attempts and claims due deliveries in one commit. This worker owns the claimed ones for half
    /// a minute. If the database fails, the results are lost and the attempts are repeated.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn claim_deliveries(
        &self,
        settled: Vec<SettleDelivery>,
    ) -> Result<Vec<Delivery>, EngineError> {
        let now = self.now();
        let claim = Op::Delivery(DeliveryChange::Claim {
            now,
            lease_until: now.plus(LEASE_MS),
            limit: DELIVERY_BATCH,
        });
        let mut change = ChangeSet::new(TenantId::DEFAULT);
        change.ops.extend(settled.into_iter().map(|one| Op::Delivery(DeliveryChange::Settle(one))));
        change.ops.push(claim);
        let outcome = self.apply(change).await?;
        self.outbox.tell_settled();
        match outcome {
            Outcome::Applied(applied) => Ok(applied.deliveries),
            _ => Ok(Vec::new()),
        }
    }

    /// Stores the results of attempts.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn settle_deliveries(&self, settled: Vec<SettleDelivery>) -> Result<(), EngineError> {
        let mut change = ChangeSet::new(TenantId::DEFAULT);
        change.ops.extend(settled.into_iter().map(|one| Op::Delivery(DeliveryChange::Settle(one))));
        self.must_apply(change).await?;
        self.outbox.tell_settled();
        Ok(())
    }

    /// Prepares the delivery worker of this process. With an embedded database, which no other process uses, it
    /// releases the leases that the previous run left behind.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn begin_deliveries(&self) -> Result<(), EngineError> {
        self.outbox.open(true);
        if self.store.is_embedded() {
            let release = Op::Delivery(DeliveryChange::Release { now: self.now() });
            self.must_apply(ChangeSet::of(TenantId::DEFAULT, release)).await?;
        }
        Ok(())
    }

    /// Makes one delivery attempt and returns the update to store, or `None` if the delivery's lease is nearly over.
    /// Each attempt signs a new token, because applications may refuse a second use.
    ///
    /// # Errors
    /// [`EngineError`] if signing fails; the lease expires and the delivery is tried again.
    pub async fn attempt_delivery(
        &self,
        delivery: &Delivery,
        sender: &dyn DeliverySender,
    ) -> Result<Option<SettleDelivery>, EngineError> {
        let now = self.now();
        if now.plus(ATTEMPT_MS) > delivery.due_at {
            return Ok(None);
        }
        let jti = sojourn_crypto::b64url(&random::<16>(&*self.rng));
        let result = if now >= delivery.expires_at {
            AttemptResult::NotSent("its time is over".into())
        } else {
            if let Err(until) = self.breakers.enter(delivery.tenant, delivery.app, now) {
                return Ok(Some(put_off(delivery, until)));
            }
            let result = match self.by_protocol(delivery, &jti, sender).await {
                Ok(result) => result,
                Err(error) => {
                    // Not the application's fault.
                    self.breakers.leave(delivery.tenant, delivery.app, true, now);
                    return Err(error);
                }
            };
            let there = is_there(&result);
            self.breakers.leave(delivery.tenant, delivery.app, there, self.now());
            result
        };
        let jitter = i64::from(u16::from_be_bytes(random(&*self.rng)) % 1000);
        Ok(Some(after_attempt(delivery, &result, jti, self.now(), jitter)))
    }

    /// Notifies an application in the protocol that it uses.
    async fn by_protocol(
        &self,
        delivery: &Delivery,
        id: &str,
        sender: &dyn DeliverySender,
    ) -> Result<AttemptResult, EngineError> {
        let app = self.application(delivery.tenant, delivery.app).await?;
        let app = app.ok_or(EngineError::NotFound("application"))?;
        match app.protocol() {
            Protocol::Saml(_) => self.attempt_saml(delivery, &app, id, sender).await,
            Protocol::OpenIdConnect(_) | Protocol::Page => {
                let token = self.logout_token(delivery, &app, id).await?;
                Ok(sender.post(&delivery.uri, &token).await)
            }
        }
    }

    async fn logout_token(
        &self,
        delivery: &Delivery,
        app: &Application,
        jti: &str,
    ) -> Result<String, EngineError> {
        let now = self.now();
        let keys = self.keys(delivery.tenant).await?;
        let key = keys
            .signer(app.settings.oidc.id_token_signed_response_alg, now)
            .or_else(|| keys.signer(SigningAlg::Rs256, now))
            .ok_or_else(|| EngineError::Key("the tenant has no signing key".into()))?;
        let iat = now.seconds();
        let claims = LogoutTokenClaims {
            iss: &delivery.issuer,
            aud: app.audience(),
            iat,
            exp: iat + self.settings.lifetimes.logout_token_ms / 1000,
            jti,
            sub: &delivery.sub,
            sid: delivery.sid.to_string(),
            events: sojourn_oidc::claims::logout_events(),
        };
        Ok(sojourn_crypto::sign_jwt(key, "logout+jwt", &claims)?)
    }

    /// Health of the applications that fail or have deliveries in progress, as this node sees it.
    #[must_use]
    pub fn application_health(&self, tenant: &Tenant) -> Vec<crate::ApplicationHealth> {
        self.breakers.health(tenant.id)
    }

    /// Number of applications, in all tenants, to which this node currently sends nothing.
    #[must_use]
    pub fn open_circuits(&self) -> usize {
        self.breakers.open(self.now())
    }

    /// Fails if a session belongs to someone with more rights.
    async fn must_outrank_session(
        &self,
        tenant: &Tenant,
        by: &Authority,
        session: sojourn_model::SessionId,
    ) -> Result<(), EngineError> {
        let Some(found) = self.store.session(tenant.id, session).await? else { return Ok(()) };
        self.must_outrank(tenant, by, crate::rank::Concerned::Users(&[found.user])).await
    }

    /// Gives up a waiting delivery.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no delivery in that state.
    pub async fn give_up_delivery(
        &self,
        tenant: &Tenant,
        session: sojourn_model::SessionId,
        sid: sojourn_model::Sid,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::SessionDeliveryManage)?;
        let actor = &by.actor();
        self.must_outrank_session(tenant, by, session).await?;
        let why = format!("given up by {actor}");
        let mut change =
            ChangeSet::of(tenant.id, Op::Delivery(DeliveryChange::GiveUp { session, sid, why }));
        change.audit.push(self.audit_row(actor, "delivery.give_up", sid, &serde_json::json!({})));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(()),
            _ => Err(EngineError::NotFound("waiting delivery")),
        }
    }

    /// Queues a dead or refused delivery again.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no delivery in such a state.
    pub async fn resend_delivery(
        &self,
        tenant: &Tenant,
        session: sojourn_model::SessionId,
        sid: sojourn_model::Sid,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::SessionDeliveryManage)?;
        let actor = &by.actor();
        self.must_outrank_session(tenant, by, session).await?;
        let now = self.now();
        let expires_at = now.plus(self.settings.lifetimes.delivery_ms);
        let mut change = ChangeSet::of(
            tenant.id,
            Op::Delivery(DeliveryChange::Resend { session, sid, now, expires_at }),
        );
        change.audit.push(self.audit_row(actor, "delivery.resend", sid, &serde_json::json!({})));
        match self.apply(change).await? {
            Outcome::Applied(_) => {
                self.outbox.written();
                Ok(())
            }
            _ => Err(EngineError::NotFound("dead or refused delivery")),
        }
    }
}

#[cfg(test)]
mod tests {
    use sojourn_model::{AppId, SessionId, Sid, UserId};

    use super::*;

    fn delivery(attempts: i64, refusals: i64, answer_lost: bool) -> Delivery {
        let nil = [0; 16];
        Delivery {
            tenant: TenantId::DEFAULT,
            sid: Sid(nil),
            session: SessionId([0; 32]),
            app: AppId::from_slice(&nil).expect("id"),
            user: UserId::from_slice(&nil).expect("id"),
            sub: String::new(),
            issuer: String::new(),
            uri: String::new(),
            state: DeliveryState::Pending,
            attempts,
            refusals,
            answer_lost,
            due_at: Millis(0),
            created_at: Millis(0),
            expires_at: Millis(86_400_000),
            last_attempt_at: None,
            last_status: None,
            last_error: None,
            last_jti: None,
        }
    }

    #[test]
    fn what_becomes_of_a_delivery() {
        use AttemptResult::{AnswerLost, Answered, NotSent};
        use DeliveryState as S;
        for (before, result, now, want) in [
            (delivery(0, 0, false), Answered(200), 0, S::Delivered),
            (delivery(0, 0, false), Answered(204), 0, S::Delivered),
            (delivery(0, 0, false), Answered(400), 0, S::Pending),
            (delivery(1, 1, false), Answered(400), 0, S::Pending),
            (delivery(2, 2, false), Answered(400), 0, S::Refused),
            (delivery(1, 0, true), Answered(400), 0, S::Delivered),
            (delivery(0, 0, false), Answered(302), 0, S::Pending),
            (delivery(9, 0, false), Answered(500), 0, S::Pending),
            (delivery(0, 0, false), NotSent("x".into()), 0, S::Pending),
            (delivery(0, 0, false), AnswerLost("x".into()), 0, S::Pending),
            (delivery(0, 0, false), Answered(503), 86_400_000, S::Dead),
            (delivery(12, 0, false), Answered(503), 86_000_000, S::Dead),
        ] {
            let settled = after_attempt(&before, &result, "j".into(), Millis(now), 500);
            assert_eq!(settled.state, want, "{before:?} {result:?}");
        }
        let lost = after_attempt(
            &delivery(0, 0, false),
            &AnswerLost("x".into()),
            "j".into(),
            Millis(0),
            0,
        );
        assert!(lost.answer_lost);
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_spread_by_a_fifth() {
        for (attempts, pause) in
            [(0, 1_000), (1, 2_000), (5, 32_000), (12, PAUSE_MAX_MS), (60, PAUSE_MAX_MS)]
        {
            for (jitter, factor) in [(0, 8), (500, 10), (999, 12)] {
                let result = AttemptResult::Answered(500);
                let settled = after_attempt(
                    &delivery(attempts, 0, false),
                    &result,
                    "j".into(),
                    Millis(0),
                    jitter,
                );
                let want = pause / 10 * factor;
                assert!((settled.due_at.0 - want).abs() <= pause / 500, "{attempts} {jitter}");
            }
        }
    }
}
