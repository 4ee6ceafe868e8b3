//! Adding an authenticator app. The server creates its secret and shows it once; the factor is added when the user
//! types a code.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sojourn_crypto::TokenKind;
use sojourn_crypto::totp::{SEED_BYTES, base32, step_of};
use sojourn_model::{
    Actor, ChangeSet, EventName, Factor, FactorChange, FactorId, FactorKind, Millis, Op, Outcome,
    Session, SessionId, Tenant, User,
};

use super::place::place;
use super::{FactorRefused, OFFER_MS, named, room};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::outside::News;

/// The data for adding an authenticator app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotpOffer {
    /// Sealed state that the form sends back, valid for this session for some minutes.
    pub sealed: String,
    /// The secret in base 32, for typing it into the app.
    pub secret: String,
    /// The `otpauth:` address that the app reads from a QR code.
    pub uri: String,
}

/// The result of adding a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The factor, without its secret.
    pub factor: Factor,
    /// Recovery codes if it is the account's first factor; they are shown only once.
    pub codes: Option<Vec<String>>,
}

/// Content of the sealed state.
#[derive(Serialize, Deserialize)]
struct Offered {
    seed: [u8; SEED_BYTES],
    /// Recipient of the offer: a session, or a sign-in in progress.
    to: [u8; 32],
    made_at: i64,
}

impl Engine {
    /// Offers a new authenticator app to a session's user.
    ///
    /// # Errors
    /// [`FactorRefused::NotFresh`] unless the user authenticated a moment ago, [`FactorRefused::TooMany`] if the
    /// account has the maximum number of factors.
    pub async fn offer_totp(
        &self,
        tenant: &Tenant,
        session: &Session,
    ) -> Result<TotpOffer, FactorRefused> {
        let (user, factors) = self.fresh_user(tenant, session).await?;
        room(&factors)?;
        Ok(self.new_offer(tenant, &user, session.id.0)?)
    }

    /// A new secret, offered to a session or to a sign-in in progress.
    pub(crate) fn new_offer(
        &self,
        tenant: &Tenant,
        user: &User,
        to: [u8; 32],
    ) -> Result<TotpOffer, EngineError> {
        let seed = sojourn_model::time::random(&*self.rng);
        let offered = Offered { seed, to, made_at: self.now().0 };
        let body = serde_json::to_vec(&offered).unwrap_or_default();
        let sealed = self.sealer.seal(TokenKind::Enrolment, tenant.id, &body)?;
        Ok(self.offer(tenant, user, &seed, sealed))
    }

