//! The published attacks on signatures of SAML, as a table: each takes a message that a service provider has signed and
//! changes it as the publication did. None may be taken for signed.
//!
//! References: [XSW] Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be", USENIX Security 2012; [COMMENT]
//! CVE-2017-11427 and its siblings; [DTD] CVE-2022-23471 and XML entity expansion; [FRAGILE] "The Fragile Lock", 2025:
//! attribute pollution, namespace confusion, void canonicalization; [RUBY] CVE-2025-25291, CVE-2025-25292, CVE-2025-66567,
//! CVE-2025-66568; [SAMLIFY] CVE-2025-47949; [HMAC] CVE-2009-0217 and keys of the wrong kind; [KEYINFO] keys that the
//! message brings itself.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use sojourn_crypto::{SigningKey, self_signed};
use sojourn_model::{Millis, SigningAlg};
use sojourn_saml::AuthnRequest;
use sojourn_saml::signature::{SignatureError, Signer, sign, verify};
use sojourn_saml::xml::{Document, Element};

fn signer() -> Signer {
    let pkcs8 = SigningKey::generate(SigningAlg::Es256).expect("a key");
    let key = SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8).expect("a key");
    let certificate = self_signed(&pkcs8, "sp", Millis(0), Millis(4_000_000_000_000));
    Signer::new(key, certificate.expect("a certificate")).expect("signs")
}

fn request(id: &str, issuer: &str) -> Element {
    Element::new("samlp:AuthnRequest")
        .attr("ID", id)
        .attr("Version", "2.0")
        .attr("IssueInstant", "2026-01-01T00:00:00Z")
        .child(Element::new("saml:Issuer").text(issuer))
}

/// Whether a document is taken for signed, and what it is then taken to say.
fn taken(xml: &str, signer: &Signer) -> Result<String, String> {
    let document = Document::parse(xml.as_bytes()).map_err(|error| error.to_string())?;
    let certificates = [signer.certificate().clone()];
    let trusted = verify(&document, &certificates).map_err(|error| error.to_string())?;
    assert!(trusted.is_signed());
    let read = AuthnRequest::read(trusted).map_err(|error| error.to_string())?;
    Ok(read.header.issuer)
}

/// A signed message, and its parts.
struct Signed {
    whole: String,
    /// The message without its signature.
    bare: String,
    signature: String,
}

impl Signed {
    fn new(signer: &Signer) -> Self {
        let whole = sign(request("_good", "https://sp.test"), 1, signer).expect("signs");
        let start = whole.find("<ds:Signature ").expect("a signature");
        let end = whole.find("</ds:Signature>").expect("its end") + "</ds:Signature>".len();
        let signature = whole.get(start..end).expect("a signature").to_owned();
        Self { bare: whole.replace(&signature, ""), signature, whole }
    }
}

/// A forged message around what is given, after its issuer.
fn forged(id: &str, inside: &str) -> String {
    let whole = request(id, "https://evil.test").write();
    whole.replace("</samlp:AuthnRequest>", &format!("{inside}</samlp:AuthnRequest>"))
}

#[test]
fn what_is_signed_is_taken_and_what_wraps_it_is_not() {
    let signer = signer();
    let Signed { whole, bare, signature } = Signed::new(&signer);
    assert_eq!(taken(&whole, &signer).as_deref(), Ok("https://sp.test"));
    let extensions = |inside: &str| {
        format!(
            "<samlp:Extensions xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\">{inside}</samlp:Extensions>"
        )
    };
    let object = signature
        .replace("</ds:Signature>", &format!("<ds:Object>{bare}</ds:Object></ds:Signature>"));
    let in_key_info = signature.replace("<ds:X509Data>", &format!("{bare}<ds:X509Data>"));
    // [XSW], in eight positions.
    for (name, xml) in [
        ("the original beside the signature", forged("_evil", &format!("{signature}{bare}"))),
        ("the original before the signature", forged("_evil", &format!("{bare}{signature}"))),
        ("the original with its signature inside", forged("_evil", &whole)),
        (
            "the original in Extensions",
            forged("_evil", &format!("{signature}{}", extensions(&bare))),
        ),
        ("the signed original in Extensions", forged("_evil", &extensions(&whole))),
        ("the original in an Object", forged("_evil", &object)),
        ("the original in KeyInfo", forged("_evil", &in_key_info)),
        ("the signature in Extensions", forged("_good", &extensions(&signature))),
    ] {
        assert!(taken(&xml, &signer).is_err(), "{name}");
        // With the same id twice, so that either may be found by it.
        let same = xml.replace("\"_evil\"", "\"_good\"");
        assert!(taken(&same, &signer).is_err(), "{name}, same id");
    }
    // The whole original in another root.
    assert!(taken(&format!("<x>{whole}</x>"), &signer).is_err());
    // Two signatures, one of which is good.
    assert!(taken(&whole.replace(&signature, &signature.repeat(2)), &signer).is_err());
}

