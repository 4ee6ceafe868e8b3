//! Parsing of request bodies and queries.

use axum::body::Bytes;
use http::{HeaderMap, header};
use sojourn_model::limits::QUERY_BYTES_MAX;
use sojourn_oidc::{ParamError, Params};

/// The reason why a form can't be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// The content type isn't that of a form.
    #[error("send application/x-www-form-urlencoded")]
    ContentType,
    /// The parameters are malformed.
    #[error(transparent)]
    Params(#[from] ParamError),
}

/// Parses a form. An empty body needs no content type.
pub(crate) fn form(headers: &HeaderMap, body: &Bytes) -> Result<Params, FormError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match kind.as_deref() {
        Some("application/x-www-form-urlencoded") => Ok(Params::parse(body)?),
        None if body.is_empty() => Ok(Params::default()),
        _ => Err(FormError::ContentType),
    }
}

/// Parses a query; fails if it is too long.
pub(crate) fn query(text: Option<&str>) -> Result<Params, ParamError> {
    let text = text.unwrap_or_default();
    if text.len() > QUERY_BYTES_MAX {
        return Err(ParamError::TooLong("query".into()));
    }
    Params::parse(text.as_bytes())
}

/// Numeric parameters of the APIs: an empty value there is neither a number nor an omitted parameter.
const NUMBERS: [&str; 7] = ["limit", "offset", "since", "until", "startIndex", "count", "rate"];

/// Parses a query of an API; fails if a numeric parameter is empty.
pub(crate) fn api_query(text: Option<&str>) -> Result<Params, ParamError> {
    let params = query(text)?;
    let pairs = form_urlencoded::parse(text.unwrap_or_default().as_bytes());
    for (name, value) in pairs {
        if value.is_empty() && NUMBERS.contains(&&*name) {
            return Err(ParamError::Empty(name.into_owned()));
        }
    }
    Ok(params)
}
