//! What a grant keeps of its request besides scopes.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

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
}

impl GrantDetail {
    pub(crate) fn read(text: &str) -> Self {
        if text == "{}" { Self::default() } else { serde_json::from_str(text).unwrap_or_default() }
    }

    pub(crate) fn write(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "{}".to_owned())
    }
}
