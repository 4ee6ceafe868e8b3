//! The errors that the specifications name.

/// An error answer of a protocol endpoint: a registered code, and words for the developer who reads
/// it. Never says whether a user exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The registered code.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub description: String,
}

impl OAuthError {
    /// Any registered code.
    #[must_use]
    pub fn new(code: &'static str, description: impl Into<String>) -> Self {
        // RFC 6749 §5.2: error_description has printable ASCII without quote and backslash.
        let description = description
            .into()
            .chars()
            .map(|c| match c {
                '"' | '\\' => '\'',
                ' '..='~' => c,
                _ => '?',
            })
            .collect();
        Self { code, description }
    }

    /// The request is malformed.
    #[must_use]
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// The client isn't who it says (RFC 6749 §5.2).
    #[must_use]
    pub fn invalid_client() -> Self {
        Self::new("invalid_client", "client authentication failed")
    }

    /// What was presented isn't valid (any more).
    #[must_use]
    pub fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// The client may not do this.
    #[must_use]
    pub fn unauthorized_client(description: impl Into<String>) -> Self {
        Self::new("unauthorized_client", description)
    }
}

impl From<crate::params::ParamError> for OAuthError {
    fn from(error: crate::params::ParamError) -> Self {
        Self::invalid_request(error.to_string())
    }
}
