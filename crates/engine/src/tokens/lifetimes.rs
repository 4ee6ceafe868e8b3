//! Lifetimes of an application's tokens: its own settings override the defaults.

use sojourn_model::limits::{REFRESH_LIFETIME_MAX_MS, TOKEN_LIFETIME_MAX_MS};
use sojourn_model::{AccessTokenFormat, Application};

use crate::engine::Engine;

impl Engine {
    /// Lifetime of access tokens in milliseconds, including an application's own tokens.
    pub(crate) fn access_lifetime_ms(&self, app: &Application) -> i64 {
        let all = match app.settings.oidc.access_token_format {
            AccessTokenFormat::Opaque => self.settings.lifetimes.access_token_ms,
            AccessTokenFormat::Jwt => self.settings.lifetimes.jwt_access_token_ms,
        };
        app.settings.oidc.access_token_ms.map_or(all, |own| own.clamp(1_000, TOKEN_LIFETIME_MAX_MS))
    }

    /// Lifetime of ID tokens, in milliseconds.
    pub(crate) fn id_lifetime_ms(&self, app: &Application) -> i64 {
        let own = app.settings.oidc.id_token_ms.map(|own| own.clamp(1_000, TOKEN_LIFETIME_MAX_MS));
        own.unwrap_or(self.settings.lifetimes.id_token_ms)
    }

    /// Lifetime of refresh tokens in milliseconds, counted from the issue of each one.
    pub(crate) fn refresh_lifetime_ms(&self, app: &Application) -> i64 {
        let own =
            app.settings.oidc.refresh_token_ms.map(|own| own.clamp(1_000, REFRESH_LIFETIME_MAX_MS));
        own.unwrap_or(self.settings.lifetimes.refresh_token_ms)
    }
}
