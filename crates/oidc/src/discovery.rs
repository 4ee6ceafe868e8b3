//! The provider metadata (OpenID Connect Discovery 1.0 §3, RFC 8414 §2). It lists only what this server
//! supports.

use serde_json::{Map, Value, json};
use sojourn_crypto::client_keys::{VERIFIED_ALGS, VERIFIED_MACS};
use sojourn_model::{ClientAuthMethod, GrantType, Level, SigningAlg};

use crate::claims::known_claims;
use crate::response::{ResponseMode, ResponseType};

/// The addresses and languages that a tenant publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The issuer identifier, without a trailing slash.
    pub issuer: String,
    /// Base URL of the endpoints, without a trailing slash; usually the same as the issuer.
    pub address: String,
    /// Language tags of the pages (BCP 47), for `ui_locales_supported`.
    pub languages: Vec<String>,
}

impl Endpoints {
    /// Returns the URL of a path below the base URL.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

/// Scopes that tokens of users can have.
pub const SCOPES: [&str; 8] =
    ["openid", "profile", "email", "address", "phone", "roles", "groups", "offline_access"];

/// Returns the metadata document. `own_scopes` are the scopes of the administrative APIs; `registration` says
/// whether applications can register themselves, `sign_up` whether users can create accounts.
#[must_use]
pub fn discovery_document(
    endpoints: &Endpoints,
    own_scopes: &[&str],
    (registration, sign_up): (bool, bool),
) -> Value {
    let mut prompts = vec!["none", "login", "consent", "select_account"];
    prompts.extend(sign_up.then_some("create"));
    let scopes: Vec<&str> = SCOPES.iter().chain(own_scopes).copied().collect();
    let claims: Vec<&str> = [
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "at_hash",
        "c_hash",
        "sid",
        "amr",
        "acr",
        "roles",
        "groups",
    ]
    .into_iter()
    .chain(known_claims())
    .collect();
    let modes: Vec<&str> = ResponseMode::ALL.iter().map(|mode| mode.as_str()).collect();
    let grants: Vec<&str> = GrantType::ALL.iter().map(|grant| grant.as_str()).collect();
    let mut document = json!({
        "issuer": endpoints.issuer,
        "authorization_endpoint": endpoints.at("/oauth2/authorize"),
        "token_endpoint": endpoints.at("/oauth2/token"),
        "userinfo_endpoint": endpoints.at("/oauth2/userinfo"),
        "jwks_uri": endpoints.at("/oauth2/jwks"),
        "introspection_endpoint": endpoints.at("/oauth2/introspect"),
        "revocation_endpoint": endpoints.at("/oauth2/revoke"),
        "end_session_endpoint": endpoints.at("/oidc/logout"),
        "check_session_iframe": endpoints.at("/oidc/checksession"),
        "scopes_supported": scopes,
        "response_types_supported": ResponseType::SUPPORTED,
        "response_modes_supported": modes,
        "grant_types_supported": grants,
        "subject_types_supported": ["public", "pairwise"],
        "acr_values_supported": Level::ALL.map(Level::acr),
        "code_challenge_methods_supported": ["S256"],
        "claim_types_supported": ["normal"],
        "claims_supported": claims,
        "display_values_supported": ["page"],
        "ui_locales_supported": endpoints.languages,
        "prompt_values_supported": prompts,
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "require_request_uri_registration": true,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "frontchannel_logout_supported": true,
        "frontchannel_logout_session_supported": true,
    });
    if let Some(members) = document.as_object_mut() {
        members.extend(algorithms());
        if registration {
            let endpoint = endpoints.at("/connect/register");
            members.insert("registration_endpoint".to_owned(), endpoint.into());
        }
    }
    document
}

/// Returns the members for client authentication methods and for signature algorithms.
fn algorithms() -> Map<String, Value> {
    let authentication: Vec<&str> =
        ClientAuthMethod::ALL.iter().map(|method| method.as_str()).collect();
    let confidential: Vec<&str> =
        authentication.iter().copied().filter(|method| *method != "none").collect();
    let assertions: Vec<&str> = VERIFIED_ALGS.iter().chain(&VERIFIED_MACS).copied().collect();
    let mut request_objects = assertions.clone();
    request_objects.insert(0, "none");
    let signing: Vec<&str> = SigningAlg::ALL.iter().map(|alg| alg.as_str()).collect();
    let mut id_tokens = signing.clone();
    id_tokens.push("none");
    let mut all = Map::new();
    for (name, values) in [
        ("id_token_signing_alg_values_supported", &id_tokens),
        ("userinfo_signing_alg_values_supported", &signing),
        ("request_object_signing_alg_values_supported", &request_objects),
        ("token_endpoint_auth_methods_supported", &authentication),
        ("token_endpoint_auth_signing_alg_values_supported", &assertions),
        ("revocation_endpoint_auth_methods_supported", &authentication),
        ("revocation_endpoint_auth_signing_alg_values_supported", &assertions),
        ("introspection_endpoint_auth_methods_supported", &confidential),
        ("introspection_endpoint_auth_signing_alg_values_supported", &assertions),
    ] {
        all.insert(name.to_owned(), json!(values));
    }
    all
}
