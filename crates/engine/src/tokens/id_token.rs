//! ID tokens (OpenID Connect Core 1.0 §2).

use serde::Serialize;
use serde_json::{Map, Value};
use sojourn_crypto::SigningKey;
use sojourn_model::{
    AppId, Application, Level, Millis, SessionId, Sid, SigningAlg, Tenant, UserId,
};
use sojourn_oidc::{IdTokenClaims, claims};

use crate::engine::Engine;
use crate::error::EngineError;

/// The content of an ID token.
pub(crate) struct IdToken<'a> {
    pub(crate) app: &'a Application,
    pub(crate) user: UserId,
    pub(crate) sub: &'a str,
    pub(crate) sid: Sid,
    pub(crate) session: Option<SessionId>,
    pub(crate) auth_time: Millis,
    pub(crate) amr: &'a str,
    pub(crate) nonce: Option<&'a str>,
    /// Access token that is returned with the ID token, for `at_hash`.
    pub(crate) access_token: Option<&'a str>,
    pub(crate) code: Option<&'a str>,
    /// Scopes that add their claims to the ID token; empty if an access token for userinfo is issued too.
    pub(crate) scopes: &'a str,
    /// Claims that were requested by name.
    pub(crate) named: &'a Map<String, Value>,
    /// Whether the token endpoint returns it.
    pub(crate) at_token_endpoint: bool,
    /// All scopes of the grant, for the claims `roles` and `groups`.
    pub(crate) granted: &'a str,
}

impl Engine {
    pub(crate) async fn id_token(
        &self,
        tenant: &Tenant,
        wanted: IdToken<'_>,
    ) -> Result<String, EngineError> {
        let now = self.now();
        let app = wanted.app;
        let alg = app.settings.oidc.id_token_signed_response_alg;
        let mut more = if wanted.named.is_empty() && wanted.scopes.is_empty() {
            Map::new()
        } else {
            let user = self.store.user(tenant.id, wanted.user).await?;
            user.map(|user| claims::of_user(&user, wanted.scopes, wanted.named)).unwrap_or_default()
        };
        more.extend(self.memberships(tenant, app, wanted.user, wanted.granted).await?);
        let issuer = self.issuer(tenant);
        let iat = now.seconds();
        let claims = IdTokenClaims {
            iss: &issuer,
            sub: wanted.sub,
            aud: &app.client_id,
            exp: iat + self.id_lifetime_ms(app) / 1000,
            iat,
            auth_time: wanted.auth_time.seconds(),
            nonce: wanted.nonce,
            at_hash: wanted.access_token.map(|token| claims::half_hash(alg, token)),
            c_hash: wanted.code.map(|code| claims::half_hash(alg, code)),
            // The methods may be unknown for a grant with an ended session; its user gave at least one proof.
            acr: Level::of(wanted.amr).unwrap_or(Level::One).acr(),
            sid: wanted.sid.to_string(),
            amr: wanted.amr.split(' ').filter(|method| !method.is_empty()).collect(),
            isk: wanted
                .session
                .filter(|_| app.settings.oidc.session_extension)
                .map(|session| self.session_key(tenant, app.id, session))
                .transpose()?,
            more,
        };
        let token = if app.settings.oidc.id_token_unsigned && wanted.at_token_endpoint {
            sojourn_crypto::unsigned_jwt(&claims)?
        } else {
            self.signed(tenant, app.settings.oidc.id_token_signed_response_alg, "JWT", &claims)
                .await?
        };
        Ok(token)
    }

    /// Signs claims with the tenant's key for an algorithm.
    pub(crate) async fn signed(
        &self,
        tenant: &Tenant,
        alg: SigningAlg,
        typ: &str,
        claims: &impl Serialize,
    ) -> Result<String, EngineError> {
        let now = self.now();
        let keys = self.keys(tenant.id).await?;
        let keys = if keys.signer(alg, now).is_some() {
            keys
        } else {
            self.ensure_key(tenant.id, alg).await?;
            self.keys(tenant.id).await?
        };
        let missing = || EngineError::Key(format!("the tenant has no {} key", alg.as_str()));
        let key: &SigningKey = keys.signer(alg, now).ok_or_else(missing)?;
        Ok(sojourn_crypto::sign_jwt(key, typ, claims)?)
    }

    /// The key with which an application extends a session that it takes part in.
    fn session_key(
        &self,
        tenant: &Tenant,
        app: AppId,
        session: SessionId,
    ) -> Result<String, EngineError> {
        let body = [app.0.as_bytes().as_slice(), &session.0].concat();
        Ok(self.sealer.seal(sojourn_crypto::TokenKind::SessionKey, tenant.id, &body)?)
    }
}
