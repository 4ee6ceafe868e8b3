//! JWTs, key sets, sealed tokens and answers of authenticators: refused or right, and never a forgery.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sojourn_crypto::client_keys::peek;
use sojourn_crypto::webauthn;
use sojourn_crypto::{ClientKeys, MasterKey, SystemRng, TokenKind, TokenSealer, verify_client_mac};
use sojourn_model::TenantId;

static SEALER: LazyLock<TokenSealer> = LazyLock::new(|| {
    TokenSealer::new(&[MasterKey::generate(1, &SystemRng)]).expect("a sealer")
});

fuzz_target!(|text: &str| {
    let _ = peek(text);
    assert!(verify_client_mac("a secret of the test", text).is_err(), "nobody knows the secret");
    assert!(SEALER.open(TokenKind::Interaction, TenantId::DEFAULT, text).is_none(), "nobody has the key");
    let _ = webauthn::Creation::read(text);
    let _ = webauthn::Assertion::read(text);
    if let Ok(value) = serde_json::from_str(text) {
        let _ = ClientKeys::parse(&value);
    }
});
