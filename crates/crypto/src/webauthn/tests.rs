//! Test vectors of the specification, and each rule with keys that are generated here.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use minicbor::Encoder;

use super::*;
use crate::b64url;

const RP: &str = "example.org";
const ORIGIN: &str = "https://example.org";

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("a digit");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn creation(client_data: &[u8], object: &[u8]) -> Creation {
    let json = serde_json::json!({
        "id": "", "rawId": "", "type": "public-key",
        "response": { "clientDataJSON": b64url(client_data), "attestationObject": b64url(object),
                      "transports": ["internal", "hybrid"] },
        "clientExtensionResults": {}
    });
    Creation::read(&json.to_string()).expect("a creation")
}

fn assertion(client_data: &[u8], data: &[u8], signature: &[u8]) -> Assertion {
    let json = serde_json::json!({
        "id": "AQI", "rawId": "AQI", "type": "public-key",
        "response": { "clientDataJSON": b64url(client_data), "authenticatorData": b64url(data),
                      "signature": b64url(signature), "userHandle": "" }
    });
    Assertion::read(&json.to_string()).expect("an assertion")
}

/// "ES256 Credential with No Attestation", Web Authentication Level 3, Test Vectors.
#[test]
fn vectors_of_the_specification() {
    let client_data = hex(concat!(
        "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a22414d4d5074345578",
        "78475453746e63647134313759447742466938767049612d7077386f4f755657345441222c226f726967696e223a22",
        "68747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73652c226578747261",
        "44617461223a22636c69656e74446174614a534f4e206d617920626520657874656e6465642077697468206164646974",
        "696f6e616c206669656c647320696e20746865206675747572652c207375636820617320746869733a20426b5165446a",
        "646354427258426941774a544c453551227d"
    ));
    let object = hex(concat!(
        "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461c9c473",
        "5ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f391db4c9b2fde0",
        "ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97ca9b2d23eb86ccb640",
        "98d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e",
        "2664796b9220"
    ));
    let challenge = hex("00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130");
    let origins = [ORIGIN.to_owned()];
    let expected =
        Expected { rp_id: RP, origins: &origins, challenge: &challenge, user: UserTest::Present };
    let made = creation(&client_data, &object).check(&expected).expect("a credential");
    assert_eq!(made.id, hex("f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4"));
    assert!(made.flags.backup_eligible && made.flags.backed_up && !made.flags.verified);

    let client_data = hex(concat!(
        "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158756c54",
        "55506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e223a22687474",
        "70733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d"
    ));
    let data = hex("bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000");
    let signature = hex(concat!(
        "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f0b9353",
        "8174f575bf11a1dd5d78c6e486013f937295ea13653e331e87"
    ));
    let challenge = hex("39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408");
    let expected = Expected { challenge: &challenge, ..expected };
    let proof = assertion(&client_data, &data, &signature);
    assert_eq!(proof.check(&expected, &made.public_key).map(|proved| proved.counter), Ok(0));
    let mut forged = signature;
    forged[70] ^= 1;
    let forged = assertion(&client_data, &data, &forged);
    assert_eq!(forged.check(&expected, &made.public_key), Err(CeremonyError::Signature));
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A COSE key of each algorithm, and the matching signer.
fn keys() -> Vec<(Vec<u8>, Sign)> {
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let point = ec.public_key().as_ref().to_vec();
    let mut es256 = Encoder::new(Vec::new());
    es256.map(5).and_then(|e| e.i8(1)?.i8(2)?.i8(3)?.i8(-7)?.i8(-1)?.i8(1)).expect("encoded");
    es256.i8(-2).and_then(|e| e.bytes(&point[1..33])?.i8(-3)?.bytes(&point[33..])).expect("it");
    let ed = Ed25519KeyPair::generate().expect("a key");
    let mut eddsa = Encoder::new(Vec::new());
    eddsa.map(4).and_then(|e| e.i8(1)?.i8(1)?.i8(3)?.i8(-8)?.i8(-1)?.i8(6)).expect("encoded");
    eddsa.i8(-2).and_then(|e| e.bytes(ed.public_key().as_ref())).expect("encoded");
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let n = n.big_endian_without_leading_zero().to_vec();
    let e = e.big_endian_without_leading_zero().to_vec();
    let mut rs256 = Encoder::new(Vec::new());
    rs256.map(4).and_then(|to| to.i8(1)?.i8(3)?.i8(3)?.i16(-257)).expect("encoded");
    rs256.i8(-1).and_then(|to| to.bytes(&n)?.i8(-2)?.bytes(&e)).expect("encoded");
    let random = SystemRandom::new();
    vec![
        (
            es256.into_writer(),
            Box::new(move |data| ec.sign(&random, data).expect("signed").as_ref().to_vec()),
        ),
        (eddsa.into_writer(), Box::new(move |data| ed.sign(data).as_ref().to_vec())),
        (
            rs256.into_writer(),
            Box::new(move |data| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature)
                    .expect("signed");
                signature
            }),
        ),
    ]
}