#[test]
fn values_are_what_was_signed() {
    let signer = signer();
    let Signed { whole, .. } = Signed::new(&signer);
    for (name, from, to) in [
        ("another issuer", "https://sp.test</", "https://evil.test</"),
        // [COMMENT]: the canonical form has no comments, so the signature holds; the value is refused.
        ("a comment in a value", "https://sp.test</", "https://<!-- -->sp.test</"),
        ("a processing instruction", "https://sp.test</", "https://<?x?>sp.test</"),
        ("a CDATA section", "https://sp.test</", "<![CDATA[https://sp.test]]></"),
        ("an element in a value", "https://sp.test</", "https://<x/>sp.test</"),
        // [FRAGILE]: another attribute that a library may take for the id, or for another value.
        ("a second id", " ID=\"_good\"", " ID=\"_good\" Id=\"_good\""),
        ("an id in a namespace", " ID=\"_good\"", " xml:id=\"_good\" ID=\"_good\""),
        ("one more attribute", " Version=", " ForceAuthn=\"true\" Version="),
        // [DTD]
        ("a document type", "<samlp:AuthnRequest ", "<!DOCTYPE x><samlp:AuthnRequest "),
    ] {
        assert!(whole.contains(from), "{name}");
        assert!(taken(&whole.replacen(from, to, 1), &signer).is_err(), "{name}");
    }
}

