//! The provider's description of itself (OpenID Connect Discovery 1.0 §3, RFC 8414 §2): what works,
//! and no more.

use serde_json::{Value, json};
use sojourn_model::SigningAlg;

/// The addresses of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// The issuer, without a slash at the end.
    pub issuer: String,
}

impl Endpoints {
    /// A path at the issuer.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }
}

/// Scopes that users' tokens can have.
pub const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The document. `own_scopes` are those of the administrative APIs.
#[must_use]
pub fn discovery_document(endpoints: &Endpoints, own_scopes: &[&str]) -> Value {
    let methods = ["client_secret_basic", "client_secret_post"];
    let with_none = ["client_secret_basic", "client_secret_post", "none"];
    let algs: Vec<&str> = SigningAlg::ALL.iter().map(|alg| alg.as_str()).collect();
    let scopes: Vec<&str> = SCOPES.iter().chain(own_scopes).copied().collect();
    json!({
        "issuer": endpoints.issuer,
        "authorization_endpoint": endpoints.at("/oauth2/authorize"),
        "token_endpoint": endpoints.at("/oauth2/token"),
        "userinfo_endpoint": endpoints.at("/oauth2/userinfo"),
        "jwks_uri": endpoints.at("/oauth2/jwks"),
        "introspection_endpoint": endpoints.at("/oauth2/introspect"),
        "revocation_endpoint": endpoints.at("/oauth2/revoke"),
        "end_session_endpoint": endpoints.at("/oidc/logout"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algs,
        "token_endpoint_auth_methods_supported": with_none,
        "revocation_endpoint_auth_methods_supported": with_none,
        "introspection_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "amr", "name",
            "given_name", "family_name", "preferred_username", "email", "email_verified"
        ],
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    })
}
