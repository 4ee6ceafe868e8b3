//! `[[application]]`: an application that belongs to the file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sojourn_engine::saml::{Form, FromMetadata};
use sojourn_model::{
    AccessTokenBinding, AccessTokenFormat, ApplicationSettings, ClientAuthMethod, GrantType,
    Millis, OidcSettings, SigningAlg, SubjectType,
};

use super::values::Duration;

/// `[[application]]`: an application that is managed in this file and read-only everywhere else.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationSection {
    /// Client id of the application. For a SAML service provider, this is the entity id.
    pub(crate) client_id: String,
    /// Protocol of the application: "openid-connect" (the default) or "saml". With "saml", settings of OpenID Connect
    /// have no effect.
    #[serde(default)]
    pub(crate) protocol: ProtocolWord,
    /// XML file with the metadata of a SAML service provider, relative to the configuration file. Requires
    /// `protocol = "saml"`.
    pub(crate) saml_metadata: Option<PathBuf>,
    /// Settings of a SAML service provider, which override its metadata. Requires `protocol = "saml"`.
    pub(crate) saml: Option<Form>,
    /// Client secret. If left out and `token_endpoint_auth_method` isn't set, the application is a public client.
    pub(crate) client_secret: Option<String>,
    /// Name that is shown to people. Defaults to the name in the SAML metadata, if there is one, otherwise to
    /// `client_id`.
    pub(crate) name: Option<String>,
    /// Allowed redirect URIs for authorization responses, compared exactly. Defaults to none.
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    /// Allowed redirect URIs after a sign-out, compared exactly. Defaults to none.
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// URL to which logout tokens are posted. If left out, the application gets no logout tokens.
    pub(crate) backchannel_logout_uri: Option<String>,
    /// Allowed grant types: "authorization_code", "implicit", "refresh_token", "client_credentials", "password".
    /// Defaults to "authorization_code" and "refresh_token".
    pub(crate) grant_types: Option<Vec<GrantType>>,
    /// Scopes that the application can request for a user. Defaults to "openid", "profile", "email", "address", "phone"
    /// and "offline_access".
    pub(crate) scopes: Option<Vec<String>>,
    /// Scopes that the application can get for itself, without a user. Defaults to none.
    #[serde(default)]
    pub(crate) own_scopes: Vec<String>,
    /// Signature algorithm of ID tokens and logout tokens: "RS256" (the default), "PS256", "ES256" or "EdDSA".
    pub(crate) id_token_signed_response_alg: Option<SigningAlg>,
    /// What access tokens are bound to: "sso-session" (the session; the default), "cookie" (the browser) or "none".
    pub(crate) token_binding: Option<AccessTokenBinding>,
    /// Whether each use of a refresh token replaces it with a new one. Defaults to `true`.
    pub(crate) refresh_rotation: Option<bool>,
    /// Whether the application can introspect every token of its tenant, instead of only its own. Defaults to `false`.
    #[serde(default)]
    pub(crate) resource_server: bool,
    /// Whether `prompt=none`, refresh, userinfo and introspection keep the session alive. Defaults to `true` for a new
    /// application; an existing one keeps its value.
    pub(crate) coordinate_inactivity: Option<bool>,
    /// Lifetime of the application's access tokens, at most `24h`. Defaults to the lifetime in
    /// `[oauth.token_validation]`.
    pub(crate) access_token_validity: Option<Duration>,
    /// Lifetime of the application's ID tokens, at most `24h`. Defaults to the lifetime in `[oauth.token_validation]`.
    pub(crate) id_token_validity: Option<Duration>,
    /// Lifetime of the application's refresh tokens, counted from their own issue, at most `400d`. Defaults to the
    /// lifetime in `[oauth.token_validation]`.
    pub(crate) refresh_token_validity: Option<Duration>,
    /// Whether redirect URIs with `http://localhost` match with any port. Defaults to `false`.
    #[serde(default)]
    pub(crate) any_localhost_port: bool,
    /// Values of the claims `roles` and `groups`: "names" (the default) or "ids".
    #[serde(default)]
    pub(crate) membership_claims: MembershipClaims,
    /// URL of the application's start page, linked on sign-in, sign-up and consent pages.
    pub(crate) home_uri: Option<String>,
    /// Whether the application belongs to the organisation, so that users aren't asked for consent. Defaults to `true`.
    #[serde(default = "yes")]
    pub(crate) first_party: bool,
    /// Allowed response types: "code", "id_token", "id_token token", "code id_token", "code token",
    /// "code id_token token". Defaults to "code".
    pub(crate) response_types: Option<Vec<String>>,
    /// URL that is loaded in a frame when a session ends in the browser (front-channel logout). If left out, no frame
    /// is loaded.
    pub(crate) frontchannel_logout_uri: Option<String>,
    /// Origins to which `frontchannel_logout_uri` redirects, such as `https://app.example.org`. Defaults to none.
    #[serde(default)]
    pub(crate) frontchannel_logout_origins: Vec<String>,
    /// Client authentication method: "client_secret_basic", "client_secret_post", "client_secret_jwt",
    /// "private_key_jwt" or "none". Defaults to "client_secret_basic" if there is a `client_secret`, otherwise to
    /// "none".
    pub(crate) token_endpoint_auth_method: Option<ClientAuthMethod>,
    /// URL of the application's public keys (JWK set).
    pub(crate) jwks_uri: Option<String>,
    /// URL of the application's logo, shown on sign-in, sign-up and consent pages.
    pub(crate) logo_uri: Option<String>,
    /// URL of the application's privacy policy, linked on sign-in, sign-up and consent pages.
    pub(crate) policy_uri: Option<String>,
    /// URL of the application's terms of service, linked on sign-in, sign-up and consent pages.
    pub(crate) tos_uri: Option<String>,
    /// URL at which a third party can initiate a sign-in to the application (OpenID Connect Core 1.0 §4).
    pub(crate) initiate_login_uri: Option<String>,
    /// Subject identifier type: "public" (the same `sub` for every application; the default) or "pairwise" (a different
    /// `sub` for each sector).
    pub(crate) subject_type: Option<SubjectType>,
    /// Format of access tokens: "opaque" (the default) or "jwt".
    pub(crate) access_token_format: Option<AccessTokenFormat>,
    /// Values of `aud` in the application's JWT access tokens. Defaults to `client_id`.
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
    /// Origins from which scripts can call the server, in addition to the origins of `redirect_uris`. Defaults to none.
    #[serde(default)]
    pub(crate) allowed_origins: Vec<String>,
    /// Whether refresh, userinfo and revocation require proof of the token binding. Defaults to `false`.
    #[serde(default)]
    pub(crate) validate_token_binding: bool,
    /// Whether a sign-out in the browser also revokes tokens that aren't bound to the session. Defaults to `true`.
    #[serde(default = "yes")]
    pub(crate) revoke_tokens_when_session_ends: bool,
    /// Type of the application: "web" (the default) or "native". Redirect URIs of a native application can have a
    /// private-use scheme.
    #[serde(default)]
    pub(crate) application_type: ApplicationType,
    /// Whether ID tokens contain `isk`, with which the application can extend the session. Defaults to `false`.
    #[serde(default)]
    pub(crate) session_extension: bool,
}

