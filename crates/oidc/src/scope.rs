//! Scopes (RFC 6749 §3.3).

use sojourn_model::limits::SCOPES_MAX;

use crate::error::OAuthError;

fn is_token(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Reads a list of scopes: sorted, none twice.
///
/// # Errors
/// `invalid_scope` when one has characters that scopes don't have, or there are too many.
pub fn parse(text: &str) -> Result<Vec<String>, OAuthError> {
    let mut scopes: Vec<String> =
        text.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
    if scopes.len() > SCOPES_MAX || !scopes.iter().all(|scope| is_token(scope)) {
        return Err(OAuthError::new("invalid_scope", "the scope is malformed"));
    }
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

/// Of the scopes that were asked for, those that may be given. What an application isn't registered
/// for is left out, as RFC 6749 §3.3 allows.
#[must_use]
pub fn allowed(asked: &[String], registered: &[String]) -> Vec<String> {
    asked.iter().filter(|scope| registered.contains(scope)).cloned().collect()
}

/// Whether a space-separated list has a scope.
#[must_use]
pub fn has(scopes: &str, scope: &str) -> bool {
    scopes.split(' ').any(|one| one == scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsed_sorted_and_narrowed() {
        let scopes = parse("profile openid  openid").expect("fine");
        assert_eq!(scopes, ["openid", "profile"]);
        assert_eq!(allowed(&scopes, &["openid".into()]), ["openid"]);
        assert!(parse("a\"b").is_err());
        assert!(parse(&"x ".repeat(3).replace('x', "é")).is_err());
        assert!(has("openid profile", "profile") && !has("openid profile", "prof"));
    }
}
