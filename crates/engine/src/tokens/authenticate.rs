//! Client authentication by secret, assertion or, for public clients, by id alone.

use std::sync::Arc;

use serde_json::{Map, Value};
use sojourn_crypto::client_keys::{VERIFIED_MACS, peek};
use sojourn_crypto::secret::SecretCheck;
use sojourn_crypto::sha256;
use sojourn_model::{
    Application, ChangeSet, ClientAuthMethod, Millis, Op, Outcome, Protocol, Tenant,
};
use sojourn_oidc::{ClientCredentials, OAuthError};

use super::TokenError;
use super::request_object::names;
use crate::engine::Engine;
use crate::error::EngineError;

/// Maximum remaining lifetime of an assertion, in seconds: each one is remembered until it expires.
const ASSERTION_SECONDS_MAX: i64 = 24 * 3600;
/// How far the application's clock may be ahead, in seconds.
const CLOCK_SECONDS: i64 = 60;

impl Engine {
    /// Authenticates an application. A secret may be sent in the header or the body; a public client sends none; an
    /// assertion must match the registered method (OpenID Connect Core 1.0 §9). `ip` is the client's address, for the
    /// rate limits.
    ///
    /// # Errors
    /// `invalid_client` if anything doesn't match, without a hint at what it was. `temporarily_unavailable` after too
    /// many wrong secrets.
    pub async fn authenticate_client(
        &self,
        tenant: &Tenant,
        presented: &ClientCredentials,
        ip: &str,
    ) -> Result<Arc<Application>, TokenError> {
        let app = self
            .application_by_client(tenant.id, &presented.client_id)
            .await?
            .filter(|app| app.enabled && matches!(app.protocol(), Protocol::OpenIdConnect(_)))
            .ok_or_else(OAuthError::invalid_client)?;
        let registered = app.settings.oidc.token_endpoint_auth_method;
        let by_secret = matches!(
            registered,
            ClientAuthMethod::ClientSecretBasic | ClientAuthMethod::ClientSecretPost
        );
        let good = match (&presented.assertion, &presented.secret, &app.secret_hash) {
            (Some(assertion), _, _) => self.check_assertion(tenant, &app, assertion).await?,
            (None, None, _) => app.is_public() && presented.method == ClientAuthMethod::None,
            (None, Some(_), None) => false,
            (None, Some(secret), Some(stored)) => {
                let previous = by_secret && self.is_previous_secret(&app, secret);
                let good =
                    previous || (by_secret && self.check_secret(&app, secret, stored, ip).await?);
                if good {
                    self.note_secret_use(&app, previous).await;
                }
                good
            }
        };
        if good { Ok(app) } else { Err(OAuthError::invalid_client().into()) }
    }

    async fn check_secret(
        &self,
        app: &Application,
        secret: &str,
        stored: &str,
        ip: &str,
    ) -> Result<bool, TokenError> {
        let compared = self.hasher.check(secret, stored);
        if compared == SecretCheck::Done(true) {
            return Ok(true);
        }
        let too_many = || {
            let why = "too many wrong secrets came from this address: try again in a few minutes";
            TokenError::from(OAuthError::new("temporarily_unavailable", why))
        };
        if self.is_refused(app, ip) {
            return Err(too_many());
        }
        if compared == SecretCheck::NeedsPasswordHash
            && (app.settings.oidc.declared_secret
                == Some(self.declared_secret(&app.client_id, secret))
                || self.is_remembered(secret, Some(stored)))
        {
            return Ok(true);
        }
        // From here on, the secret may be a guess.
        if !self.count_client_attempt(app, ip).await? {
            return Err(too_many());
        }
        if compared != SecretCheck::NeedsPasswordHash {
            return Ok(false);
        }
        let lane = self.client_hashes.try_acquire();
        let verified = match lane {
            Ok(_) => self.verify_remembered(secret, Some(stored)).await,
            Err(_) => Err(EngineError::Busy),
        };
        let op = match &verified {
            Ok(false) => return Ok(false),
            Ok(true) => self.forgive_client(app, ip),
            Err(_) => self.undo_client_attempt(app, ip),
        };
        self.must_apply(ChangeSet::of(app.tenant, op)).await?;
        Ok(verified?)
    }

    /// Verifies an assertion: a JWT of the application about itself, addressed to this server, fresh, and not seen
    /// before (RFC 7523 §3).
    async fn check_assertion(
        &self,
        tenant: &Tenant,
        app: &Application,
        assertion: &str,
    ) -> Result<bool, TokenError> {
        let Ok((header, _)) = peek(assertion) else { return Ok(false) };
        let mac = VERIFIED_MACS.contains(&header.alg.as_str());
        let fits = match app.settings.oidc.token_endpoint_auth_method {
            ClientAuthMethod::ClientSecretJwt => mac,
            ClientAuthMethod::PrivateKeyJwt => !mac,
            _ => false,
        };
        let registered = app.settings.oidc.token_endpoint_auth_signing_alg.as_deref();
        // A signed request object isn't an assertion (RFC 9101 §10.8).
        let typ = header.typ.as_deref().unwrap_or("JWT");
        if typ.eq_ignore_ascii_case("oauth-authz-req+jwt") {
            return Ok(false);
        }
        if !fits || registered.is_some_and(|alg| alg != header.alg) {
            return Ok(false);
        }
        let verified = match self.verify_of_client(app, assertion, &header).await {
            Ok(verified) => verified,
            Err(why) => {
                tracing::info!(client_id = app.client_id, why, "a client assertion was refused");
                return Ok(false);
            }
        };
        let Some((jti, until)) = self.fresh_assertion(tenant, app, &verified.claims) else {
            return Ok(false);
        };
        let name = [app.id.0.as_bytes().as_slice(), b"assertion", jti.as_bytes()].concat();
        let op = Op::UseOnce { key: sha256(&name).to_vec(), until };
        // A duplicate means that the assertion is presented a second time.
        let good = matches!(self.apply(ChangeSet::of(tenant.id, op)).await?, Outcome::Applied(_));
        if let Some(previous) = verified.secret.filter(|_| good) {
            self.note_secret_use(app, previous).await;
        }
        Ok(good)
    }

    /// The id of an assertion and its expiry, if it is addressed to this server and currently valid.
    fn fresh_assertion<'c>(
        &self,
        tenant: &Tenant,
        app: &Application,
        claims: &'c Map<String, Value>,
    ) -> Option<(&'c str, Millis)> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|at| at as i64);
        let now = self.now().seconds();
        let own = text("iss") == Some(&app.client_id) && text("sub") == Some(&app.client_id);
        let (issuer, address) = (self.issuer(tenant), self.settings.address(tenant));
        let audience = claims.get("aud")?;
        // The issuer, or an endpoint that accepts assertions.
        let ours = names(audience, &issuer)
            || ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"]
                .iter()
                .any(|path| names(audience, &format!("{address}{path}")));
        let exp = time("exp")?;
        let begun = time("nbf").is_none_or(|nbf| nbf <= now + CLOCK_SECONDS)
            && time("iat").is_none_or(|iat| iat <= now + CLOCK_SECONDS);
        let lives = exp > now && exp <= now + ASSERTION_SECONDS_MAX;
        let jti = text("jti").filter(|jti| !jti.is_empty())?;
        (own && ours && begun && lives).then_some((jti, Millis((exp + 1) * 1000)))
    }
}
