//! Each algorithm by a signature, digest or hash that something else made, and nothing in its place.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, KeyPair as _, RsaKeyPair};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512};
use serde_json::{Value, json};
use sojourn_crypto::password::{importable, is_guessable, verify};
use sojourn_crypto::{
    Certificate, CertificateError, ClientKeys, GrantToken, JwsError, MasterKey, MasterKeyError,
    PasswordPolicy, SecretHasher, SignatureDigest, SigningKey, SystemRng, TokenKind, TokenSealer,
    b64, b64url, hmac_of, self_signed, sha512, verify_client_jws, verify_client_mac,
};
use sojourn_model::{GrantId, Millis, SigningAlg, TenantId};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn digests_of_published_examples() {
    // FIPS 180-4, and RFC 4231 §4.3.
    assert_eq!(
        hex(&sha512(b"abc")),
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
    assert_eq!(
        hex(&hmac_of(b"Jefe", b"what do ya want for nothing?")),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    assert_eq!(b64(b"fo"), "Zm8=");
}

/// A token with this algorithm in its header.
fn token(alg: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let header = b64url(format!(r#"{{"alg":"{alg}"}}"#).as_bytes());
    let signed = format!("{header}.{}", b64url(br#"{"iss":"app"}"#));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", b64url(&signature))
}

fn set(jwk: &Value) -> ClientKeys {
    ClientKeys::parse(&json!({ "keys": [jwk] })).expect("a set")
}

#[test]
fn each_algorithm_of_a_client_verifies_its_own_signatures_alone() {
    let rng = SystemRandom::new();
    let pkcs8 = SigningKey::generate(SigningAlg::Rs256).expect("a key");
    let ours = SigningKey::from_pkcs8(SigningAlg::Rs256, &pkcs8).expect("a key");
    let rsa = RsaKeyPair::from_pkcs8(&pkcs8).expect("a key");
    let jwk = serde_json::to_value(ours.jwk()).expect("JSON");
    let jwk = json!({ "kty": "RSA", "n": jwk["n"], "e": jwk["e"] });
    let algorithms: [(&str, &'static dyn signature::RsaEncoding); 6] = [
        ("RS256", &signature::RSA_PKCS1_SHA256),
        ("RS384", &signature::RSA_PKCS1_SHA384),
        ("RS512", &signature::RSA_PKCS1_SHA512),
        ("PS256", &signature::RSA_PSS_SHA256),
        ("PS384", &signature::RSA_PSS_SHA384),
        ("PS512", &signature::RSA_PSS_SHA512),
    ];
    for (alg, _) in algorithms {
        for (made_by, encoding) in algorithms {
            let token = token(alg, |message| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(encoding, &rng, message, &mut signature).expect("signs");
                signature
            });
            let done = verify_client_jws(&set(&jwk), &token);
            assert_eq!(done.is_ok(), alg == made_by, "{alg} by {made_by}: {done:?}");
        }
    }
    for (alg, curve, length, signing) in [
        ("ES256", "P-256", 32, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES384", "P-384", 48, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ("ES512", "P-521", 66, &signature::ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        let pair = EcdsaKeyPair::generate(signing).expect("a key");
        let point = pair.public_key().as_ref().to_vec();
        let (x, y) = point.get(1..).expect("a point").split_at(length);
        let jwk = json!({ "kty": "EC", "crv": curve, "x": b64url(x), "y": b64url(y) });
        let token =
            token(alg, |message| pair.sign(&rng, message).expect("signs").as_ref().to_vec());
        assert!(verify_client_jws(&set(&jwk), &token).is_ok(), "{alg}");
        // A coordinate that isn't as long as the curve's.
        for (x, y) in [(&x[1..], y), (x, &y[1..])] {
            let short = json!({ "kty": "EC", "crv": curve, "x": b64url(x), "y": b64url(y) });
            assert_eq!(verify_client_jws(&set(&short), &token), Err(JwsError::Signature));
        }
        let other = if curve == "P-256" { "P-384" } else { "P-256" };
        let wrong = json!({ "kty": "EC", "crv": other, "x": b64url(x), "y": b64url(y) });
        assert_eq!(verify_client_jws(&set(&wrong), &token), Err(JwsError::Signature));
    }
    let pkcs8 = SigningKey::generate(SigningAlg::EdDsa).expect("a key");
    let ours = SigningKey::from_pkcs8(SigningAlg::EdDsa, &pkcs8).expect("a key");
    let jwk = serde_json::to_value(ours.jwk()).expect("JSON");
    let token = token("EdDSA", |message| ours.sign(message).expect("signs"));
    for (curve, good) in [("Ed25519", true), ("Ed448", false)] {
        let jwk = json!({ "kty": "OKP", "crv": curve, "x": jwk["x"] });
        assert_eq!(verify_client_jws(&set(&jwk), &token).is_ok(), good, "{curve}");
    }
    for (alg, algorithm) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        let key = hmac::Key::new(algorithm, b"secret");
        let token = self::token(alg, |message| hmac::sign(&key, message).as_ref().to_vec());
        assert!(verify_client_mac("secret", &token).is_ok(), "{alg}");
        assert_eq!(verify_client_mac("other", &token), Err(JwsError::Signature), "{alg}");
    }
}

#[test]
fn sets_and_tokens_have_limits() {
    let keys = |count: usize| json!({ "keys": vec![json!({ "kty": "x" }); count] });
    assert!(ClientKeys::parse(&keys(64)).is_ok());
    assert_eq!(ClientKeys::parse(&keys(65)), Err(JwsError::Malformed));
    let long = |length: usize| {
        let empty = token("none", |_| Vec::new());
        let claims = "A".repeat(length - empty.len());
        empty.replacen('.', &format!(".{claims}"), 1)
    };
    assert_eq!(long(64 * 1024).len(), 64 * 1024);
    // It isn't too long, but no JSON either; one byte more isn't looked at.
    assert_eq!(verify_client_mac("x", &long(64 * 1024 + 1)), Err(JwsError::Malformed));
    let claims = |length: usize| {
        let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
        format!("{}.{}.", b64url(br#"{"alg":"none"}"#), b64url(json.as_bytes()))
    };
    let fits = (0..50_000).rev().find(|length| claims(*length).len() <= 64 * 1024).expect("one");
    assert!(claims(fits).len() > 64 * 1024 - 3);
    assert_eq!(verify_client_mac("x", &claims(fits)), Err(JwsError::Header));
}

#[test]
fn certificates_of_every_curve_verify_their_own_signatures() {
    let rng = SystemRandom::new();
    let rsa = SigningKey::generate(SigningAlg::Rs256).expect("a key");
    let made = self_signed(&rsa, "rsa", Millis(0), Millis(4_000_000_000_000)).expect("made");
    assert!(made.is_rsa());
    assert_eq!(Certificate::from_der(made.der()), Ok(made.clone()));
    let pair = RsaKeyPair::from_pkcs8(&rsa).expect("a key");
    let encodings: [(SignatureDigest, &'static dyn signature::RsaEncoding); 3] = [
        (SignatureDigest::Sha256, &signature::RSA_PKCS1_SHA256),
        (SignatureDigest::Sha384, &signature::RSA_PKCS1_SHA384),
        (SignatureDigest::Sha512, &signature::RSA_PKCS1_SHA512),
    ];
    for (digest, _) in encodings {
        for (made_by, encoding) in encodings {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &rng, b"message", &mut signature).expect("signs");
            assert_eq!(made.verifies(digest, b"message", &signature), digest == made_by);
        }
    }
    for (alg, signing, digest) in [
        (
            &PKCS_ECDSA_P384_SHA384,
            &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            SignatureDigest::Sha384,
        ),
        (
            &PKCS_ECDSA_P521_SHA512,
            &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
            SignatureDigest::Sha512,
        ),
    ] {
        let pair = KeyPair::generate_for(alg).expect("a key");
        let params = CertificateParams::new(vec!["sp.test".to_owned()]).expect("names");
        let der = params.self_signed(&pair).expect("a certificate").der().to_vec();
        let read = Certificate::from_der(&der).expect("reads");
        assert!(!read.is_rsa());
        let signer = EcdsaKeyPair::from_pkcs8(signing, &pair.serialize_der()).expect("a key");
        let signature = signer.sign(&rng, b"message").expect("signs");
        assert!(read.verifies(digest, b"message", signature.as_ref()), "{digest:?}");
        assert!(!read.verifies(SignatureDigest::Sha256, b"message", signature.as_ref()));
    }
    // A key of a kind that isn't used here, and more than a certificate has.
    let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    let params = CertificateParams::new(vec!["sp.test".to_owned()]).expect("names");
    let der = params.self_signed(&pair).expect("a certificate").der().to_vec();
    assert_eq!(Certificate::from_der(&der), Err(CertificateError::Key));
    assert_eq!(Certificate::from_der(&vec![0; 16 * 1024 + 1]), Err(CertificateError::Malformed));
    // A good one that is larger than that.
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("a key");
    let names: Vec<String> = (0..1_000).map(|n| format!("host-{n}.sp.test")).collect();
    let params = CertificateParams::new(names).expect("names");
    let der = params.self_signed(&pair).expect("a certificate").der().to_vec();
    assert!(der.len() > 16 * 1024, "{}", der.len());
    assert_eq!(Certificate::from_der(&der), Err(CertificateError::Malformed));
    // White space isn't counted against it until there is twice as much as a certificate may have.
    let spaced = format!("{}{}", made.base64(), " ".repeat(20_000));
    assert!(Certificate::from_text(&spaced).is_ok());
    let spaced = format!("{}{}", made.base64(), " ".repeat(33_000));
    assert_eq!(Certificate::from_text(&spaced), Err(CertificateError::Malformed));
}

#[test]
fn hashes_of_other_systems_are_verified_and_their_cost_is_bounded() {
    // Made with Python's hashlib; the one of bcrypt with its crate.
    const PBKDF2: &str = "$pbkdf2-sha256$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$BBs+1+PaslLtBPULUr8/lQicvVuHiEPMz0i8MjLCbzM";
    const PBKDF2_512: &str = "$pbkdf2-sha512$i=1000,l=32$c2FsdHNhbHRzYWx0c2FsdA$EHLBej+uEvxlmr0QnHnceg1vM6h1wbwSP5XErh3Smiw";
    const SCRYPT: &str =
        "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$rkTI9fAgA7thDzzR8FHXhMiojYBreJBmYTkEzWypBCQ";
    let bcrypt = bcrypt::hash("correct horse", 4).expect("a hash");
    for hash in [PBKDF2, PBKDF2_512, SCRYPT, &bcrypt, &bcrypt.replacen("$2b$", "$2y$", 1)] {
        assert!(verify("correct horse", hash), "{hash}");
        assert!(!verify("correct house", hash), "{hash}");
        assert_eq!(importable(hash), Ok(()), "{hash}");
    }
    let argon = |m: u32, t: u32, p: u32| {
        format!(
            "$argon2id$v=19$m={m},t={t},p={p}$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        )
    };
    let costly = Err("this hash costs too much to verify");
    for (hash, want) in [
        (argon(262_144, 10, 16), Ok(())),
        (argon(262_145, 10, 16), costly),
        (argon(262_144, 11, 16), costly),
        (argon(262_144, 10, 17), costly),
        (PBKDF2.replace("i=1000", "i=2000000"), Ok(())),
        (PBKDF2.replace("i=1000", "i=2000001"), costly),
        (SCRYPT.replace("ln=4", "ln=17"), Ok(())),
        (SCRYPT.replace("ln=4", "ln=18"), costly),
        (SCRYPT.replace("r=8", "r=17"), costly),
        (SCRYPT.replace("p=1", "p=5"), costly),
        (bcrypt.replacen("$04$", "$14$", 1), Ok(())),
        (bcrypt.replacen("$04$", "$15$", 1), costly),
        (bcrypt.replacen("$04$", "$03$", 1), costly),
        (format!("{bcrypt}x"), Err("this is no bcrypt hash")),
        (bcrypt.replacen("$04$", "$xx$", 1), Err("this is no bcrypt hash")),
    ] {
        assert_eq!(importable(&hash), want, "{hash}");
    }
    for unknown in ["", "plain", "$sha1$AAAA", "$2b$04$short"] {
        assert!(importable(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn a_hash_is_weaker_if_either_cost_is_lower() {
    let policy = PasswordPolicy { memory_kib: 64, iterations: 2, lanes: 1 };
    for (memory_kib, iterations, weaker) in [
        (64, 2, false),
        (128, 3, false),
        (32, 2, true),
        (64, 1, true),
        (128, 1, true),
        (32, 3, true),
    ] {
        let other = PasswordPolicy { memory_kib, iterations, lanes: 1 };
        let hash = other.hash("x", &SystemRng).expect("a hash");
        assert_eq!(policy.is_weaker(&hash), weaker, "{memory_kib} {iterations}");
    }
    assert!(policy.is_weaker("plain") && policy.is_weaker(&bcrypt::hash("x", 4).expect("a hash")));
}

#[test]
fn what_is_left_without_ones_own_names_counts() {
    for (password, about, guessable) in [
        ("Zeppelinwerft", vec!["zeppelinwerft"], true),
        ("zeppelinwerft-Quokka", vec!["Quokka", "Zeppelinwerft"], true),
        ("QuokkaZeppelinwerft123", vec!["quokka.zeppelinwerft@example.org"], true),
        ("QuokkaZeppelinwerft4711", vec!["quokka.zeppelinwerft@example.org"], false),
        // A name of two letters is in too many words.
        ("vier Igel im Regen", vec!["im", "Al"], false),
        ("vier Igel im Regen", vec!["zeppelin"], false),
    ] {
        assert_eq!(is_guessable(password, &about), guessable, "{password} {about:?}");
    }
    // Only its beginning is looked at, and a character isn't cut in two.
    assert!(is_guessable(&format!("{}vier Igel im Regen", "ä".repeat(64)), &[]));
    assert!(is_guessable(&format!("a{}vier Igel im Regen", "ä".repeat(64)), &[]));
}

#[test]
fn master_keys_are_read_line_by_line_and_not_shown() {
    let keys: Vec<MasterKey> =
        (1..3).map(|number| MasterKey::generate(number, &SystemRng)).collect();
    let lines: Vec<String> = keys.iter().map(MasterKey::to_line).collect();
    let text = format!("# keys\n\n  \n{}{}", lines[0], lines[1]);
    let read = MasterKey::read_all(&text).expect("reads");
    assert_eq!(
        read.iter().map(MasterKey::check_value).collect::<Vec<_>>(),
        keys.iter().map(MasterKey::check_value).collect::<Vec<_>>()
    );
    assert_ne!(keys[0].check_value(), keys[1].check_value());
    assert!(keys[0].check_value().starts_with("1:"));
    assert_eq!(MasterKey::read_all("# nothing\n").err(), Some(MasterKeyError::Empty));
    assert_eq!(MasterKey::read_all(&format!("{text}x\n")).err(), Some(MasterKeyError::Line(6)));
    let shown = format!("{:?}", keys[0]);
    assert_eq!(shown, "MasterKey(number 1)");
    let pkcs8 = SigningKey::generate(SigningAlg::Es256).expect("a key");
    let key = SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8).expect("a key");
    assert_eq!(format!("{key:?}"), format!("SigningKey(ES256 {})", key.kid()));
}

#[test]
fn a_thumbprint_is_that_of_the_published_example() {
    // RFC 8037, appendix A.3: the key id of an Ed25519 key is its thumbprint.
    let pkcs8 = SigningKey::generate(SigningAlg::EdDsa).expect("a key");
    let key = SigningKey::from_pkcs8(SigningAlg::EdDsa, &pkcs8).expect("a key");
    let jwk = serde_json::to_value(key.jwk()).expect("JSON");
    let x = jwk["x"].as_str().expect("x");
    let text = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    assert_eq!(key.kid(), b64url(&sojourn_crypto::sha256(text.as_bytes())));
}

#[test]
fn tokens_say_what_they_were_sealed_with() {
    let master = [MasterKey::generate(1, &SystemRng)];
    let sealer = TokenSealer::new(&master).expect("a sealer");
    let tenant = TenantId::DEFAULT;
    for (offline, shared) in [(false, false), (false, true), (true, false), (true, true)] {
        let token = GrantToken {
            grant: GrantId([7; 16]),
            number: 3,
            issued_at: Millis(5),
            lifetime_ms: 10,
            offline,
            shared,
            narrowed: "openid".into(),
        };
        let text = sealer.seal_grant(TokenKind::Code, tenant, &token).expect("sealed");
        assert_eq!(sealer.open_grant(TokenKind::Code, tenant, &text), Some(token));
    }
    // The longest that is opened, and one byte more.
    let sealed =
        |bytes: usize| sealer.seal(TokenKind::Code, tenant, &vec![1; bytes]).expect("sealed");
    let opens = |bytes: usize| sealer.open(TokenKind::Code, tenant, &sealed(bytes)).is_some();
    let most = (18_000..19_000).take_while(|bytes| opens(*bytes)).last().expect("a limit");
    assert!(sealed(most).len() <= 24 * 1024 && sealed(most + 1).len() > 24 * 1024, "{most}");
    assert!(!opens(most + 1));
}

#[test]
fn hashes_for_good_are_under_the_oldest_key() {
    let keys: Vec<MasterKey> =
        (1..3).map(|number| MasterKey::generate(number, &SystemRng)).collect();
    let (first, both) = (SecretHasher::new(&keys[..1]), SecretHasher::new(&keys));
    let hash = both.keyed_for_good("handle", &[b"a"]);
    assert_eq!(hash, first.keyed("handle", &[b"a"]));
    assert_ne!(hash, both.keyed("handle", &[b"a"]));
    assert_ne!(hash, both.keyed_for_good("handle", &[b"b"]));
}
