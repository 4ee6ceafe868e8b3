//! SCIM errors (RFC 7644 §3.12).

use serde_json::{Value, json};

/// The schema URN of an error response.
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An error response to a SCIM request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// The HTTP status code.
    pub status: u16,
    /// `scimType`: the kind of error, as defined in RFC 7644 table 9.
    pub kind: Option<&'static str>,
    /// What is wrong and what to do, for people.
    pub detail: String,
}

impl ScimError {
    /// Creates an error with any status and `scimType`.
    pub fn new(status: u16, kind: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self { status, kind, detail: detail.into() }
    }

    fn bad(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(400, Some(kind), detail)
    }

    /// Creates `invalidValue`: a value doesn't fit its attribute.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::bad("invalidValue", detail)
    }

    /// Creates `invalidSyntax`: the body isn't a valid request of this kind.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", detail)
    }

    /// Creates `invalidPath`: a path that names no attribute.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::bad("invalidPath", detail)
    }

    /// Creates `invalidFilter`: the filter can't be parsed or compares values that can't be compared.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::bad("invalidFilter", detail)
    }

    /// Creates `mutability`: the attribute can't be written in this way.
    pub fn mutability(detail: impl Into<String>) -> Self {
        Self::bad("mutability", detail)
    }

    /// Creates `noTarget`: the filter of a path matches no value, or a path is missing where one is required.
    pub fn no_target(detail: impl Into<String>) -> Self {
        Self::bad("noTarget", detail)
    }

    /// Creates `tooMany`: evaluating the filter would exceed the server's limits.
    pub fn too_many(detail: impl Into<String>) -> Self {
        Self::bad("tooMany", detail)
    }

    /// Returns the JSON body of the response.
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