/// The protocol that an application speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ProtocolWord {
    #[default]
    OpenidConnect,
    Saml,
}

/// How the claims `roles` and `groups` identify roles and groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MembershipClaims {
    #[default]
    Names,
    Ids,
}

/// The type of an application (OpenID Connect Dynamic Client Registration 1.0 §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ApplicationType {
    #[default]
    Web,
    Native,
}

fn yes() -> bool {
    true
}

impl ApplicationSection {
    /// Returns what is registered of a SAML service provider, `None` if the application isn't one, and a description
    /// of the mistake if it is misconfigured.
    pub(crate) fn service_provider(
        &self,
        config_file: &Path,
    ) -> Result<Option<FromMetadata>, String> {
        if self.protocol != ProtocolWord::Saml {
            return match (&self.saml, &self.saml_metadata) {
                (None, None) => Ok(None),
                _ => Err("settings of SAML need protocol = \"saml\"".into()),
            };
        }
        let mut form = self.saml.clone().unwrap_or_default();
        if form.metadata_url.is_some() {
            return Err("here metadata is a file (saml_metadata); by address it is for applications that are added by \
                        command, REST or the Console"
                .into());
        }
        if let Some(path) = &self.saml_metadata {
            let path = crate::open::beside(config_file, path);
            let text = std::fs::read_to_string(&path);
            form.metadata = Some(text.map_err(|why| format!("{}: {why}", path.display()))?);
        }
        // Expired metadata must not keep the server from starting, so the time of validity isn't checked here.
        form.read(Some(&self.client_id), Millis(0)).map(Some).map_err(|error| error.to_string())
    }

