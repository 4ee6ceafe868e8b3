//! Applications: OpenID Connect clients, and the two pages that are built in.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, TenantId};
use crate::key::SigningAlg;

/// A relying party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: AppId,
    /// Its small number (`appId` in WSO2's answers).
    pub number: i64,
    /// What it calls itself in protocol requests.
    pub client_id: String,
    /// What people call it.
    pub name: String,
    /// An application of the outside, or a page of ours.
    pub kind: AppKind,
    /// Who may change it.
    pub owner: AppOwner,
    /// A disabled application gets no tokens, and those it has don't work.
    pub enabled: bool,
    /// Tokens without a row (client credentials) carry it; a higher one makes them all dead.
    pub epoch: i64,
    /// The stored form of its secret; `None` for a public client.
    pub secret_hash: Option<String>,
    /// Where logout tokens are posted.
    pub backchannel_logout_uri: Option<String>,
    /// The rest of what is registered.
    pub settings: ApplicationSettings,
}

/// Where an application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// Outside; speaks a protocol.
    Client,
    /// My Account or the Console.
    BuiltIn,
}

/// Who may change an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppOwner {
    /// `deployment.toml`: read-only elsewhere.
    File,
    /// The database.
    Database,
    /// The program.
    Program,
}

/// How an application proves who it is at the token endpoint (OpenID Connect Core 1.0 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// HTTP Basic with form-urlencoded id and secret (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// Id and secret in the body.
    ClientSecretPost,
    /// A public client.
    None,
}

impl ClientAuthMethod {
    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }
}

/// What an application may present at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
}

impl GrantType {
    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// What an access token hangs on (WSO2's `bindingType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AccessTokenBinding {
    /// Each session has tokens of its own, which die with it.
    #[default]
    #[serde(rename = "sso-session")]
    SsoSession,
    /// The active access token of the same user, application and scopes is shared by all sessions,
    /// and lost by all of them when one ends.
    #[serde(rename = "none")]
    None,
}

impl AccessTokenBinding {
    /// The name in introspection answers and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SsoSession => "sso-session",
            Self::None => "none",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sso-session" => Some(Self::SsoSession),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// Registered settings that no statement selects by; kept as one JSON document. A new setting needs
/// a default, so that documents written before it still read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApplicationSettings {
    /// Where authorization answers may go; compared exactly.
    pub redirect_uris: Vec<String>,
    /// Where a person may be sent after signing out; a list of its own.
    pub post_logout_redirect_uris: Vec<String>,
    /// How it authenticates.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// What it may present at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// Scopes that it may ask for.
    pub scopes: Vec<String>,
    /// Scopes that it may have for itself (client credentials).
    pub own_scopes: Vec<String>,
    /// How its ID tokens and logout tokens are signed.
    pub id_token_signed_response_alg: SigningAlg,
    /// What its access tokens hang on.
    pub token_binding: AccessTokenBinding,
    /// Whether refresh tokens change at each use.
    pub refresh_rotation: bool,
    /// A declared resource server may introspect every token of its tenant.
    pub resource_server: bool,
    /// Whether `prompt=none`, refresh, userinfo and introspection keep the session alive.
    pub coordinate_inactivity: bool,
    /// Its start page, for lists and links.
    pub home_uri: Option<String>,
}

impl Default for ApplicationSettings {
    fn default() -> Self {
        Self {
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretBasic,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: ["openid", "profile", "email", "offline_access"].map(str::to_owned).to_vec(),
            own_scopes: Vec::new(),
            id_token_signed_response_alg: SigningAlg::Rs256,
            token_binding: AccessTokenBinding::SsoSession,
            refresh_rotation: true,
            resource_server: false,
            coordinate_inactivity: false,
            home_uri: None,
        }
    }
}

impl Application {
    /// Whether it may present this grant type.
    #[must_use]
    pub fn may(&self, grant: GrantType) -> bool {
        self.settings.grant_types.contains(&grant)
    }

    /// Whether it has no secret.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.settings.token_endpoint_auth_method == ClientAuthMethod::None
    }
}