#[test]
fn the_signature_is_built_as_saml_demands() {
    let signer = signer();
    let Signed { whole, signature, .. } = Signed::new(&signer);
    const C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
    const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
    let transform = |uri: &str| format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>");
    let xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116";
    let info = signature.split_once("<ds:SignedInfo>").expect("info").1;
    let info = info.split_once("</ds:SignedInfo>").expect("info").0;
    let reference = info.split_once("<ds:Reference").expect("one").1;
    let reference = format!("<ds:Reference{reference}");
    for (name, from, to) in [
        ("no reference", reference.as_str(), String::new()),
        ("two references", &reference, reference.repeat(2)),
        ("a reference to all", "URI=\"#_good\"", "URI=\"\"".into()),
        ("a reference to nothing", "URI=\"#_good\"", "URI=\"#\"".into()),
        ("a reference elsewhere", "URI=\"#_good\"", "URI=\"#_other\"".into()),
        ("a reference to the world", "URI=\"#_good\"", "URI=\"https://evil.test/\"".into()),
        ("a reference by XPointer", "URI=\"#_good\"", "URI=\"#xpointer(/)\"".into()),
        ("no transform", &transform(C14N), String::new()),
        ("one transform more", &transform(C14N), format!("{0}{0}", transform(C14N))),
        ("another transform", &transform(C14N), transform(xpath)),
        (
            "transforms in another order",
            &format!("{}{}", transform(ENVELOPED), transform(C14N)),
            format!("{}{}", transform(C14N), transform(ENVELOPED)),
        ),
        // Comments would be part of what is signed, and not of what is read.
        ("comments kept", C14N, format!("{C14N}WithComments")),
        ("inclusive", C14N, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315".into()),
        (
            "SHA-1",
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2000/09/xmldsig#sha1".into(),
        ),
        (
            "RSA with SHA-1",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1".into(),
        ),
        // [HMAC]: the public key as if it were a secret.
        (
            "a MAC",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256".into(),
        ),
        (
            "an algorithm for another key",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".into(),
        ),
        ("more than KeyInfo", "</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>".into()),
        ("text in it", "<ds:SignedInfo>", "x<ds:SignedInfo>".into()),
        // [RUBY]: a second set of elements that another reader would find.
        (
            "a second SignedInfo",
            "<ds:KeyInfo>",
            format!("<ds:SignedInfo>{info}</ds:SignedInfo><ds:KeyInfo>"),
        ),
        (
            "a second value",
            "<ds:KeyInfo>",
            "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo>".into(),
        ),
        (
            "a second digest",
            "</ds:DigestValue>",
            "</ds:DigestValue><ds:DigestValue>AAAA</ds:DigestValue>".into(),
        ),
        // [SAMLIFY] and void canonicalization: nothing that could be hashed.
        ("an empty digest", &reference, reference.replace("DigestValue>", "X>")),
        // [FRAGILE]: namespaces that are read in two ways.
        ("a relative namespace", "<ds:Signature ", "<ds:Signature xmlns:x=\"1\" ".into()),
        (
            "the signature in another namespace",
            "http://www.w3.org/2000/09/xmldsig#\"",
            "urn:x\"".into(),
        ),
    ] {
        assert!(whole.contains(from), "{name}");
        assert!(taken(&whole.replace(from, &to), &signer).is_err(), "{name}");
    }
}

#[test]
fn keys_are_those_that_were_registered() {
    let (registered, thief) = (signer(), signer());
    // [KEYINFO]: the message has a good signature and brings the certificate that fits.
    let Signed { whole, .. } = Signed::new(&thief);
    let document = Document::parse(whole.as_bytes()).expect("parses");
    let certificates = [registered.certificate().clone()];
    assert_eq!(verify(&document, &certificates).err(), Some(SignatureError::Wrong));
    assert_eq!(verify(&document, &[]).err(), Some(SignatureError::Wrong));
    let both = [registered.certificate().clone(), thief.certificate().clone()];
    assert!(verify(&document, &both).is_ok());
}

/// [XSW] for metadata: an entity inside the signature, which isn't a part of what is signed.
#[test]
fn an_entity_in_a_signature_is_no_metadata() {
    use sojourn_saml::metadata::{MetadataError, ServiceProvider};
    use sojourn_saml::signature::Trusted;
    let signer = signer();
    let entity = |id: &str, entity_id: &str| {
        let consumer = Element::new("md:AssertionConsumerService")
            .attr("Binding", sojourn_saml::names::POST)
            .attr("Location", "https://evil.test/acs")
            .attr("index", "0");
        let role = Element::new("md:SPSSODescriptor")
            .attr("protocolSupportEnumeration", sojourn_saml::names::PROTOCOL)
            .child(consumer);
        Element::new("md:EntityDescriptor").attr("ID", id).attr("entityID", entity_id).child(role)
    };
    let whole = sign(entity("_good", "https://sp.test"), 0, &signer).expect("signs");
    let inside = entity("_evil", "https://victim.test").write();
    let wrapped = whole.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo>{inside}"));
    let document = Document::parse(wrapped.as_bytes()).expect("parses");
    assert!(verify(&document, &[signer.certificate().clone()]).is_err());
    // Not even where nobody asks for a signature.
    let read =
        ServiceProvider::read(Trusted::unsigned(&document), Some("https://victim.test"), Millis(0));
    assert_eq!(read.err(), Some(MetadataError::NotServiceProvider));
}

/// What would cost more than the message is long: declarations in scope, repeated in a canonical form.
#[test]
fn small_messages_cost_little() {
    let many = |count: usize, one: &str| one.repeat(count);
    let repeated = format!(
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <c><d xmlns:q=\"u:{}\">{}</d></c></soap:Body></soap:Envelope>",
        "x".repeat(500),
        many(8_000, "<q:a/>")
    );
    assert!(sojourn_saml::binding::from_envelope(repeated.as_bytes()).is_err());
}
