//! `[[application]]`: an application that belongs to the file.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sojourn_engine::saml::{Form, FromMetadata};
use sojourn_model::{
    AccessTokenBinding, AccessTokenFormat, ApplicationSettings, ClientAuthMethod, GrantType,
    Millis, SigningAlg, SubjectType,
};

use super::values::Duration;

/// `[[application]]`: belongs to this file, read-only elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApplicationSection {
    /// What it calls itself.
    pub(crate) client_id: String,
    /// "openid-connect" or "saml". For SAML `client_id` is the entity id.
    #[serde(default)]
    pub(crate) protocol: ProtocolWord,
    /// Metadata of a SAML service provider: an XML file.
    pub(crate) saml_metadata: Option<PathBuf>,
    /// What is registered of a SAML service provider; it comes before what the metadata says.
    pub(crate) saml: Option<Form>,
    /// Its secret; without one it is a public client.
    pub(crate) client_secret: Option<String>,
    /// What people call it; its `client_id` when left out.
    pub(crate) name: Option<String>,
    /// Where authorization answers may go.
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    /// Where people may be sent after signing out.
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// Where logout tokens are posted.
    pub(crate) backchannel_logout_uri: Option<String>,
    /// "authorization_code", "implicit", "refresh_token", "client_credentials", "password".
    pub(crate) grant_types: Option<Vec<GrantType>>,
    /// Scopes that it may ask for.
    pub(crate) scopes: Option<Vec<String>>,
    /// Scopes that it may have for itself.
    #[serde(default)]
    pub(crate) own_scopes: Vec<String>,
    /// "RS256", "PS256", "ES256" or "EdDSA".
    pub(crate) id_token_signed_response_alg: Option<SigningAlg>,
    /// "sso-session", "cookie" or "none".
    pub(crate) token_binding: Option<AccessTokenBinding>,
    /// Whether refresh tokens change at each use.
    pub(crate) refresh_rotation: Option<bool>,
    /// Whether it may introspect every token of its tenant.
    #[serde(default)]
    pub(crate) resource_server: bool,
    /// Whether refresh, userinfo and introspection keep the session alive. An application that was there before it was the
    /// default keeps what it had.
    pub(crate) coordinate_inactivity: Option<bool>,
    /// How long its access tokens live; as for all when left out.
    pub(crate) access_token_validity: Option<Duration>,
    /// How long its ID tokens live; as for all when left out.
    pub(crate) id_token_validity: Option<Duration>,
    /// How long its refresh tokens live from their issue; as for all when left out.
    pub(crate) refresh_token_validity: Option<Duration>,
    /// Whether `http://localhost` may have any port in redirect URIs.
    #[serde(default)]
    pub(crate) any_localhost_port: bool,
    /// What the claims `roles` and `groups` hold: "names" or "ids".
    #[serde(default)]
    pub(crate) membership_claims: MembershipClaims,
    /// Its start page.
    pub(crate) home_uri: Option<String>,
    /// The organisation's own: people are not asked for their consent.
    #[serde(default = "yes")]
    pub(crate) first_party: bool,
    /// "code", "id_token", "id_token token", "code id_token", "code token", "code id_token token".
    pub(crate) response_types: Option<Vec<String>>,
    /// Loaded in a frame when a session ends in the browser.
    pub(crate) frontchannel_logout_uri: Option<String>,
    /// Origins that this address leads on to.
    #[serde(default)]
    pub(crate) frontchannel_logout_origins: Vec<String>,
    /// How it proves who it is: "client_secret_basic", "private_key_jwt" …
    pub(crate) token_endpoint_auth_method: Option<ClientAuthMethod>,
    /// Where its public keys are.
    pub(crate) jwks_uri: Option<String>,
    /// Its logo.
    pub(crate) logo_uri: Option<String>,
    /// Its privacy policy.
    pub(crate) policy_uri: Option<String>,
    /// Its terms.
    pub(crate) tos_uri: Option<String>,
    /// Where others may send a person who is to sign in there.
    pub(crate) initiate_login_uri: Option<String>,
    /// "public" or "pairwise".
    pub(crate) subject_type: Option<SubjectType>,
    /// "opaque" or "jwt".
    pub(crate) access_token_format: Option<AccessTokenFormat>,
    /// `aud` of its JWT access tokens.
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
    /// Origins whose scripts may call, besides those of its redirect URIs.
    #[serde(default)]
    pub(crate) allowed_origins: Vec<String>,
    /// Whether what a token is bound to has to be presented with it.
    #[serde(default)]
    pub(crate) validate_token_binding: bool,
    /// Whether a sign-out in the browser takes tokens with it that aren't bound to the session.
    #[serde(default = "yes")]
    pub(crate) revoke_tokens_when_session_ends: bool,
    /// "web" or "native": a native application may have a scheme of its own.
    #[serde(default)]
    pub(crate) application_type: ApplicationType,
    /// Whether it may extend sessions (`isk` in its ID tokens).
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

/// How roles and groups are named to an application.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MembershipClaims {
    #[default]
    Names,
    Ids,
}

/// What an application is (Registration §2).
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
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            token_endpoint_auth_method: match (self.token_endpoint_auth_method, &self.client_secret)
            {
                (Some(method), _) => method,
                (None, Some(_)) => ClientAuthMethod::ClientSecretBasic,
                (None, None) => ClientAuthMethod::None,
            },
            grant_types: self.grant_types.clone().unwrap_or(default.grant_types),
            scopes: self.scopes.clone().unwrap_or(default.scopes),
            own_scopes: self.own_scopes.clone(),
            id_token_signed_response_alg: self
                .id_token_signed_response_alg
                .unwrap_or(default.id_token_signed_response_alg),
            token_binding: self.token_binding.unwrap_or(default.token_binding),
            refresh_rotation: self.refresh_rotation.unwrap_or(default.refresh_rotation),
            resource_server: self.resource_server,
            coordinate_inactivity: self
                .coordinate_inactivity
                .unwrap_or(default.coordinate_inactivity),
            home_uri: self.home_uri.clone(),
            first_party: self.first_party,
            response_types: self.response_types.clone().unwrap_or(default.response_types),
            frontchannel_logout_uri: self.frontchannel_logout_uri.clone(),
            frontchannel_logout_origins: self.frontchannel_logout_origins.clone(),
            jwks_uri: self.jwks_uri.clone(),
            logo_uri: self.logo_uri.clone(),
            policy_uri: self.policy_uri.clone(),
            tos_uri: self.tos_uri.clone(),
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
            ..default
        }
    }
}
