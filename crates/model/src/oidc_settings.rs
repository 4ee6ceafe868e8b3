//! Settings of applications that use OpenID Connect or OAuth 2.0.

use serde::{Deserialize, Serialize};

use crate::key::SigningAlg;
use crate::time::Millis;

/// Client authentication method at the token endpoint (OpenID Connect Core 1.0 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// HTTP Basic with form-urlencoded id and secret (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// Id and secret in the request body (RFC 6749 §2.3.1).
    ClientSecretPost,
    /// A JWT with a MAC keyed with the secret.
    ClientSecretJwt,
    /// A JWT signed with a private key of the application.
    PrivateKeyJwt,
    /// No authentication: a public client.
    None,
}

impl ClientAuthMethod {
    /// All variants, in the order of their definition.
    pub const ALL: [Self; 5] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::ClientSecretJwt,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// Returns the registered name.
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

    /// Parses the registered name; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Returns whether the method uses a client secret.
    #[must_use]
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost | Self::ClientSecretJwt)
    }
}

/// Grant types with which an application can get tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// An authorization code (RFC 6749 §4.1).
    AuthorizationCode,
    /// Tokens from the authorization endpoint (OpenID Connect Core 1.0 §3.2).
    Implicit,
    /// A refresh token (RFC 6749 §6).
    RefreshToken,
    /// The application's own credentials, without a user (RFC 6749 §4.4).
    ClientCredentials,
    /// The user's password (RFC 6749 §4.3); only for applications that can't use another grant type.
    Password,
}

impl GrantType {
    /// All variants, in the order of their definition.
    pub const ALL: [Self; 5] = [
        Self::AuthorizationCode,
        Self::Implicit,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::Password,
    ];

    /// Returns the registered name.
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

    /// Parses the registered name; `None` if it is unknown.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == text)
    }
}

/// Subject identifier type (OpenID Connect Core 1.0 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The same `sub` for every application.
    #[default]
    Public,
    /// A `sub` that differs for each sector.
    Pairwise,
}

/// The format of access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// An opaque token, which only this server can read.
    #[default]
    Opaque,
    /// A JWT (RFC 9068). Resource servers verify it without a request to this server, so they don't notice that it
    /// ended.
    Jwt,
}

/// What an access token is bound to (WSO2's `bindingType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AccessTokenBinding {
    /// Each session has its own tokens, which end with it.
    #[default]
    #[serde(rename = "sso-session")]
    SsoSession,
    /// All sessions share the active access token of the same user, application and scopes, and all lose it when one of
    /// them ends.
    #[serde(rename = "none")]
    None,
    /// Tokens are bound to the browser by a separate cookie (`atbv`), which persists across sessions.
    #[serde(rename = "cookie")]
    Cookie,
}

impl AccessTokenBinding {
    /// Returns the name that is used in introspection responses and stored in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SsoSession => "sso-session",
            Self::None => "none",
            Self::Cookie => "cookie",
        }
    }

    /// Parses the name; `None` if it is unknown.
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

/// A secret that was replaced but is still valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// Hash that the secret is compared with; `None` if the secret is only used for MACs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The secret, sealed under the master key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Time until which it is valid, in milliseconds since 1970.
    pub until: Millis,
}

/// Algorithms with which data is encrypted for an application (RFC 7516).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// Key management algorithm: `RSA-OAEP-256`, `ECDH-ES` …
    pub alg: String,
    /// Content encryption algorithm: `A128CBC-HS256`, `A256GCM` …
    pub enc: String,
}