    pub(crate) fn is_native(&self) -> bool {
        self.application_type == ApplicationType::Native
    }

    pub(crate) fn is_implicit(&self) -> bool {
        self.grant_types.as_ref().is_some_and(|grants| grants.contains(&GrantType::Implicit))
    }

    pub(crate) fn settings(&self) -> ApplicationSettings {
        let default = ApplicationSettings::default();
        ApplicationSettings {
            oidc: OidcSettings {
                redirect_uris: self.redirect_uris.clone(),
                post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
                token_endpoint_auth_method: match (
                    self.token_endpoint_auth_method,
                    &self.client_secret,
                ) {
                    (Some(method), _) => method,
                    (None, Some(_)) => ClientAuthMethod::ClientSecretBasic,
                    (None, None) => ClientAuthMethod::None,
                },
                grant_types: self.grant_types.clone().unwrap_or(default.oidc.grant_types),
                scopes: self.scopes.clone().unwrap_or(default.oidc.scopes),
                own_scopes: self.own_scopes.clone(),
                id_token_signed_response_alg: self
                    .id_token_signed_response_alg
                    .unwrap_or(default.oidc.id_token_signed_response_alg),
                token_binding: self.token_binding.unwrap_or(default.oidc.token_binding),
                refresh_rotation: self.refresh_rotation.unwrap_or(default.oidc.refresh_rotation),
                resource_server: self.resource_server,
                response_types: self.response_types.clone().unwrap_or(default.oidc.response_types),
                frontchannel_logout_uri: self.frontchannel_logout_uri.clone(),
                frontchannel_logout_origins: self.frontchannel_logout_origins.clone(),
                jwks_uri: self.jwks_uri.clone(),
                initiate_login_uri: self.initiate_login_uri.clone(),
                subject_type: self.subject_type.unwrap_or_default(),
                access_token_format: self.access_token_format.unwrap_or_default(),
                audiences: self.audiences.clone(),
                allowed_origins: self.allowed_origins.clone(),
                validate_token_binding: self.validate_token_binding,
                revoke_tokens_when_session_ends: self.revoke_tokens_when_session_ends,
                session_extension: self.session_extension,
                native: self.is_native(),
                access_token_ms: self.access_token_validity.map(|d| d.0),
                id_token_ms: self.id_token_validity.map(|d| d.0),
                refresh_token_ms: self.refresh_token_validity.map(|d| d.0),
                any_localhost_port: self.any_localhost_port,
                membership_ids: self.membership_claims == MembershipClaims::Ids,
                ..default.oidc
            },
            coordinate_inactivity: self
                .coordinate_inactivity
                .unwrap_or(default.coordinate_inactivity),
            home_uri: self.home_uri.clone(),
            first_party: self.first_party,
            logo_uri: self.logo_uri.clone(),
            policy_uri: self.policy_uri.clone(),
            tos_uri: self.tos_uri.clone(),
            ..default
        }
    }
}
