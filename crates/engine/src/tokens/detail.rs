//! What a grant keeps of its request besides scopes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sojourn_oidc::AuthorizeRequest;

/// A JSON object in the grant's row; empty for most grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GrantDetail {
    /// Claims asked for by name, for userinfo.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) userinfo: Map<String, Value>,
    /// Claims asked for by name, for ID tokens.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) id_token: Map<String, Value>,
    /// What the browser's binding cookie hashes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<String>,
    /// By which methods the person had proven who they are when it was given, where that was more than a password. The
    /// session may reach a higher level later; what was given before keeps its own (RFC 9470 §6).
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<String>,
}

/// The methods of a grant that says nothing of them.
const PASSWORD: &str = "pwd";

impl GrantDetail {
    pub(crate) fn read(text: &str) -> Self {
        if text == "{}" { Self::default() } else { serde_json::from_str(text).unwrap_or_default() }
    }

    /// What a grant keeps of a request: with a browser's binding, and the methods of the session.
    pub(crate) fn of(request: &AuthorizeRequest, binding: Option<String>, amr: &str) -> Self {
        let (userinfo, id_token) =
            (request.claims.userinfo.clone(), request.claims.id_token.clone());
        let amr = (amr != PASSWORD).then(|| amr.to_owned());
        Self { userinfo, id_token, binding, amr }
    }

    /// The methods by which the person had proven who they are, as in `amr`, separated by spaces.
    pub(crate) fn amr(&self) -> &str {
        self.amr.as_deref().unwrap_or(PASSWORD)
    }

    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}
