//! Cryptography of Sojourn: digests, the master key and the keys derived from it, sealed tokens, signing keys and JWS,
//! certificates, password hashes, one-time passwords and Web Authentication.
//!
//! Digests, MACs, encryption and signatures come from one provider, aws-lc-rs. This crate knows neither the database
//! nor the rules of protocols.

pub mod certificate;
pub mod client_keys;
pub mod digest;
pub mod jws;
pub mod keys;
pub mod master;
pub mod password;
pub mod seal;
pub mod secret;
pub mod token;
pub mod totp;
pub mod webauthn;

pub use certificate::{Certificate, CertificateError, SignatureDigest, self_signed};
pub use client_keys::{ClientKeys, JwsHeader, verify_client_jws, verify_client_mac};
pub use digest::{b64, b64url, constant_time_eq, hmac_of, sha256, sha512, unb64url};
pub use jws::{JwsError, sign_jwt, unsigned_jwt, verify_jwt};
pub use keys::{KeyError, SigningKey};
pub use master::{MasterKey, MasterKeyError};
pub use password::PasswordPolicy;
pub use seal::{SealError, SecretBox};
pub use secret::SecretHasher;
pub use token::{ClientToken, GrantToken, OpenedAccess, TokenKind, TokenSealer};

/// Random number generator of the operating system, through the provider.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl sojourn_model::Rng for SystemRng {
    #[expect(
        clippy::expect_used,
        reason = "a machine without randomness can't run an identity server; going on would be worse"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}
