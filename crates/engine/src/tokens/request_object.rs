//! Request objects (OpenID Connect Core 1.0 §6, RFC 9101).

use serde_json::{Map, Value};
use sojourn_crypto::client_keys::{VERIFIED_MACS, peek};
use sojourn_crypto::{JwsError, JwsHeader, verify_client_jws, verify_client_mac};
use sojourn_model::{Application, Tenant};
use sojourn_oidc::{OAuthError, Params};

use crate::engine::Engine;

/// Claims of the JWT itself, which aren't request parameters.
const NO_PARAMETERS: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

fn wrong(why: impl Into<String>) -> OAuthError {
    OAuthError::new("invalid_request_object", why)
}

impl Engine {
    /// Merges the parameters of a request with those of its request object, which take precedence (Core §6.1).
    ///
    /// # Errors
    /// `invalid_request_object`, `invalid_request_uri` or `invalid_request`, depending on which part isn't valid.
    pub async fn with_request_object(
        &self,
        tenant: &Tenant,
        app: &Application,
        params: &Params,
    ) -> Result<Option<Params>, OAuthError> {
        let text = match (params.get("request"), params.get("request_uri")) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(OAuthError::invalid_request("send request or request_uri, not both"));
            }
            (Some(text), None) => text.to_owned(),
            (None, Some(uri)) => self.fetched_request(app, uri).await?,
        };
        let (claims, secret) = self.verified_request(app, &text).await?;
        self.check_request_claims(tenant, app, params, &claims)?;
        if let Some(previous) = secret {
            self.note_secret_use(app, previous).await;
        }
        let mut merged = Vec::new();
        for (name, value) in claims {
            if NO_PARAMETERS.contains(&name.as_str()) {
                continue;
            }
            let value = match value {
                Value::String(text) => text,
                Value::Null => continue,
                // In a request object, `claims` is an object and `max_age` a number.
                other => other.to_string(),
            };
            merged.push((name, value));
        }
        params.merged(&["request", "request_uri"], merged).map(Some).map_err(OAuthError::from)
    }

    /// Fetches a request object. Only registered addresses are fetched, so that nobody can send requests to others
    /// through this server.
    async fn fetched_request(&self, app: &Application, uri: &str) -> Result<String, OAuthError> {
        let refused = |why: &str| OAuthError::new("invalid_request_uri", why);
        let without_fragment = |uri: &str| uri.split('#').next().unwrap_or_default().to_owned();
        let asked = without_fragment(uri);
        if !app.settings.oidc.request_uris.iter().any(|known| without_fragment(known) == asked) {
            return Err(refused("the request_uri is not registered"));
        }
        let body =
            self.fetch(&asked).await.map_err(|_| refused("the request_uri can not be read"))?;
        let text = String::from_utf8(body).map_err(|_| refused("the request_uri holds no JWT"))?;
        Ok(text.trim().to_owned())
    }

    async fn verified_request(
        &self,
        app: &Application,
        text: &str,
    ) -> Result<(Map<String, Value>, Option<bool>), OAuthError> {
        let (header, unproven) = peek(text).map_err(|_| wrong("the request object is no JWT"))?;
        let registered = app.settings.oidc.request_object_signing_alg.as_deref();
        if registered.is_some_and(|alg| alg != header.alg) {
            return Err(wrong("the request object has another algorithm than the registered one"));
        }
        if header.alg == "none" {
            // Registration §2: without a registered algorithm, any is acceptable. It is trusted no more than plain
            // parameters.
            return if text.ends_with('.') {
                Ok((unproven, None))
            } else {
                Err(wrong("an unsigned request object has no signature"))
            };
        }
        let verified = self.verify_of_client(app, text, &header).await.map_err(wrong)?;
        Ok((verified.claims, verified.secret))
    }

    /// Verifies a JWT of an application, with its keys or its secret. The caller records the use of a secret after it
    /// has checked the claims.
    pub(crate) async fn verify_of_client(
        &self,
        app: &Application,
        text: &str,
        header: &JwsHeader,
    ) -> Result<VerifiedOfClient, String> {
        if VERIFIED_MACS.contains(&header.alg.as_str()) {
            let secret = self.client_secret(app).ok_or("there is no secret for a MAC")?;
            let good = verify_client_mac(&secret, text);
            let previous = good.is_err().then(|| self.previous_client_secret(app)).flatten();
            let by_previous = previous.and_then(|secret| verify_client_mac(&secret, text).ok());
            let previous = by_previous.is_some();
            let (_, claims) = by_previous.map_or(good, Ok).map_err(|error| error.to_string())?;
            return Ok(VerifiedOfClient { claims, secret: Some(previous) });
        }
        let keys = self.client_keys(app, false).await?;
        let verified = match verify_client_jws(&keys, text) {
            // The application may have rotated its keys.
            Err(JwsError::UnknownKey | JwsError::Signature) if app.settings.oidc.jwks.is_none() => {
                let keys = self.client_keys(app, true).await?;
                verify_client_jws(&keys, text)
            }
            other => other,
        };
        let (_, claims) = verified.map_err(|error| error.to_string())?;
        Ok(VerifiedOfClient { claims, secret: None })
    }

    fn check_request_claims(
        &self,
        tenant: &Tenant,
        app: &Application,
        params: &Params,
        claims: &Map<String, Value>,
    ) -> Result<(), OAuthError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let now = self.now().seconds();
        let time = |name: &str| claims.get(name).and_then(Value::as_f64).map(|at| at as i64);
        // RFC 9101 §10.8: a JWT with the client as subject could be used as a client assertion.
        if text("sub").is_some_and(|sub| sub == app.client_id) {
            return Err(wrong("a request object has no sub of the client"));
        }
        if text("iss").is_some_and(|iss| iss != app.client_id) {
            return Err(wrong("iss is not the client"));
        }
        if claims.get("aud").is_some_and(|aud| !names(aud, &self.issuer(tenant))) {
            return Err(wrong("aud is not this server"));
        }
        if time("exp").is_some_and(|exp| exp <= now)
            || time("nbf").is_some_and(|nbf| nbf > now + 60)
        {
            return Err(wrong("the request object is not valid now"));
        }
        if claims.contains_key("request") || claims.contains_key("request_uri") {
            return Err(wrong("a request object holds no other one"));
        }
        for name in ["client_id", "response_type"] {
            let differs = text(name).zip(params.get(name)).is_some_and(|(a, b)| a != b);
            if differs {
                return Err(wrong(format!("{name} differs from the request's")));
            }
        }
        Ok(())
    }
}

/// A JWT of an application with a valid signature or MAC. Its claims aren't checked yet.
pub(crate) struct VerifiedOfClient {
    pub(crate) claims: Map<String, Value>,
    /// If a secret was used for the MAC: whether it was the previous one.
    pub(crate) secret: Option<bool>,
}

/// Returns whether an audience equals or contains a name.
pub(crate) fn names(audience: &Value, name: &str) -> bool {
    match audience {
        Value::String(one) => one == name,
        Value::Array(several) => several.iter().any(|one| one == name),
        _ => false,
    }
}
