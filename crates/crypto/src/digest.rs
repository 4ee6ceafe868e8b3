//! Digests, MACs and base64 encodings.

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Returns the SHA-256 digest (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// Returns the SHA-512 digest (FIPS 180-4).
#[must_use]
pub fn sha512(bytes: &[u8]) -> [u8; 64] {
    let mut out = [0; 64];
    out.copy_from_slice(digest::digest(&digest::SHA512, bytes).as_ref());
    out
}

/// Returns the SHA-384 digest (FIPS 180-4).
#[must_use]
pub fn sha384(bytes: &[u8]) -> [u8; 48] {
    let mut out = [0; 48];
    out.copy_from_slice(digest::digest(&digest::SHA384, bytes).as_ref());
    out
}

/// Returns the HMAC with SHA-256 of the concatenated parts (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.sign().as_ref());
    out
}

/// Returns the HMAC with SHA-256 of a message under a secret of any length (RFC 2104).
#[must_use]
pub fn hmac_of(secret: &[u8], message: &[u8]) -> [u8; 32] {
    hmac_sha256(&hmac::Key::new(hmac::HMAC_SHA256, secret), &[message])
}

/// Encodes bytes in base64 with padding (RFC 4648 §4).
#[must_use]
pub fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Encodes bytes in base64url without padding (RFC 4648 §5).
#[must_use]
pub fn b64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; `None` if the text is anything else.
#[must_use]
pub fn unb64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Compares two values in a time that depends only on their lengths.
#[must_use]
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha384_of_the_published_example() {
        // FIPS 180-4, "abc".
        let digest = sha384(b"abc");
        assert_eq!(
            b64(&digest),
            "ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn"
        );
    }
}
