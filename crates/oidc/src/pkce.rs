//! Proof Key for Code Exchange (RFC 7636). Only the method S256 is supported.

use sojourn_crypto::{b64url, constant_time_eq, sha256};

fn is_unreserved(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// Whether a text has the form of an S256 challenge (§4.2): base64url of 32 bytes.
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && is_unreserved(text)
}

/// Whether a text has the form of a verifier (§4.1): 43 to 128 unreserved characters.
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && is_unreserved(text)
}

/// Whether a verifier matches a challenge (§4.6). The comparison takes constant time.
#[must_use]
pub fn verifies(verifier: &str, challenge: &str) -> bool {
    is_verifier(verifier)
        && constant_time_eq(b64url(&sha256(verifier.as_bytes())).as_bytes(), challenge.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(is_challenge(challenge) && is_verifier(verifier));
        assert!(verifies(verifier, challenge));
        assert!(!verifies(challenge, challenge), "plain is not done");
        assert!(!verifies("short", challenge));
        assert!(!is_challenge("has spaces has spaces has spaces has spaces"));
    }
}
