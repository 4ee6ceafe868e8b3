//! What an identity provider has signed: the signature of one element, and the element itself, from which alone values are
//! read.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use x509_cert::der::Decode as _;

pub(super) const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// The key of a certificate (PKCS #1), out of base64.
pub(super) fn key_of(certificate: &str) -> Option<Vec<u8>> {
    let der = STANDARD.decode(without_spaces(certificate)).ok()?;
    let read = x509_cert::Certificate::from_der(&der).ok()?;
    Some(read.tbs_certificate.subject_public_key_info.subject_public_key.raw_bytes().to_vec())
}

fn without_spaces(text: &str) -> String {
    text.split_ascii_whitespace().collect()
}

pub(super) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    node.children().find(|one| one.is_element() && one.tag_name().name() == name)
}

/// The text of an element below, by the names on the way.
pub(super) fn text_at<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(node, |node, name| child(node, name))?;
    let mut children = found.children();
    match (children.next(), children.next()) {
        (Some(only), None) if only.is_text() => only.text().map(str::trim),
        _ => None,
    }
}

/// Whether an element carries a signature of its own, by one of the keys, for itself as a whole.
pub(super) fn is_signed(element: Node<'_, '_>, keys: &[Vec<u8>]) -> bool {
    signed_by(element, keys).is_some()
}

fn signed_by(element: Node<'_, '_>, keys: &[Vec<u8>]) -> Option<()> {
    let mut own = element.children().filter(|one| one.has_tag_name((DSIG, "Signature")));
    let signature = own.next().filter(|_| own.next().is_none())?;
    let info = child(signature, "SignedInfo")?;
    let mut references = info.children().filter(|one| one.has_tag_name((DSIG, "Reference")));
    let reference = references.next().filter(|_| references.next().is_none())?;
    let id = element.attribute("ID").filter(|id| !id.is_empty())?;
    let twice = element.document().descendants().filter(|one| one.attribute("ID") == Some(id));
    let whole = reference.attribute("URI") == Some(&format!("#{id}")) && twice.count() == 1;
    let algorithm = |name| child(info, name).and_then(|one| one.attribute("Algorithm"));
    let usual = algorithm("SignatureMethod")?.ends_with("#rsa-sha256")
        && algorithm("CanonicalizationMethod") == Some("http://www.w3.org/2001/10/xml-exc-c14n#");
    let wanted = STANDARD.decode(without_spaces(text_at(reference, &["DigestValue"])?)).ok()?;
    let found = digest(&SHA256, canonical(element, Some(signature)).as_bytes());
    if !whole || !usual || found.as_ref() != wanted {
        return None;
    }
    let value = STANDARD.decode(without_spaces(text_at(signature, &["SignatureValue"])?)).ok()?;
    let message = canonical(info, None);
    keys.iter()
        .find(|key| {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                .verify(message.as_bytes(), &value)
                .is_ok()
        })
        .map(|_| ())
}

/// The exclusive canonical form of an element, without one of its children.
fn canonical(node: Node<'_, '_>, without: Option<Node<'_, '_>>) -> String {
    let mut out = String::new();
    write(node, without, &BTreeMap::new(), &mut out);
    out
}

fn write<'n>(
    node: Node<'n, '_>,
    without: Option<Node<'_, '_>>,
    known: &BTreeMap<&'n str, &'n str>,
    out: &mut String,
) {
    let source = node.document().input_text();
    let tag = source.get(node.range().start + 1..).unwrap_or_default();
    let tag = tag.split([' ', '\t', '\n', '\r', '/', '>']).next().unwrap_or_default();
    let mut attributes: Vec<_> = node
        .attributes()
        .map(|one| {
            (
                one.namespace(),
                one.name(),
                source.get(one.range_qname()).unwrap_or_default(),
                one.value(),
            )
        })
        .collect();
    attributes.sort_unstable();
    let mut known = known.clone();
    let mut new = BTreeMap::new();
    let names = std::iter::once(tag).chain(
        attributes
            .iter()
            .filter(|(namespace, ..)| namespace.is_some())
            .map(|(_, _, name, _)| *name),
    );
    for name in names {
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        let uri = node.lookup_namespace_uri(Some(prefix).filter(|one| !one.is_empty()));
        let uri = uri.unwrap_or_default();
        if prefix != "xml" && known.get(prefix).copied().unwrap_or_default() != uri {
            known.insert(prefix, uri);
            new.insert(prefix, uri);
        }
    }
    out.push_str(&format!("<{tag}"));
    for (prefix, uri) in new {
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        out.push_str(&format!(" {name}=\"{}\"", escaped(uri, true)));
    }
    for (_, _, name, value) in attributes {
        out.push_str(&format!(" {name}=\"{}\"", escaped(value, true)));
    }
    out.push('>');
    for one in node.children().filter(|one| without.is_none_or(|without| without.id() != one.id()))
    {
        if one.is_element() {
            write(one, without, &known, out);
        } else if one.is_text() {
            out.push_str(&escaped(one.text().unwrap_or_default(), false));
        }
    }
    out.push_str(&format!("</{tag}>"));
}

/// Text as the canonical form has it.
fn escaped(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match (c, attribute) {
            ('&', _) => out.push_str("&amp;"),
            ('<', _) => out.push_str("&lt;"),
            ('>', false) => out.push_str("&gt;"),
            ('"', true) => out.push_str("&quot;"),
            ('\t', true) => out.push_str("&#x9;"),
            ('\n', true) => out.push_str("&#xA;"),
            ('\r', _) => out.push_str("&#xD;"),
            (c, _) => out.push(c),
        }
    }
    out
}
