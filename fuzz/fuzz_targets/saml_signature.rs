//! Verifier: whatever is taken for signed has, for every reader, the values that were signed.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use sojourn_crypto::{SigningKey, self_signed};
use sojourn_model::{Millis, SigningAlg};
use sojourn_saml::AuthnRequest;
use sojourn_saml::signature::{Signer, sign, verify};
use sojourn_saml::xml::{Document, Element};

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let pkcs8 = SigningKey::generate(SigningAlg::Es256).expect("a key");
    let key = SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8).expect("a key");
    let certificate = self_signed(&pkcs8, "sp", Millis(0), Millis(4_000_000_000_000));
    Signer::new(key, certificate.expect("a certificate")).expect("signs")
});
static SIGNED: LazyLock<String> = LazyLock::new(|| {
    let request = Element::new("samlp:AuthnRequest")
        .attr("ID", "_1")
        .attr("Version", "2.0")
        .attr("IssueInstant", "2026-01-01T00:00:00Z")
        .child(Element::new("saml:Issuer").text("https://sp.test"));
    sign(request, 1, &SIGNER).expect("signs")
});

// Each pair of bytes says where something is put, and what follows is put there.
fuzz_target!(|data: &[u8]| {
    let mut message = SIGNED.clone().into_bytes();
    for change in data.chunks(12) {
        let [high, low, cut, rest @ ..] = change else { break };
        let at = (usize::from(*high) << 8 | usize::from(*low)) % (message.len() + 1);
        let end = (at + usize::from(*cut % 8)).min(message.len());
        message.splice(at..end, rest.iter().copied());
    }
    let Ok(document) = Document::parse(&message) else { return };
    let Ok(trusted) = verify(&document, &[SIGNER.certificate().clone()]) else { return };
    let read = AuthnRequest::read(trusted).map(|read| (read.header.id, read.header.issuer));
    if let Ok(read) = read {
        assert_eq!(read, ("_1".to_owned(), "https://sp.test".to_owned()));
    }
});
