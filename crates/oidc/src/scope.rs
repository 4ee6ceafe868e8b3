//! Parsing and comparing scopes (RFC 6749 §3.3).

use sojourn_model::limits::SCOPES_MAX;

use crate::error::OAuthError;

fn is_token(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// Parses a space-separated list of scopes; the result is sorted and has no duplicates.
///
/// # Errors
/// `invalid_scope` if a scope contains a character that isn't allowed, or there are too many scopes.
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

/// Returns the requested scopes that can be granted. Scopes that aren't registered for the application are left
/// out, as RFC 6749 §3.3 allows.
#[must_use]
pub fn allowed(asked: &[String], registered: &[String]) -> Vec<String> {
    asked.iter().filter(|scope| registered.contains(scope)).cloned().collect()
}

/// Whether a space-separated list contains a scope.
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