fn client_data(kind: &str, challenge: &[u8], origin: &str, more: &str) -> Vec<u8> {
    let challenge = b64url(challenge);
    format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#)
        .into_bytes()
}

fn data(rp: &str, flags: u8, rest: &[u8]) -> Vec<u8> {
    [sha256(rp.as_bytes()).as_slice(), &[flags, 0, 0, 0, 9], rest].concat()
}

#[test]
fn every_algorithm_and_every_rule() {
    let challenge = [7; 32];
    let origins = [ORIGIN.to_owned(), "https://example.net".to_owned()];
    let expected =
        Expected { rp_id: RP, origins: &origins, challenge: &challenge, user: UserTest::Verified };
    let good = client_data("webauthn.get", &challenge, "https://example.net", "");
    for (key, sign) in keys() {
        let check = |client: &[u8], data: &[u8]| {
            let message = [data, sha256(client).as_slice()].concat();
            assertion(client, data, &sign(&message)).check(&expected, &key)
        };
        let proved = check(&good, &data(RP, 5, &[])).expect("proved");
        assert_eq!((proved.counter, proved.flags.backup_eligible), (9, false));
        let with_extensions = data(RP, 0x85, &[0xa1, 0x61, b'x', 0xf5]);
        assert!(check(&good, &with_extensions).is_ok());
        let other = client_data("webauthn.create", &challenge, ORIGIN, "");
        assert_eq!(check(&other, &data(RP, 5, &[])), Err(CeremonyError::Kind));
        for (client, data, why) in [
            (
                client_data("webauthn.get", &[8; 32], ORIGIN, ""),
                data(RP, 5, &[]),
                CeremonyError::Challenge,
            ),
            (
                client_data("webauthn.get", &[], ORIGIN, ""),
                data(RP, 5, &[]),
                CeremonyError::Challenge,
            ),
            (
                client_data("webauthn.get", &challenge, "https://example.org.evil.example", ""),
                data(RP, 5, &[]),
                CeremonyError::Origin,
            ),
            (
                client_data("webauthn.get", &challenge, ORIGIN, r#","crossOrigin":true"#),
                data(RP, 5, &[]),
                CeremonyError::Origin,
            ),
            (
                client_data(
                    "webauthn.get",
                    &challenge,
                    ORIGIN,
                    r#","topOrigin":"https://a.example""#,
                ),
                data(RP, 5, &[]),
                CeremonyError::Origin,
            ),
            (good.clone(), data("example.com", 5, &[]), CeremonyError::RelyingParty),
            (good.clone(), data(RP, 4, &[]), CeremonyError::NotPresent),
            (good.clone(), data(RP, 1, &[]), CeremonyError::NotVerified),
            (b"[]".to_vec(), data(RP, 5, &[]), CeremonyError::Malformed("the client data")),
            // Backed up, but not eligible for it.
            (good.clone(), data(RP, 0x15, &[]), CeremonyError::Malformed("the authenticator data")),
            (good.clone(), data(RP, 5, &[0]), CeremonyError::Malformed("the authenticator data")),
            (
                good.clone(),
                data(RP, 0x85, &[0xa1, 0x61]),
                CeremonyError::Malformed("the authenticator data"),
            ),
            (
                good.clone(),
                data(RP, 0x45, &[0; 17]),
                CeremonyError::Malformed("the authenticator data"),
            ),
            (good.clone(), vec![0; 36], CeremonyError::Malformed("the authenticator data")),
        ] {
            assert_eq!(check(&client, &data), Err(why));
        }
        // Without user verification if it isn't required; and by another key of the same kind.
        let present = Expected { user: UserTest::Present, ..expected };
        let message = [data(RP, 1, &[]).as_slice(), &sha256(&good)].concat();
        let proof = assertion(&good, &data(RP, 1, &[]), &sign(&message));
        assert!(proof.check(&present, &key).is_ok());
        assert_eq!(
            proof.check(&present, &key[1..]),
            Err(CeremonyError::Malformed("the public key"))
        );
    }
    for (other, _) in keys().into_iter().skip(1) {
        let proof = assertion(&good, &data(RP, 5, &[]), &[1; 64]);
        assert_eq!(proof.check(&expected, &other), Err(CeremonyError::Signature));
    }
}

#[test]
fn what_is_made() {
    let challenge = [7; 32];
    let origins = [ORIGIN.to_owned()];
    let expected =
        Expected { rp_id: RP, origins: &origins, challenge: &challenge, user: UserTest::Verified };
    let client = client_data("webauthn.create", &challenge, ORIGIN, "");
    let object = |data: &[u8]| {
        let mut encoder = Encoder::new(Vec::new());
        encoder.map(3).and_then(|e| e.str("fmt")?.str("none")?.str("attStmt")?.map(0)).expect("it");
        encoder.str("authData").and_then(|e| e.bytes(data)).expect("encoded");
        encoder.into_writer()
    };
    let (key, _) = keys().remove(1);
    let attested = |id: &[u8], key: &[u8]| {
        let length = u16::try_from(id.len()).expect("short").to_be_bytes();
        data(RP, 0x45, &[&[0; 16], length.as_slice(), id, key].concat())
    };
    let check = |object: &[u8]| creation(&client, object).check(&expected);
    let made = check(&object(&attested(&[3; 20], &key))).expect("a credential");
    assert_eq!((made.id, made.public_key, made.counter), (vec![3; 20], key.clone(), 9));
    assert_eq!(made.transports, ["internal", "hybrid"]);

    // ES384, which isn't among the accepted algorithms.
    let mut other = Encoder::new(Vec::new());
    other.map(2).and_then(|e| e.i8(1)?.i8(2)?.i8(3)?.i8(-35)).expect("encoded");
    let data_wrong = CeremonyError::Malformed("the authenticator data");
    let object_wrong = CeremonyError::Malformed("the attestation object");
    let trailing = [object(&attested(&[3; 20], &key)), vec![0]].concat();
    for (object, why) in [
        (object(&attested(&[3; 20], &other.into_writer())), CeremonyError::Algorithm),
        (object(&attested(&[3; 20], &[0xa0])), CeremonyError::Malformed("the public key")),
        (object(&attested(&[], &key)), data_wrong),
        (object(&attested(&[3; 1024], &key)), data_wrong),
        (object(&attested(&[3; 20], &key[..key.len() - 1])), data_wrong),
        (object(&data(RP, 5, &[])), data_wrong),
        (trailing, object_wrong),
        (vec![0xa0], object_wrong),
        (vec![0xbf, 0xff], object_wrong),
        (vec![0x81; 10_000], object_wrong),
        (vec![], object_wrong),
    ] {
        assert_eq!(check(&object).map(|made| made.id), Err(why));
    }
}

#[test]
fn what_an_assertion_says_of_itself() {
    let proof = |id: &[u8], handle: Option<&str>| {
        let json = serde_json::json!({
            "id": "", "rawId": b64url(id), "type": "public-key",
            "response": { "clientDataJSON": "", "authenticatorData": "", "signature": "", "userHandle": handle }
        });
        Assertion::read(&json.to_string()).expect("an assertion")
    };
    let wrong = Err(CeremonyError::Malformed("the id"));
    assert_eq!(proof(&[1, 2], None).credential(), Ok(vec![1, 2]));
    assert_eq!(
        proof(&[7; CREDENTIAL_ID_BYTES_MAX], None).credential().map(|id| id.len()),
        Ok(1023)
    );
    assert_eq!(proof(&[7; CREDENTIAL_ID_BYTES_MAX + 1], None).credential(), wrong);
    assert_eq!(proof(&[], None).credential(), wrong);
    assert_eq!(proof(&[1], None).user_handle(), Ok(None));
    assert_eq!(proof(&[1], Some("")).user_handle(), Ok(None));
    assert_eq!(proof(&[1], Some("AQI")).user_handle(), Ok(Some(vec![1, 2])));
    assert!(proof(&[1], Some("!")).user_handle().is_err());
}

#[test]
fn what_is_made_at_its_bounds() {
    let challenge = [7; 32];
    let origins = [ORIGIN.to_owned()];
    let expected =
        Expected { rp_id: RP, origins: &origins, challenge: &challenge, user: UserTest::Verified };
    let client = client_data("webauthn.create", &challenge, ORIGIN, "");
    let object = |data: &[&[u8]]| {
        let mut encoder = Encoder::new(Vec::new());
        encoder.map(data.len() as u64).expect("encoded");
        for data in data {
            encoder.str("authData").and_then(|e| e.bytes(data)).expect("encoded");
        }
        encoder.into_writer()
    };
    let attested = |id: &[u8], key: &[u8]| {
        let length = u16::try_from(id.len()).expect("short").to_be_bytes();
        data(RP, 0x45, &[&[0; 16], length.as_slice(), id, key].concat())
    };
    let check = |object: &[u8]| creation(&client, object).check(&expected);
    let (key, _) = keys().remove(1);
    let longest = attested(&[3; CREDENTIAL_ID_BYTES_MAX], &key);
    assert_eq!(check(&object(&[&longest])).map(|made| made.id.len()), Ok(1023));
    let wrong = Err(CeremonyError::Malformed("the attestation object"));
    assert_eq!(check(&object(&[&longest, &longest])), wrong, "which one is meant?");
    assert_eq!(check(&object(&[])), wrong);
    // A key of RSA has a modulus and an exponent; one of a curve has that curve.
    let rsa = |n: &[u8], e: &[u8]| {
        let mut cose = Encoder::new(Vec::new());
        cose.map(4).and_then(|to| to.i8(1)?.i8(3)?.i8(3)?.i16(-257)).expect("encoded");
        cose.i8(-1).and_then(|to| to.bytes(n)?.i8(-2)?.bytes(e)).expect("encoded");
        cose.into_writer()
    };
    let made = |key: &[u8]| check(&object(&[&attested(&[3; 20], key)])).map(|_| ());
    let wrong = Err(CeremonyError::Malformed("the public key"));
    assert_eq!(made(&rsa(&[9; 256], &[1, 0, 1])), Ok(()));
    for (n, e) in [
        (vec![], vec![1]),
        (vec![9; 256], vec![]),
        (vec![9; 4096], vec![1]),
        (vec![9; 256], vec![1; 64]),
    ] {
        assert_eq!(made(&rsa(&n, &e)), wrong, "{} {}", n.len(), e.len());
    }
    let mut other_curve = Encoder::new(Vec::new());
    other_curve.map(4).and_then(|e| e.i8(1)?.i8(1)?.i8(3)?.i8(-8)?.i8(-1)?.i8(7)).expect("encoded");
    other_curve.i8(-2).and_then(|e| e.bytes(&[1; 32])).expect("encoded");
    assert_eq!(made(&other_curve.into_writer()), wrong);
    // Names of transports that could be anything are left out.
    let json = serde_json::json!({
        "response": {
            "clientDataJSON": b64url(&client), "attestationObject": b64url(&object(&[&longest])),
            "transports": ["usb", "ü", "x".repeat(33), "x".repeat(32)],
        },
    });
    let read = Creation::read(&json.to_string()).expect("a creation");
    let made = read.check(&expected).expect("made");
    assert_eq!(made.transports, ["usb".to_owned(), "x".repeat(32)]);
}
