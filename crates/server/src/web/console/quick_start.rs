//! What a developer needs to connect an application, and a sign-in to try.

use sojourn_model::Application;
use sojourn_oidc::params::with_query;

use crate::context::Context;

/// The addresses and ids that a client library asks for.
pub(super) struct QuickStart {
    pub(super) issuer: String,
    pub(super) discovery: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: Option<String>,
    /// An authorization request that leads to the application's first redirect URI. `None` for public clients, whose
    /// requests need a code challenge of their own.
    pub(super) attempt: Option<String>,
}

/// Returns the quick start of an application.
pub(super) fn quick_start(context: &Context, app: &Application) -> QuickStart {
    let (settings, tenant) = (context.engine().settings(), context.tenant());
    let issuer = settings.issuer(tenant);
    let oidc = &app.settings.oidc;
    let redirect_uri = oidc.redirect_uris.first().cloned();
    let confidential = oidc.token_endpoint_auth_method.has_secret();
    let attempt = redirect_uri.as_deref().filter(|_| confidential && app.enabled).map(|uri| {
        let pairs = [
            ("client_id", &*app.client_id),
            ("response_type", "code"),
            ("scope", "openid"),
            ("redirect_uri", uri),
            ("state", "try"),
        ];
        with_query(&context.link("/oauth2/authorize"), &pairs)
    });
    QuickStart {
        discovery: format!("{issuer}/.well-known/openid-configuration"),
        issuer,
        client_id: app.client_id.clone(),
        redirect_uri,
        attempt,
    }
}
