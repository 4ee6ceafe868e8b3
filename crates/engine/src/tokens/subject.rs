//! Subject identifiers of users at applications (OpenID Connect Core 1.0 §8).

use sojourn_model::{Application, SubjectType, UserId};

use crate::engine::Engine;

impl Engine {
    /// The `sub` of a user at an application: public, or pairwise for its sector.
    #[must_use]
    pub fn subject(&self, app: &Application, user: UserId) -> String {
        match app.settings.oidc.subject_type {
            SubjectType::Public => user.to_string(),
            SubjectType::Pairwise => {
                let tenant = app.tenant.0.to_be_bytes();
                let sector = sector(app);
                let user = user.0.as_bytes();
                let parts = [&tenant[..], sector.as_bytes(), user];
                let hash = self.hasher.keyed_for_good("pairwise subject", &parts);
                sojourn_crypto::b64url(&hash)
            }
        }
    }
}

/// The host that the applications of a sector share: from the sector identifier URI, or from the redirect URIs.
/// Addresses on the user's own device don't identify the vendor of an application, so such an application has its own
/// sector.
fn sector(app: &Application) -> String {
    let settings = &app.settings;
    let uri = settings.oidc.sector_identifier_uri.as_ref().or(settings.oidc.redirect_uris.first());
    uri.and_then(|uri| url::Url::parse(uri).ok())
        .filter(|uri| uri.scheme() == "https")
        .and_then(|uri| uri.host_str().map(str::to_owned))
        .filter(|host| !matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]"))
        .unwrap_or_else(|| app.client_id.clone())
}
