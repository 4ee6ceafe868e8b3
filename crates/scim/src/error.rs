//! Errors of SCIM (RFC 7644 §3.12).

use serde_json::{Value, json};

/// The schema of an error.
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A refused request, in SCIM's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// HTTP status.
    pub status: u16,
    /// `scimType`: which rule was broken.
    pub kind: Option<&'static str>,
    /// What to do, for people.
    pub detail: String,
}

impl ScimError {
    /// Any error.
    pub fn new(status: u16, kind: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into() }
    }

    fn bad(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(400, Some(kind), detail)
    }

    /// A value that doesn't fit its attribute.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    /// A body that isn't what it should be.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    /// A path that names nothing.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad("invalidPath", detail)
    }

    /// A filter that can't be read, or compares what can't be compared.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad("invalidFilter", detail)
    }

    /// An attribute that this caller can't write.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad("mutability", detail)
    }

    /// A path with a filter that matches nothing, or no path where one is needed.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad("noTarget", detail)
    }

    /// A filter for which more would have to be looked at than the server does.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::bad("tooMany", detail)
    }

    /// Its JSON.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR_SCHEMA],
            "status": self.status.to_string(),
            "detail": self.detail,
        });
        if let (Some(kind), Some(object)) = (self.kind, body.as_object_mut()) {
            object.insert("scimType".into(), kind.into());
        }
        body
    }
}
