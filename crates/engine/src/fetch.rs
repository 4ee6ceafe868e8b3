//! Documents that applications publish: keys, request objects and sector identifier lists.

use std::sync::PoisonError;

use serde_json::Value;
use sojourn_crypto::ClientKeys;
use sojourn_model::Application;
use sojourn_model::limits::{CLIENT_KEYS_KEPT_MAX, FETCH_BYTES_MAX};

use crate::engine::Engine;

/// How long fetched keys are used, in milliseconds.
const FRESH_MS: i64 = 10 * 60_000;
/// Minimum interval between two fetches when a signature names an unknown key, in milliseconds: the application may
/// have rotated its keys. Without a limit, invalid signatures could turn this server against the application's.
const AGAIN_MS: i64 = 5_000;

impl Engine {
    /// Fetches a document of an application. An address at which a fetch failed isn't tried again for a while, so
    /// that this server can't be used to attack it.
    pub(crate) async fn fetch(&self, uri: &str) -> Result<Vec<u8>, String> {
        let now = self.now();
        let failures = || self.fetch_failures.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failed_at = failures().get(uri).copied();
        if failed_at.is_some_and(|at| (0..AGAIN_MS).contains(&now.since(at))) {
            return Err("it could not be read a moment ago".to_owned());
        }
        let answer = self.fetcher.get(uri, FETCH_BYTES_MAX).await;
        let mut failures = failures();
        if answer.is_ok() {
            failures.remove(uri);
        } else {
            if failures.len() >= CLIENT_KEYS_KEPT_MAX {
                failures.clear();
            }
            failures.insert(uri.to_owned(), now);
        }
        answer
    }

    /// The public keys of an application; with `again`, they are fetched again unless that was just done.
    pub(crate) async fn client_keys(
        &self,
        app: &Application,
        again: bool,
    ) -> Result<ClientKeys, String> {
        if let Some(set) = &app.settings.oidc.jwks {
            return ClientKeys::parse(set).map_err(|error| error.to_string());
        }
        let uri = app.settings.oidc.jwks_uri.as_ref().ok_or("the application has no keys")?;
        let now = self.now();
        let fresh = if again { AGAIN_MS } else { FRESH_MS };
        if let Some((keys, at)) = self.fetched_keys.get(uri)
            && (0..fresh).contains(&now.since(at))
        {
            return Ok(keys);
        }
        let body = self.fetch(uri).await?;
        let set: Value = serde_json::from_slice(&body).map_err(|_| "jwks_uri holds no JSON")?;
        let keys = ClientKeys::parse(&set).map_err(|_| "jwks_uri holds no JWK set")?;
        self.fetched_keys.put(uri, keys.clone(), now);
        Ok(keys)
    }

    /// Opens the secret of an application that authenticates or signs with a MAC.
    pub(crate) fn client_secret(&self, app: &Application) -> Option<String> {
        self.open_client_secret(app, app.settings.oidc.sealed_secret.as_deref()?)
    }

    /// Opens a secret that is stored sealed.
    pub(crate) fn open_client_secret(&self, app: &Application, sealed: &str) -> Option<String> {
        let sealed = sojourn_crypto::unb64url(sealed)?;
        let secret = self.secrets.open(&secret_place(app), &sealed).ok()?;
        String::from_utf8(secret).ok()
    }

    /// The secret of an application that was created within the last ten seconds, because its form may have been sent
    /// twice.
    #[must_use]
    pub fn secret_of_new_application(&self, app: &Application) -> Option<String> {
        let age = self.now().seconds() - app.settings.registered_at?;
        (age.abs() <= 10).then(|| self.client_secret(app)).flatten()
    }

    /// Seals a secret that the protocol needs in plain text later.
    pub(crate) fn sealed_client_secret(
        &self,
        app: &Application,
        secret: &str,
    ) -> Result<String, crate::EngineError> {
        let sealed = self.secrets.seal(&secret_place(app), secret.as_bytes(), &*self.rng)?;
        Ok(sojourn_crypto::b64url(&sealed))
    }
}

fn secret_place(app: &Application) -> String {
    format!("application/{}/{}/client_secret", app.tenant.0, app.id)
}
