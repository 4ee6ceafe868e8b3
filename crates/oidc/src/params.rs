//! Parameters of a request, from a query or a form: limited in number and length, and checked for duplicates
//! (RFC 6749 §3.1).

use sojourn_model::limits::{PARAM_BYTES_MAX, PARAMS_MAX, SEALED_BYTES_MAX};

/// Parameters that this server encrypts itself: they contain a whole request and may therefore be longer.
const SEALED: [&str; 2] = ["ticket", "continue"];

/// Request parameters in the order in which they were received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
}

/// The reason why parameters are rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// There are more parameters than any valid request has.
    #[error("too many parameters")]
    TooMany,
    /// The name or value of this parameter is longer than in any valid request.
    #[error("parameter '{0}' is too long")]
    TooLong(String),
    /// This parameter occurs more than once.
    #[error("parameter '{0}' is given more than once")]
    Twice(String),
    /// This parameter has to be a number and has no value.
    #[error("parameter '{0}' is empty: give a number, or leave it out")]
    Empty(String),
    /// The text isn't UTF-8 or contains control characters.
    #[error("the parameters are not well-formed text")]
    Malformed,
}

impl Params {
    /// Parses `application/x-www-form-urlencoded` text. Duplicates are reported by [`Params::no_doubles`]
    /// instead, because such an error may still have to be sent to the redirect URI.
    ///
    /// # Errors
    /// [`ParamError::TooMany`], [`ParamError::TooLong`], or [`ParamError::Malformed`] if it isn't text.
    pub fn parse(text: &[u8]) -> Result<Self, ParamError> {
        if std::str::from_utf8(text).is_err() {
            return Err(ParamError::Malformed);
        }
        let mut pairs = Vec::new();
        for (name, value) in form_urlencoded::parse(text) {
            if pairs.len() >= PARAMS_MAX {
                return Err(ParamError::TooMany);
            }
            let most = if SEALED.contains(&&*name) { SEALED_BYTES_MAX } else { PARAM_BYTES_MAX };
            if value.len() > most || name.len() > 256 {
                return Err(ParamError::TooLong(name.chars().take(64).collect()));
            }
            if name.chars().chain(value.chars()).any(|c| {
                c == char::REPLACEMENT_CHARACTER
                    || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            }) {
                return Err(ParamError::Malformed);
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { pairs })
    }

    /// Returns the first value of a parameter. A parameter without a value counts as left out (RFC 6749 §3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter that may occur several times, such as a check box.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Rejects duplicate parameters, except `resource`.
    ///
    /// # Errors
    /// [`ParamError::Twice`] with the name of the first duplicate.
    pub fn no_doubles(&self) -> Result<(), ParamError> {
        for (index, (name, _)) in self.pairs.iter().enumerate() {
            // RFC 8707 §2: a token may be meant for several resources.
            if name != "resource" && self.pairs.iter().take(index).any(|(before, _)| before == name)
            {
                return Err(ParamError::Twice(name.chars().take(64).collect()));
            }
        }
        Ok(())
    }

    /// Whether a parameter occurs more than once.
    #[must_use]
    pub fn is_double(&self, name: &str) -> bool {
        self.pairs.iter().filter(|(key, _)| key == name).count() > 1
    }

    /// Returns these parameters without the names in `without`, and with those in `others` replacing the ones
    /// of the same name.
    ///
    /// # Errors
    /// [`ParamError::TooMany`], [`ParamError::TooLong`] or [`ParamError::Malformed`], as for [`Params::parse`].
    pub fn merged(
        &self,
        without: &[&str],
        others: Vec<(String, String)>,
    ) -> Result<Self, ParamError> {
        for (name, value) in &others {
            if value.len() > PARAM_BYTES_MAX || name.len() > 256 {
                return Err(ParamError::TooLong(name.chars().take(64).collect()));
            }
            if name.chars().chain(value.chars()).any(char::is_control) {
                return Err(ParamError::Malformed);
            }
        }
        let mut pairs: Vec<(String, String)> = self
            .pairs
            .iter()
            .filter(|(name, _)| !without.contains(&name.as_str()))
            .filter(|(name, _)| !others.iter().any(|(other, _)| other == name))
            .cloned()
            .collect();
        pairs.extend(others);
        if pairs.len() > PARAMS_MAX {
            return Err(ParamError::TooMany);
        }
        Ok(Self { pairs })
    }

    /// Minimum length of the parameters as a query, in bytes: names, values and separators before escaping.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum()
    }

    /// Serializes the parameters as a query.
    #[must_use]
    pub fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.pairs).finish()
    }
}

/// Adds parameters to the query of a URI, and keeps its existing query and fragment.
#[must_use]
pub fn with_query(uri: &str, pairs: &[(&str, &str)]) -> String {
    let (base, fragment) = match uri.split_once('#') {
        Some((base, fragment)) => (base, Some(fragment)),
        None => (uri, None),
    };
    let mut out = String::from(base);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    if !query.is_empty() {
        out.push(if base.contains('?') { '&' } else { '?' });
        out.push_str(&query);
    }
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_doubles_and_empties() {
        let params = Params::parse(b"a=1&b=&c=x+y%21&a=2").expect("fine");
        assert_eq!(params.get("a"), Some("1"));
        assert_eq!(params.get("b"), None);
        assert_eq!(params.get("c"), Some("x y!"));
        assert_eq!(params.no_doubles(), Err(ParamError::Twice("a".into())));
        assert!(params.is_double("a") && !params.is_double("c"));
        let long = format!("a={}", "x".repeat(PARAM_BYTES_MAX + 1));
        assert_eq!(Params::parse(long.as_bytes()), Err(ParamError::TooLong("a".into())));
        let many = "a=1&".repeat(PARAMS_MAX + 1);
        assert_eq!(Params::parse(many.as_bytes()), Err(ParamError::TooMany));
        assert_eq!(Params::parse(b"a=%ff"), Err(ParamError::Malformed));
        assert_eq!(Params::parse(b"a=%00"), Err(ParamError::Malformed));
    }

    #[test]
    fn queries_are_added_to() {
        assert_eq!(with_query("https://a/cb", &[("x", "1 2")]), "https://a/cb?x=1+2");
        assert_eq!(with_query("https://a/cb?y=1", &[("x", "&")]), "https://a/cb?y=1&x=%26");
        assert_eq!(with_query("https://a/cb", &[]), "https://a/cb");
    }
}
