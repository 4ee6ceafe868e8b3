//! Whatever comes in, JWTs, key sets and sealed tokens are refused or right: no panic, no forgery by a changed
//! byte.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use sojourn_crypto::client_keys::peek;
use sojourn_crypto::{
    ClientKeys, MasterKey, SigningKey, SystemRng, TokenKind, TokenSealer, sign_jwt,
    verify_client_jws, verify_client_mac, verify_jwt,
};
use sojourn_model::{SigningAlg, TenantId};

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let pkcs8 = SigningKey::generate(SigningAlg::Es256).expect("a key");
    SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8).expect("a key")
});

fn keys() -> ClientKeys {
    let jwk = serde_json::to_value(KEY.jwk()).expect("JSON");
    ClientKeys::parse(&json!({ "keys": [jwk] })).expect("a set")
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("kty|keys|n|e|crv|x|y|alg|kid|use|d", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn garbage_is_no_token(text in any::<String>(), parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..5)) {
        for text in [text, parts.join(".")] {
            let _ = peek(&text);
            prop_assert!(verify_jwt([&*KEY], "JWT", &text).is_err());
            prop_assert!(verify_client_jws(&keys(), &text).is_err());
            prop_assert!(verify_client_mac("secret", &text).is_err());
        }
    }

    #[test]
    fn a_changed_jwt_is_no_jwt(at in any::<proptest::sample::Index>(), byte in "[A-Za-z0-9_.-]") {
        let token = sign_jwt(&KEY, "JWT", &json!({"sub": "alex", "iss": "app"})).expect("signed");
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &byte);
        let same = changed == token;
        prop_assert_eq!(verify_client_jws(&keys(), &changed).is_ok(), same);
    }

    #[test]
    fn key_sets(value in json_value()) {
        let token = sign_jwt(&KEY, "JWT", &json!({"iss": "app"})).expect("signed");
        for set in [value.clone(), json!({ "keys": value }), json!({ "keys": [value] })] {
            if let Ok(keys) = ClientKeys::parse(&set) {
                prop_assert!(verify_client_jws(&keys, &token).is_err(), "another's key");
            }
        }
    }

    #[test]
    fn sealed_tokens(body in proptest::collection::vec(any::<u8>(), 0..200), at in any::<proptest::sample::Index>()) {
        let sealer = TokenSealer::new(&[MasterKey::generate(1, &SystemRng)]).expect("a sealer");
        let tenant = TenantId::DEFAULT;
        let text = sealer.seal(TokenKind::Code, tenant, &body).expect("sealed");
        let opened = sealer.open(TokenKind::Code, tenant, &text);
        prop_assert_eq!(opened.as_deref(), Some(&*body));
        prop_assert_eq!(sealer.open(TokenKind::Access, tenant, &text), None);
        prop_assert_eq!(sealer.open(TokenKind::Code, TenantId(2), &text), None);
        let mut changed = text.into_bytes();
        let at = at.index(changed.len());
        if let Some(byte) = changed.get_mut(at) {
            *byte = if *byte == b'A' { b'B' } else { b'A' };
        }
        let changed = String::from_utf8(changed).expect("still text");
        prop_assert_eq!(sealer.open(TokenKind::Code, tenant, &changed), None);
    }
}