    /// Repeats an offer for a page that is shown again; `None` if the offer is no longer valid.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn offered_totp(
        &self,
        tenant: &Tenant,
        session: &Session,
        sealed: &str,
    ) -> Result<Option<TotpOffer>, EngineError> {
        let user = self.store.user(tenant.id, session.user).await?;
        Ok(user.and_then(|user| self.same_offer(tenant, &user, session.id.0, sealed)))
    }

    pub(crate) fn same_offer(
        &self,
        tenant: &Tenant,
        user: &User,
        to: [u8; 32],
        sealed: &str,
    ) -> Option<TotpOffer> {
        let offered = self.open_offer(tenant, to, sealed)?;
        Some(self.offer(tenant, user, &offered.seed, sealed.to_owned()))
    }

    fn offer(
        &self,
        tenant: &Tenant,
        user: &User,
        seed: &[u8; SEED_BYTES],
        sealed: String,
    ) -> TotpOffer {
        let secret = base32(seed);
        // Apps show both the server (issuer) and the account.
        let host = self.settings.host();
        let issuer = tenant.look.name.as_deref().unwrap_or(&host);
        let text = |text: &str| -> String {
            // A colon in the label would end the issuer.
            url::form_urlencoded::byte_serialize(text.replace(':', " ").as_bytes())
                .collect::<String>()
                .replace('+', "%20")
        };
        let (issuer, account) = (text(issuer), text(&user.username));
        let uri = format!(
            "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30"
        );
        TotpOffer { sealed, secret, uri }
    }

    fn open_offer(&self, tenant: &Tenant, to: [u8; 32], sealed: &str) -> Option<Offered> {
        let body = self.sealer.open(TokenKind::Enrolment, tenant.id, sealed)?;
        let offered: Offered = serde_json::from_slice(&body).ok()?;
        let good = offered.to == to && self.is_recent(Millis(offered.made_at), OFFER_MS);
        good.then_some(offered)
    }

    /// Adds the app of an offer, after verifying a code that it shows. The first factor of an account comes with
    /// recovery codes.
    ///
    /// # Errors
    /// [`FactorRefused`] if the offer or the code isn't valid, [`EngineError::Invalid`] if the name isn't valid.
    pub async fn add_totp(
        &self,
        tenant: &Tenant,
        session: &Session,
        sealed: &str,
        typed: &str,
        name: &str,
    ) -> Result<Added, FactorRefused> {
        let offered = self.open_offer(tenant, session.id.0, sealed);
        let id = factor_id(self, &offered.ok_or(FactorRefused::Gone)?)?;
        let there = self.store.factors_of(tenant.id, session.user).await;
        if there.map_err(EngineError::from)?.iter().any(|factor| factor.id == id) {
            return Err(FactorRefused::Gone);
        }
        let (user, factors) = self.fresh_user(tenant, session).await?;
        room(&factors)?;
        let factor = self.checked_offer(tenant, &user, session.id.0, (sealed, typed, name))?;
        let mut change = ChangeSet::new(tenant.id);
        let codes = factors.is_empty().then(|| self.push_recovery_codes(&user, &mut change));
        let news = News::FactorAdded { name: &factor.name };
        self.push_news(tenant, &user, news, session.id, &mut change).await?;
        let factor = self.put_factor((&user, Some(session.id)), factor, change).await?;
        Ok(Added { factor, codes })
    }

    /// Verifies a code of an offered app and returns the factor with the name that the user chose.
    pub(crate) fn checked_offer(
        &self,
        tenant: &Tenant,
        user: &User,
        to: [u8; 32],
        (sealed, typed, name): (&str, &str, &str),
    ) -> Result<Factor, FactorRefused> {
        let offered = self.open_offer(tenant, to, sealed).ok_or(FactorRefused::Gone)?;
        let name = named(name)?;
        let now = self.now();
        let typed: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
        let step = step_of(&offered.seed, &typed, now.seconds(), 0).ok_or(FactorRefused::Wrong)?;
        let id = factor_id(self, &offered)?;
        let secret = self.secrets.seal(&place(tenant, id), &offered.seed, &*self.rng);
        Ok(Factor {
            id,
            user: user.id,
            kind: FactorKind::Totp,
            name,
            secret: secret.map_err(EngineError::from)?,
            step,
            added_at: now,
            used_at: None,
        })
    }

    /// Adds a factor together with the rest of a change set, in a session or in a sign-in, unless that or the account
    /// has changed. Returns the factor without its secret.
    pub(crate) async fn put_factor(
        &self,
        (user, session): (&User, Option<SessionId>),
        factor: Factor,
        mut change: ChangeSet,
    ) -> Result<Factor, FactorRefused> {
        let actor = Actor::User(user.id);
        let add = FactorChange::Add { factor: factor.clone(), epoch: user.epoch, session };
        change.ops.insert(0, Op::Factor(add));
        let about = json!({ "factor": factor.id.to_string(), "kind": factor.kind.as_str() });
        change.audit.push(self.audit_row(&actor, "user.factor_add", user.id, &about));
        change.events.push(self.factor_event(user, EventName::PostAddFactor, &actor, about));
        match self.apply(change).await? {
            Outcome::Applied(_) => Ok(Factor { secret: Vec::new(), ..factor }),
            _ => Err(FactorRefused::Gone),
        }
    }
}

/// Derived from the secret, so that a form that is sent twice adds one factor.
fn factor_id(engine: &Engine, offered: &Offered) -> Result<FactorId, FactorRefused> {
    let id = engine.keyed_hash("factor id", &[&offered.seed]);
    FactorId::from_slice(id.get(..16).unwrap_or_default()).map_err(|_| FactorRefused::Gone)
}