/// Settings of OpenID Connect and OAuth 2.0. They are stored beside the common ones in the same JSON document
/// ([`crate::application::ApplicationSettings`]), as versions before this split wrote them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OidcSettings {
    /// Allowed redirect URIs for authorization responses; compared exactly.
    pub redirect_uris: Vec<String>,
    /// Allowed redirect URIs after a sign-out; separate from `redirect_uris`.
    pub post_logout_redirect_uris: Vec<String>,
    /// Client authentication method at the token endpoint.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// Grant types that it can use at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// Scopes that it can request.
    pub scopes: Vec<String>,
    /// Scopes that it can get for itself (client credentials).
    pub own_scopes: Vec<String>,
    /// Signature algorithm of its ID tokens and logout tokens.
    pub id_token_signed_response_alg: SigningAlg,
    /// What its access tokens are bound to.
    pub token_binding: AccessTokenBinding,
    /// Whether each use of a refresh token replaces it (rotation).
    pub refresh_rotation: bool,
    /// Whether it is a declared resource server, which can introspect every token of its tenant.
    pub resource_server: bool,
    /// Lifetime of its access tokens in milliseconds; `None` uses the default.
    pub access_token_ms: Option<i64>,
    /// Lifetime of its ID tokens in milliseconds; `None` uses the default.
    pub id_token_ms: Option<i64>,
    /// Lifetime of its refresh tokens from their issue, in milliseconds; `None` uses the default.
    pub refresh_token_ms: Option<i64>,
    /// Whether redirect URIs with `http://localhost` match with any port, like loopback addresses (RFC 8252 §7.3,
    /// §8.3).
    pub any_localhost_port: bool,
    /// Whether the claims `roles` and `groups` contain ids instead of names.
    pub membership_ids: bool,
    /// Response types that it can request, each with its words sorted.
    pub response_types: Vec<String>,
    /// Whether it is a native application, which can use loopback and private-use redirect URIs; otherwise it is a web
    /// application.
    pub native: bool,
    /// Its public keys, as a JWK set (RFC 7517 §5).
    pub jwks: Option<serde_json::Value>,
    /// URI from which its public keys are fetched.
    pub jwks_uri: Option<String>,
    /// Whether it gets ID tokens without a signature; only in the code flow.
    pub id_token_unsigned: bool,
    /// Signature algorithm of userinfo responses; `None` leaves them unsigned.
    pub userinfo_signed_response_alg: Option<SigningAlg>,
    /// The only accepted algorithm of its request objects; `none` for unsigned ones.
    pub request_object_signing_alg: Option<String>,
    /// The only accepted algorithm of its client assertions.
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// Allowed values of `request_uri`.
    pub request_uris: Vec<String>,
    /// Encryption of its ID tokens, if any.
    pub id_token_encryption: Option<Encryption>,
    /// Encryption of its userinfo responses, if any.
    pub userinfo_encryption: Option<Encryption>,
    /// Subject identifier type of its tokens.
    pub subject_type: SubjectType,
    /// URI of the list of redirect URIs of its sector (OpenID Connect Core 1.0 §8.1).
    pub sector_identifier_uri: Option<String>,
    /// Default `max_age` for requests without one, in seconds.
    pub default_max_age: Option<i64>,
    /// Default `acr_values` for requests without any.
    pub default_acr_values: Vec<String>,
    /// Whether its ID tokens must contain `auth_time`, which they always do.
    pub require_auth_time: bool,
    /// URI at which a third party can initiate a sign-in (OpenID Connect Core 1.0 §4).
    pub initiate_login_uri: Option<String>,
    /// URI that is loaded in a frame when a session ends in the browser (OpenID Connect Front-Channel Logout 1.0 §2).
    pub frontchannel_logout_uri: Option<String>,
    /// Origins to which that URI redirects, so that a frame can load them as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frontchannel_logout_origins: Vec<String>,
    /// Whether that URI gets the parameters `iss` and `sid`.
    pub frontchannel_logout_session_required: bool,
    /// Whether its logout tokens must contain `sid`, which they always do.
    pub backchannel_logout_session_required: bool,
    /// Format of its access tokens.
    pub access_token_format: AccessTokenFormat,
    /// `aud` of its JWT access tokens; if empty, its `client_id`.
    pub audiences: Vec<String>,
    /// Origins from which scripts can call this server, in addition to those of its redirect URIs.
    pub allowed_origins: Vec<String>,
    /// Whether a token has to be presented together with what it is bound to.
    pub validate_token_binding: bool,
    /// Whether a sign-out in the browser also revokes tokens that aren't bound to the session.
    pub revoke_tokens_when_session_ends: bool,
    /// Whether its ID tokens contain `isk`, with which it can extend the session.
    pub session_extension: bool,
    /// Its secret, sealed under the master key, if the protocol needs the secret itself.
    pub sealed_secret: Option<String>,
    /// Time at which its secret replaced another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_made_at: Option<Millis>,
    /// The previous secret, while it is still valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<PreviousSecret>,
    /// Keyed hash of a secret that the configuration declares, which is compared at start-up and in requests without
    /// the cost of a password hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declared_secret: Option<String>,
    /// Other registered metadata of its software (RFC 7591 §2), which is echoed but never used.
    pub software: serde_json::Map<String, serde_json::Value>,
}

impl Default for OidcSettings {
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
            sealed_secret: None,
            secret_made_at: None,
            previous_secret: None,
            declared_secret: None,
            software: serde_json::Map::new(),
        }
    }
}
