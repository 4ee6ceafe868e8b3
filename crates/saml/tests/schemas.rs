//! Every document that is written, against the schemas of OASIS, by xmllint.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use std::path::PathBuf;
use std::process::Command;

use sojourn_crypto::{SigningKey, self_signed};
use sojourn_model::{Millis, SignedPart, SigningAlg};
use sojourn_saml::assertion::{Assertion, Attribute, ResponseTo, failure, response};
use sojourn_saml::logout::{Answer, Notice};
use sojourn_saml::metadata::IdentityProvider;
use sojourn_saml::signature::Signer;
use sojourn_saml::{Format, NameId, Status, SubStatus};

const NOW: Millis = Millis(1_790_000_000_123);

fn signer() -> Signer {
    let pkcs8 = SigningKey::generate(SigningAlg::Es256).expect("a key");
    let key = SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8).expect("a key");
    let certificate = self_signed(&pkcs8, "idp", Millis(0), Millis(4_000_000_000_000));
    Signer::new(key, certificate.expect("a certificate")).expect("signs")
}

fn validate(schema: &str, name: &str, xml: &str) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/schemas");
    let file = std::env::temp_dir().join(format!("sojourn-{}-{name}.xml", std::process::id()));
    std::fs::write(&file, xml).expect("written");
    let output = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema", schema])
        .arg(&file)
        .env("XML_CATALOG_FILES", "catalog.xml")
        .current_dir(folder)
        .output();
    let output = output.expect("'make tools' installs xmllint");
    let _ = std::fs::remove_file(&file);
    assert!(output.status.success(), "{name}: {}\n{xml}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_written_is_valid() {
    const PROTOCOL: &str = "saml-schema-protocol-2.0.xsd";
    let signer = signer();
    let full = NameId {
        qualifier: Some("https://id.test".into()),
        sp_qualifier: Some("https://sp.test".into()),
        ..NameId::new(Format::Persistent, "x < y & z")
    };
    let to = ResponseTo {
        issuer: "https://id.test",
        id: "_response",
        destination: "https://sp.test/acs",
        in_response_to: Some("_request"),
        now: NOW,
    };
    let attribute = |name: &str, values: &[&str]| Attribute {
        name: name.into(),
        friendly_name: Some("A name".into()),
        name_format: Some("urn:oasis:names:tc:SAML:2.0:attrname-format:uri".into()),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let attributes = [attribute("urn:oid:0.9.2342.19200300.100.1.3", &["a@b.test", "ü & <"])];
    let assertion = Assertion {
        id: "_assertion",
        audience: "https://sp.test",
        name: &full,
        session_index: "0123456789abcdef0123456789abcdef",
        authn_instant: NOW,
        session_not_on_or_after: Some(NOW),
        class: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        attributes: &attributes,
        valid_ms: 60_000,
    };
    for part in [SignedPart::Assertion, SignedPart::Response, SignedPart::Both] {
        for (to, assertion) in [
            (to, assertion),
            (
                ResponseTo { in_response_to: None, ..to },
                Assertion { attributes: &[], session_not_on_or_after: None, ..assertion },
            ),
        ] {
            let xml = response(&to, &assertion, part, &signer).expect("signs");
            validate(PROTOCOL, &format!("response-{}", part.as_str()), &xml);
        }
    }
    for status in [
        Status::Requester(SubStatus::InvalidNameIdPolicy),
        Status::Responder(SubStatus::NoPassive),
        Status::VersionMismatch(None),
    ] {
        let xml = failure(&to, status, "why", &signer).expect("signs");
        validate(PROTOCOL, "failure", &xml);
    }
    let notice = Notice {
        issuer: "https://id.test",
        id: "_notice",
        destination: "https://sp.test/slo",
        now: NOW,
        valid_ms: 60_000,
        reason: sojourn_saml::names::LOGOUT_ADMIN,
        name: &full,
        session_index: "x",
    };
    let answer = Answer {
        issuer: "https://id.test",
        id: "_answer",
        destination: Some("https://sp.test/slo"),
        in_response_to: Some("_notice"),
        now: NOW,
        status: Status::Success(Some(SubStatus::PartialLogout)),
        message: Some("not all followed"),
    };
    for signer in [None, Some(&signer)] {
        validate(PROTOCOL, "logout-request", &notice.write(signer).expect("signs"));
        validate(PROTOCOL, "logout-response", &answer.write(signer).expect("signs"));
    }
    let metadata = IdentityProvider {
        id: "_metadata",
        entity_id: "https://id.test/metadata",
        name: "A tenant & more",
        sign_on: "https://id.test/samlsso",
        logout: "https://id.test/samlsso",
        soap: "https://id.test/samlsso/soap",
        certificates: &[signer.certificate(), signer.certificate()],
        cache_duration: "PT6H",
    };
    let xml = metadata.write(&signer).expect("signs");
    validate("saml-schema-metadata-2.0.xsd", "metadata", &xml);
}
