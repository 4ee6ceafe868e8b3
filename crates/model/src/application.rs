//! Applications: OpenID Connect clients, and the two pages that are built in.

use serde::{Deserialize, Serialize};

use crate::ids::{AppId, TenantId};
use crate::key::SigningAlg;
use crate::saml::SamlSettings;
use crate::time::Millis;

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
    /// How often it was written: a change relies on the version that was read.
    pub version: i64,
}

/// Where an application runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppKind {
    /// Outside; speaks a protocol.
    Client,
    /// My Account or the Console.
    BuiltIn,
}

/// The protocol that an application speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol<'a> {
    /// OpenID Connect and OAuth 2.0.
    OpenIdConnect,
    /// SAML 2.0.
    Saml(&'a SamlSettings),
    /// None: a page of ours.
    Page,
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
    /// A JWT with a MAC under the secret.
    ClientSecretJwt,
    /// A JWT signed with a key of the application's own.
    PrivateKeyJwt,
    /// A public client.
    None,
}

impl ClientAuthMethod {
    /// Every variant, in the order of their definition.
    pub const ALL: [Self; 5] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::None => "none",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Whether the application has a secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

/// What an application may use to get tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// Tokens from the authorization endpoint (OpenID Connect Core 1.0 §3.2).
    Implicit,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.3; only for applications that can't do otherwise.
    Password,
}

impl GrantType {
    /// Every variant, in the order of their definition.
    pub const ALL: [Self; 5] = [
        Self::AuthorizationCode,
        Self::Implicit,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::Password,
    ];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::Implicit => "implicit",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::Password => "password",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// How the application knows people (OpenID Connect Core 1.0 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// By the same `sub` as every other application.
    #[default]
    Public,
    /// By a `sub` of its sector's own.
    Pairwise,
}

/// What an access token looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// Nobody but this server can read it.
    #[default]
    Opaque,
    /// A JWT (RFC 9068), which others check without asking, and so can't hear of an end.
    Jwt,
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
    /// Tokens hang on the browser, by a cookie of its own (`atbv`) that stays from session to session.
    #[serde(rename = "cookie")]
    Cookie,
}

impl AccessTokenBinding {
    /// The name in introspection answers and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SsoSession => "sso-session",
            Self::None => "none",
            Self::Cookie => "cookie",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "sso-session" => Some(Self::SsoSession),
            "none" => Some(Self::None),
            "cookie" => Some(Self::Cookie),
            _ => None,
        }
    }
}

/// A secret that was replaced and is still good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// What it is compared with; none where it makes MACs alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The secret, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Until when it is good, in milliseconds since 1970.
    pub until: Millis,
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
    /// Access token binding.
    pub token_binding: AccessTokenBinding,
    /// Whether refresh tokens change at each use.
    pub refresh_rotation: bool,
    /// A declared resource server may introspect every token of its tenant.
    pub resource_server: bool,
    /// How long its access tokens live, in milliseconds, if not as for all.
    pub access_token_ms: Option<i64>,
    /// How long its ID tokens live, in milliseconds, if not as for all.
    pub id_token_ms: Option<i64>,
    /// How long its refresh tokens live from their issue, in milliseconds, if not as for all.
    pub refresh_token_ms: Option<i64>,
    /// Whether `http://localhost` may have any port in redirect URIs, as loopback addresses may (RFC 8252 §7.3, §8.3).
    pub any_localhost_port: bool,
    /// Whether the claims `roles` and `groups` hold ids instead of names.
    pub membership_ids: bool,
    /// Whether `prompt=none`, refresh, userinfo and introspection keep the session alive.
    pub coordinate_inactivity: bool,
    /// Its start page, for lists and links (`client_uri`).
    pub home_uri: Option<String>,
    /// The organisation's own: people are not asked for their consent.
    pub first_party: bool,
    /// Response types that it may ask for, each with its words sorted.
    pub response_types: Vec<String>,
    /// `native`: loopback and private-use redirect URIs are fine. Else it is a web application.
    pub native: bool,
    /// Its public keys, a JWK set.
    pub jwks: Option<serde_json::Value>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
    /// ID tokens without a signature, in the code flow alone.
    pub id_token_unsigned: bool,
    /// Userinfo as a signed JWT.
    pub userinfo_signed_response_alg: Option<SigningAlg>,
    /// The one algorithm of its request objects; `none` for unsigned ones.
    pub request_object_signing_alg: Option<String>,
    /// The one algorithm of its client assertions.
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// Addresses that `request_uri` may have.
    pub request_uris: Vec<String>,
    /// How its ID tokens are encrypted, if they are.
    pub id_token_encryption: Option<Encryption>,
    /// How its userinfo is encrypted, if it is.
    pub userinfo_encryption: Option<Encryption>,
    /// How it knows people.
    pub subject_type: SubjectType,
    /// The list of redirect URIs of its sector.
    pub sector_identifier_uri: Option<String>,
    /// `max_age` of requests without one, in seconds.
    pub default_max_age: Option<i64>,
    /// `acr_values` of requests without any.
    pub default_acr_values: Vec<String>,
    /// Whether its ID tokens have to have `auth_time`; ours always have.
    pub require_auth_time: bool,
    /// Whom to write to.
    pub contacts: Vec<String>,
    /// Its logo.
    pub logo_uri: Option<String>,
    /// How it uses what it learns.
    pub policy_uri: Option<String>,
    /// Its terms.
    pub tos_uri: Option<String>,
    /// Where others may send a person who is to sign in there.
    pub initiate_login_uri: Option<String>,
    /// Loaded in a frame when a session ends in the browser.
    pub frontchannel_logout_uri: Option<String>,
    /// Origins that this address leads on to: a frame may go there as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frontchannel_logout_origins: Vec<String>,
    /// Whether that address gets `iss` and `sid`.
    pub frontchannel_logout_session_required: bool,
    /// Whether its logout tokens have to have `sid`; ours always have.
    pub backchannel_logout_session_required: bool,
    /// What its access tokens look like.
    pub access_token_format: AccessTokenFormat,
    /// `aud` of its JWT access tokens; its `client_id` where empty.
    pub audiences: Vec<String>,
    /// Origins whose scripts may call, besides those of its redirect URIs.
    pub allowed_origins: Vec<String>,
    /// Whether what a token is bound to has to be presented with it.
    pub validate_token_binding: bool,
    /// Whether a sign-out in the browser takes tokens with it that aren't bound to the session.
    pub revoke_tokens_when_session_ends: bool,
    /// Whether its ID tokens have `isk`, by which it can extend the session.
    pub session_extension: bool,
    /// When it registered itself, in seconds since 1970.
    pub registered_at: Option<i64>,
    /// Its secret, sealed, where the protocol needs the secret itself.
    pub sealed_secret: Option<String>,
    /// When its secret replaced another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_made_at: Option<Millis>,
    /// The secret before it, while that is good as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<PreviousSecret>,
    /// Of a secret that the configuration declares: its keyed hash, so that a start and a request compare it without
    /// the work of a password hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_secret: Option<String>,
    /// What is registered of a service provider of SAML 2.0. With it the application speaks SAML, and no OpenID Connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saml: Option<Box<SamlSettings>>,
    /// Set when it was removed: it is kept until what was to be told to it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<RemovedApplication>,
    /// What else it registered about its software (RFC 7591 §2): echoed, never used.
    pub software: serde_json::Map<String, serde_json::Value>,
}

