//! Applications: OpenID Connect clients, SAML service providers, and the two built-in pages.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, TenantId};
use crate::oidc_settings::{ClientAuthMethod, GrantType, OidcSettings};
use crate::saml::SamlSettings;

/// An application: an OpenID Connect client, a SAML service provider or a built-in page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The tenant that the application belongs to.
    pub tenant: TenantId,
    /// Internal id, which grants and participations refer to.
    pub id: AppId,
    /// Number of the application in its tenant (`appId` in WSO2's responses).
    pub number: i64,
    /// Client id (`client_id`); of a SAML service provider its entity id.
    pub client_id: String,
    /// Name that is shown to people.
    pub name: String,
    /// Whether it is an external application or a built-in page.
    pub kind: AppKind,
    /// Where it is managed, and so who can change it.
    pub owner: AppOwner,
    /// Whether it can be used. A disabled application gets no tokens, and its existing tokens are invalid.
    pub enabled: bool,
    /// Epoch that client-credentials tokens, which have no row, carry; incrementing it invalidates them all.
    pub epoch: i64,
    /// Stored form of the client secret; `None` for a public client.
    pub secret_hash: Option<String>,
    /// URI to which logout tokens are posted (OpenID Connect Back-Channel Logout 1.0 §2.2).
    pub backchannel_logout_uri: Option<String>,
    /// All other registered settings.
    pub settings: ApplicationSettings,
    /// Number of times that it was written. A change relies on the version that was read.
    pub version: i64,
}

/// The kind of an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// An external application that uses a protocol.
    Client,
    /// A built-in page: My Account or the Console.
    BuiltIn,
}

/// The protocol that an application uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol<'a> {
    /// OpenID Connect and OAuth 2.0, with the settings of the client.
    OpenIdConnect(&'a OidcSettings),
    /// SAML 2.0, with the settings of the service provider.
    Saml(&'a SamlSettings),
    /// No protocol: a built-in page.
    Page,
}

/// Where an application is managed, and so who can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppOwner {
    /// In `deployment.toml`; read-only everywhere else.
    File,
    /// In the database, through the APIs and the Console.
    Database,
    /// By the program itself, for built-in pages.
    Program,
}

/// Registered settings that no statement selects by, stored as one JSON document. A new setting needs a default, so
/// that existing documents can still be parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationSettings {
    /// Whether `prompt=none`, refresh, userinfo and introspection keep the session alive.
    pub coordinate_inactivity: bool,
    /// URI of its start page, for lists and links (`client_uri`).
    pub home_uri: Option<String>,
    /// Whether it belongs to the organisation itself, so that users are not asked for consent.
    pub first_party: bool,
    /// Email addresses of the people responsible for it.
    pub contacts: Vec<String>,
    /// URI of its logo.
    pub logo_uri: Option<String>,
    /// URI of its privacy policy.
    pub policy_uri: Option<String>,
    /// URI of its terms of service.
    pub tos_uri: Option<String>,
    /// Time at which it registered itself, in seconds since 1970.
    pub registered_at: Option<i64>,
    /// Settings of a SAML 2.0 service provider. If set, the application uses SAML instead of OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saml: Option<Box<SamlSettings>>,
    /// Set after it was removed. The row is kept until all notifications to it are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovedApplication>,
    /// Settings of OpenID Connect and OAuth 2.0; the defaults if the application uses another protocol.
    #[serde(flatten)]
    pub oidc: OidcSettings,
}

impl Default for ApplicationSettings {
    fn default() -> Self {
        Self {
            coordinate_inactivity: true,
            home_uri: None,
            first_party: true,
            contacts: Vec::new(),
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
            registered_at: None,
            saml: None,
            removed: None,
            oidc: OidcSettings::default(),
        }
    }
}

/// The remains of a removed application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedApplication {
    /// Its former `client_id`, which another application can use now.
    pub client_id: String,
    /// Time of the removal, in milliseconds since 1970.
    pub at: i64,
}

impl Application {
    /// Returns its `client_id`, or the former one if it was removed.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.settings.removed.as_ref().map_or(&self.client_id, |removed| &removed.client_id)
    }

    /// Returns the protocol that it uses.
    #[must_use]
    pub fn protocol(&self) -> Protocol<'_> {
        match (&self.settings.saml, self.kind) {
            (Some(saml), _) => Protocol::Saml(saml),
            (None, AppKind::Client) => Protocol::OpenIdConnect(&self.settings.oidc),
            (None, AppKind::BuiltIn) => Protocol::Page,
        }
    }

    /// Returns whether it can use this grant type.
    #[must_use]
    pub fn may(&self, grant: GrantType) -> bool {
        self.settings.oidc.grant_types.contains(&grant)
    }

    /// Returns whether it is a public client, which can't authenticate.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.settings.oidc.token_endpoint_auth_method == ClientAuthMethod::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_stored_side_by_side_whatever_their_protocol() {
        // As versions before the settings were split by protocol wrote and read them.
        let stored = r#"{"redirect_uris":["https://app.test/cb"],"first_party":false,"scopes":["openid"],"home_uri":"https://app.test/"}"#;
        let settings: ApplicationSettings = serde_json::from_str(stored).expect("parses");
        assert_eq!(settings.oidc.redirect_uris, ["https://app.test/cb"]);
        assert_eq!(settings.home_uri.as_deref(), Some("https://app.test/"));
        assert!(!settings.first_party && settings.oidc.refresh_rotation);
        let again = serde_json::to_value(&settings).expect("serializes");
        assert_eq!(again["redirect_uris"], serde_json::json!(["https://app.test/cb"]));
        assert_eq!(again["token_binding"], "sso-session");
        assert!(again.get("oidc").is_none());
        assert_eq!(serde_json::from_value::<ApplicationSettings>(again).ok(), Some(settings));
    }
}
