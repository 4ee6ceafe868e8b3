//! Details of the authorization request that a grant stores in addition to scopes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sojourn_oidc::AuthorizeRequest;

/// A JSON object in the grant's row; empty for most grants.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GrantDetail {
    /// Claims that were requested by name, for userinfo.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) userinfo: Map<String, Value>,
    /// Claims that were requested by name, for ID tokens.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) id_token: Map<String, Value>,
    /// Hash of the browser's binding cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binding: Option<String>,
    /// Authentication methods at the time of the grant, if they were more than a password. The session may reach a
    /// higher level later, but an existing grant keeps its level (RFC 9470 §6).
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<String>,
}

/// The methods of a grant that stores none.
const PASSWORD: &str = "pwd";

impl GrantDetail {
    pub(crate) fn read(text: &str) -> Self {
        if text == "{}" { Self::default() } else { serde_json::from_str(text).unwrap_or_default() }
    }

    /// The details of a request, with the browser's binding and the session's methods.
    pub(crate) fn of(request: &AuthorizeRequest, binding: Option<String>, amr: &str) -> Self {
        let (userinfo, id_token) =
            (request.claims.userinfo.clone(), request.claims.id_token.clone());
        let amr = (amr != PASSWORD).then(|| amr.to_owned());
        Self { userinfo, id_token, binding, amr }
    }

    /// The authentication methods at the time of the grant, as in `amr`, separated by spaces.
    pub(crate) fn amr(&self) -> &str {
        self.amr.as_deref().unwrap_or(PASSWORD)
    }

    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}
