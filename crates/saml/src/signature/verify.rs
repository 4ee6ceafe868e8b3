//! Verifies the signature of a document. The result is the verified node, from which every later value is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sojourn_crypto::digest::{sha256, sha384, sha512};
use sojourn_crypto::{Certificate, constant_time_eq};

use super::{SignatureError, algorithm};
use crate::names::{DSIG, ENVELOPED, EXCLUSIVE, SHA256, SHA384, SHA512};
use crate::xml::Read as _;
use crate::xml::{Document, Node, canonical_without};

/// Maximum number of prefixes in an `InclusiveNamespaces` list.
const PREFIXES_MAX: usize = 32;

/// The root of a document, and whether its signature was verified.
#[derive(Clone, Copy)]
pub struct Trusted<'a, 'i> {
    node: Node<'a, 'i>,
    signed: bool,
}

impl std::fmt::Debug for Trusted<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trusted({}, signed: {})", self.node.tag_name().name(), self.signed)
    }
}

impl<'a, 'i> Trusted<'a, 'i> {
    /// Returns the root of a message without a verified signature of its own: the query is signed, or the sender
    /// doesn't have to be known.
    #[must_use]
    pub fn unsigned(document: &'a Document<'i>) -> Self {
        Self { node: document.root(), signed: false }
    }

    /// Whether a signature of the document itself was verified.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.signed
    }

    pub(crate) const fn node(&self) -> Node<'a, 'i> {
        self.node
    }
}

/// Verifies a document's signature with the registered certificates of its sender.
///
/// # Errors
/// [`SignatureError::Missing`] if there is no signature, [`SignatureError::Profile`] if it doesn't follow the
/// profile, [`SignatureError::Algorithm`] if an algorithm isn't supported, and [`SignatureError::Wrong`] if it can't
/// be verified.
pub fn verify<'a, 'i>(
    document: &'a Document<'i>,
    certificates: &[Certificate],
) -> Result<Trusted<'a, 'i>, SignatureError> {
    let root = document.root();
    let mut all = root.descendants().filter(|node| node.is(DSIG, "Signature"));
    let signature = all.next().ok_or(SignatureError::Missing)?;
    if all.next().is_some() {
        return Err(SignatureError::Profile("there is more than one"));
    }
    if signature.parent() != Some(root) {
        return Err(SignatureError::Profile("it isn't the message's own"));
    }
    let parts = Parts::of(signature)?;
    let reference = Reference::of(parts.reference)?;
    // Values are read from the root, so the signature has to cover the root.
    let id = root.attr("ID").filter(|id| !id.is_empty());
    if reference.uri.strip_prefix('#') != id || id.is_none() {
        return Err(SignatureError::Profile("it isn't for the message as a whole"));
    }
    let content = canonical_without(root, Some(signature), &reference.inclusive);
    if content.is_empty() {
        return Err(SignatureError::Profile("there is nothing that it is for"));
    }
    let digest: Vec<u8> = match reference.digest_method {
        SHA256 => sha256(&content).to_vec(),
        SHA384 => sha384(&content).to_vec(),
        SHA512 => sha512(&content).to_vec(),
        _ => return Err(SignatureError::Algorithm),
    };
    if !constant_time_eq(&digest, &reference.digest) {
        return Err(SignatureError::Wrong);
    }
    let (digest, rsa) = algorithm(parts.method).ok_or(SignatureError::Algorithm)?;
    let signed = canonical_without(parts.info, None, &parts.inclusive);
    let fits = certificates.iter().any(|certificate| {
        certificate.is_rsa() == rsa && certificate.verifies(digest, &signed, &parts.value)
    });
    if fits { Ok(Trusted { node: root, signed: true }) } else { Err(SignatureError::Wrong) }
}

/// Returns the element children of a node that has no other text than white space.
fn elements<'a, 'i>(node: Node<'a, 'i>) -> Result<Vec<Node<'a, 'i>>, SignatureError> {
    let mut all = Vec::new();
    for child in node.children() {
        if child.is_element() {
            all.push(child);
        } else if child.is_text() && !child.text().unwrap_or_default().trim().is_empty() {
            return Err(SignatureError::Profile("there is text in it"));
        }
    }
    Ok(all)
}

fn named<'a, 'i>(
    node: Option<&Node<'a, 'i>>,
    name: &'static str,
) -> Result<Node<'a, 'i>, SignatureError> {
    node.copied().filter(|node| node.is(DSIG, name)).ok_or(SignatureError::Profile(name))
}