/// What is left of an application that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedApplication {
    /// What it called itself; free for another since.
    pub client_id: String,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// How something is encrypted to an application (RFC 7516).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Key management: `RSA-OAEP-256`, `ECDH-ES` …
    pub alg: String,
    /// Content: `A128CBC-HS256`, `A256GCM` …
    pub enc: String,
}

impl Default for ApplicationSettings {
    fn default() -> Self {
        Self {
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            token_endpoint_auth_method: ClientAuthMethod::ClientSecretBasic,
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: ["openid", "profile", "email", "address", "phone", "offline_access"]
                .map(str::to_owned)
                .to_vec(),
            own_scopes: Vec::new(),
            id_token_signed_response_alg: SigningAlg::Rs256,
            token_binding: AccessTokenBinding::SsoSession,
            refresh_rotation: true,
            resource_server: false,
            access_token_ms: None,
            id_token_ms: None,
            refresh_token_ms: None,
            any_localhost_port: false,
            membership_ids: false,
            coordinate_inactivity: true,
            home_uri: None,
            first_party: true,
            response_types: vec!["code".to_owned()],
            native: false,
            jwks: None,
            jwks_uri: None,
            id_token_unsigned: false,
            userinfo_signed_response_alg: None,
            request_object_signing_alg: None,
            token_endpoint_auth_signing_alg: None,
            request_uris: Vec::new(),
            id_token_encryption: None,
            userinfo_encryption: None,
            subject_type: SubjectType::Public,
            sector_identifier_uri: None,
            default_max_age: None,
            default_acr_values: Vec::new(),
            require_auth_time: false,
            contacts: Vec::new(),
            logo_uri: None,
            policy_uri: None,
            tos_uri: None,
            initiate_login_uri: None,
            frontchannel_logout_uri: None,
            frontchannel_logout_origins: Vec::new(),
            frontchannel_logout_session_required: true,
            backchannel_logout_session_required: true,
            access_token_format: AccessTokenFormat::Opaque,
            audiences: Vec::new(),
            allowed_origins: Vec::new(),
            validate_token_binding: false,
            revoke_tokens_when_session_ends: true,
            session_extension: false,
            registered_at: None,
            sealed_secret: None,
            secret_made_at: None,
            previous_secret: None,
            declared_secret: None,
            saml: None,
            removed: None,
            software: serde_json::Map::new(),
        }
    }
}

impl Application {
    /// What it calls itself, or did before it was removed.
    #[must_use]
    pub fn audience(&self) -> &str {
        self.settings.removed.as_ref().map_or(&self.client_id, |removed| &removed.client_id)
    }

    /// The protocol that it speaks.
    #[must_use]
    pub fn protocol(&self) -> Protocol<'_> {
        match (&self.settings.saml, self.kind) {
            (Some(saml), _) => Protocol::Saml(saml),
            (None, AppKind::Client) => Protocol::OpenIdConnect,
            (None, AppKind::BuiltIn) => Protocol::Page,
        }
    }

    /// Whether it may present this grant type.
    #[must_use]
    pub fn may(&self, grant: GrantType) -> bool {
        self.settings.grant_types.contains(&grant)
    }

    /// Whether it can prove nothing.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.settings.token_endpoint_auth_method == ClientAuthMethod::None
    }
}
