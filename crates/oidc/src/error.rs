//! Errors that the OAuth 2.0 and OpenID Connect specifications define.

/// An error response of a protocol endpoint: a registered code, and a description for the developer who reads
/// it. It never reveals whether a user exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// The registered error code, sent as `error`.
    pub code: &'static str,
    /// What is wrong and what to do, sent as `error_description`.
    pub description: String,
}

impl OAuthError {
    /// Creates an error with any registered code. Characters that `error_description` can't have are replaced.
    #[must_use]
    pub fn new(code: &'static str, description: impl Into<String>) -> Self {
        // RFC 6749 §5.2: `error_description` is printable ASCII without quotation mark and backslash.
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

    /// Creates `invalid_request`: the request is malformed (RFC 6749 §5.2).
    #[must_use]
    pub fn invalid_request(description: impl Into<String>) -> Self {
        Self::new("invalid_request", description)
    }

    /// Creates `invalid_client`: client authentication failed (RFC 6749 §5.2).
    #[must_use]
    pub fn invalid_client() -> Self {
        Self::new("invalid_client", "client authentication failed")
    }

    /// Creates `invalid_grant`: the code, token or password is invalid, expired or revoked (RFC 6749 §5.2).
    #[must_use]
    pub fn invalid_grant(description: impl Into<String>) -> Self {
        Self::new("invalid_grant", description)
    }

    /// Creates `unauthorized_client`: the client isn't allowed to use this grant or response type (RFC 6749
    /// §4.1.2.1, §5.2).
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