fn algorithm_of<'a>(node: Node<'a, '_>) -> Result<&'a str, SignatureError> {
    node.attr("Algorithm").ok_or(SignatureError::Profile("an algorithm isn't named"))
}

fn bytes(node: Node<'_, '_>) -> Result<Vec<u8>, SignatureError> {
    let malformed = SignatureError::Profile("a value is no base64");
    let text = node.value().map_err(|_| malformed)?;
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).map_err(|_| malformed)
}

/// Parses `InclusiveNamespaces`, the only element that a canonicalization may contain.
fn inclusive<'a>(node: Node<'a, '_>) -> Result<Vec<&'a str>, SignatureError> {
    match elements(node)?.as_slice() {
        [] => Ok(Vec::new()),
        [one] if one.is(EXCLUSIVE, "InclusiveNamespaces") && elements(*one)?.is_empty() => {
            let list = one.attr("PrefixList").unwrap_or_default().split_ascii_whitespace();
            let list: Vec<_> = list.take(PREFIXES_MAX + 1).collect();
            match list.len() > PREFIXES_MAX {
                true => Err(SignatureError::Profile("there are too many prefixes")),
                false => Ok(list),
            }
        }
        _ => Err(SignatureError::Profile("a canonicalization has more than prefixes")),
    }
}

struct Parts<'a, 'i> {
    info: Node<'a, 'i>,
    inclusive: Vec<&'a str>,
    method: &'a str,
    reference: Node<'a, 'i>,
    value: Vec<u8>,
}

impl<'a, 'i> Parts<'a, 'i> {
    fn of(signature: Node<'a, 'i>) -> Result<Self, SignatureError> {
        let children = elements(signature)?;
        let info = named(children.first(), "SignedInfo")?;
        let value = bytes(named(children.get(1), "SignatureValue")?)?;
        // The content of `KeyInfo` is ignored: only registered keys are used.
        let rest = children.get(2..).unwrap_or_default();
        if rest.len() > 1 || rest.iter().any(|node| !node.is(DSIG, "KeyInfo")) {
            return Err(SignatureError::Profile("there is more in it than KeyInfo"));
        }
        // `KeyInfo` isn't signed, so it must not contain elements that could be mistaken for those of the message.
        let foreign = |node: Node<'_, '_>| {
            node.is_element()
                && !matches!(
                    node.tag_name().namespace(),
                    Some(DSIG | "http://www.w3.org/2009/xmldsig11#")
                )
        };
        if rest.iter().any(|node| node.descendants().any(foreign)) {
            return Err(SignatureError::Profile("there are other elements in KeyInfo"));
        }
        let [canonicalization, method, reference] = elements(info)?[..] else {
            return Err(SignatureError::Profile("it doesn't have one reference"));
        };
        let canonicalization = named(Some(&canonicalization), "CanonicalizationMethod")?;
        if algorithm_of(canonicalization)? != EXCLUSIVE {
            return Err(SignatureError::Algorithm);
        }
        let method = named(Some(&method), "SignatureMethod")?;
        if !elements(method)?.is_empty() {
            return Err(SignatureError::Algorithm);
        }
        Ok(Self {
            info,
            inclusive: inclusive(canonicalization)?,
            method: algorithm_of(method)?,
            reference: named(Some(&reference), "Reference")?,
            value,
        })
    }
}

struct Reference<'a> {
    uri: &'a str,
    inclusive: Vec<&'a str>,
    digest_method: &'a str,
    digest: Vec<u8>,
}

impl<'a> Reference<'a> {
    fn of(node: Node<'a, '_>) -> Result<Self, SignatureError> {
        let uri = node.attr("URI").ok_or(SignatureError::Profile("a reference has no URI"))?;
        let [transforms, method, value] = elements(node)?[..] else {
            return Err(SignatureError::Profile("a reference has no transforms"));
        };
        let [enveloped, exclusive] = elements(named(Some(&transforms), "Transforms")?)?[..] else {
            return Err(SignatureError::Profile("there aren't two transforms"));
        };
        let enveloped = named(Some(&enveloped), "Transform")?;
        let exclusive = named(Some(&exclusive), "Transform")?;
        if algorithm_of(enveloped)? != ENVELOPED
            || !elements(enveloped)?.is_empty()
            || algorithm_of(exclusive)? != EXCLUSIVE
        {
            return Err(SignatureError::Profile("the transforms aren't those of SAML"));
        }
        Ok(Self {
            uri,
            inclusive: inclusive(exclusive)?,
            digest_method: algorithm_of(named(Some(&method), "DigestMethod")?)?,
            digest: bytes(named(Some(&value), "DigestValue")?)?,
        })
    }
}
