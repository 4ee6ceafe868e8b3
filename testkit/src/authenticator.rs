//! A software authenticator: creates keys and signs with them, in the format that a browser would send, or with small
//! deviations.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use minicbor::Encoder;
use serde_json::{Value, json};
use sojourn_crypto::{b64url, sha256};

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const MAY_SYNC: u8 = 1 << 3;
const SYNCED: u8 = 1 << 4;
const NEW: u8 = 1 << 6;

/// A key of the software authenticator.
pub struct SoftKey {
    key: EcdsaKeyPair,
    /// Credential id of the key, in raw bytes.
    pub id: Vec<u8>,
    /// User handle of the account, in base64url.
    pub handle: String,
    /// Id of the relying party, a domain.
    pub rp_id: String,
    /// Origin of the page on which the key is used.
    pub origin: String,
    /// The signature counter, before the next use.
    pub counter: u32,
    /// Whether the key notices that somebody is present.
    pub notices: bool,
    /// Whether the key verifies its user.
    pub verifies: bool,
    /// Whether the key can be synced, and is.
    pub synced: bool,
}

fn text<'v>(options: &'v Value, pointer: &str) -> &'v str {
    options.pointer(pointer).and_then(Value::as_str).expect("a text in the options")
}

impl SoftKey {
    /// Creates a key as `options` request it, on a page of `origin`.
    #[must_use]
    pub fn new(options: &Value, origin: &str) -> Self {
        let id: [u8; 16] = sojourn_model::time::random(&sojourn_crypto::SystemRng);
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"),
            id: id.to_vec(),
            handle: text(options, "/user/id").to_owned(),
            rp_id: text(options, "/rp/id").to_owned(),
            origin: origin.to_owned(),
            counter: 0,
            notices: true,
            verifies: true,
            synced: false,
        }
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let verified = if self.verifies { VERIFIED } else { 0 };
        let synced = if self.synced { MAY_SYNC | SYNCED } else { 0 };
        let present = if self.notices { PRESENT } else { 0 };
        let flags = present | verified | synced | more;
        let counter = self.counter.to_be_bytes();
        [sha256(self.rp_id.as_bytes()).as_slice(), &[flags], &counter].concat()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = text(options, "/challenge");
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    /// Returns what a page sends after `navigator.credentials.create()`.
    #[must_use]
    pub fn created(&self, options: &Value) -> String {
        let point = self.key.public_key().as_ref();
        let mut cose = Encoder::new(Vec::new());
        cose.map(5).and_then(|to| to.i8(1)?.i8(2)?.i8(3)?.i8(-7)?.i8(-1)?.i8(1)).expect("encoded");
        cose.i8(-2)
            .and_then(|to| to.bytes(&point[1..33])?.i8(-3)?.bytes(&point[33..]))
            .expect("encoded");
        let length = u16::try_from(self.id.len()).expect("a short id").to_be_bytes();
        let data =
            [&self.data(NEW), [0; 16].as_slice(), &length, &self.id, &cose.into_writer()].concat();
        let mut object = Encoder::new(Vec::new());
        object
            .map(3)
            .and_then(|to| to.str("fmt")?.str("none")?.str("attStmt")?.map(0))
            .expect("encoded");
        object.str("authData").and_then(|to| to.bytes(&data)).expect("encoded");
        let id = b64url(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64url(&self.client_data("webauthn.create", options)),
                "attestationObject": b64url(&object.into_writer()),
                "transports": ["internal"],
            },
        })
        .to_string()
    }

    /// Returns what a page sends after `navigator.credentials.get()`.
    #[must_use]
    pub fn proved(&mut self, options: &Value) -> String {
        if !self.synced {
            self.counter += 1;
        }
        let (data, client_data) = (self.data(0), self.client_data("webauthn.get", options));
        let message = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).expect("a signature");
        let id = b64url(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64url(&client_data),
                "authenticatorData": b64url(&data),
                "signature": b64url(signature.as_ref()),
                "userHandle": self.handle,
            },
        })
        .to_string()
    }
}
