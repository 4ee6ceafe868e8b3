//! Encoding and decoding of messages for transport (Bindings §3.2, §3.4, §3.5). Their content isn't interpreted here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use sojourn_crypto::{KeyError, b64};

use crate::names::SOAP;
use crate::signature::{RedirectSignature, Signer, sign_octets};
use crate::xml::{Document, Element, Node, Read as _, XmlError};

/// Maximum length of an encoded message, in bytes.
const ENCODED_BYTES_MAX: usize = 256 * 1024;
/// Maximum length of a decoded message, in bytes: far more than a request needs, and small enough to stop
/// decompression bombs.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// Compression level of zlib, from 0 to 9 (best).
const LEVEL: u8 = 6;

/// Whether a message is a request or a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request, in the parameter `SAMLRequest`.
    Request,
    /// A response, in the parameter `SAMLResponse`.
    Response,
}

impl Kind {
    /// Returns the name of the parameter that contains the message.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Request => "SAMLRequest",
            Self::Response => "SAMLResponse",
        }
    }
}

/// The reason why no message can be extracted from a query or form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// There is neither a request nor a response, or there are both.
    #[error("there is neither one SAMLRequest nor one SAMLResponse")]
    NoMessage,
    /// A parameter occurs more than once.
    #[error("a parameter came more than once")]
    Twice,
    /// The parameters of a signed query aren't in the specified order, or one of `SigAlg` and `Signature` is missing.
    #[error("the parameters of a signed query aren't in their order (SAML bindings, 3.4.4.1)")]
    Order,
    /// The message or signature isn't valid base64.
    #[error("the message is no base64")]
    Base64,
    /// The message isn't compressed, or is too long after decompression.
    #[error("the message can't be decompressed, or is too long")]
    Deflate,
    /// The encoded message is too long.
    #[error("the message is too long")]
    TooLong,
}

/// A message as received, decoded but neither parsed nor verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Whether the message is a request or a response.
    pub kind: Kind,
    /// The XML document, not parsed yet.
    pub xml: Vec<u8>,
    /// `RelayState`, to be returned unchanged.
    pub relay_state: Option<String>,
    /// The signature of the query, if there is one.
    pub signature: Option<RedirectSignature>,
}

/// Extracts a message from a query (HTTP-Redirect).
///
/// # Errors
/// Any [`BindingError`]. A missing signature is not an error: the caller decides whether one is required.
pub fn from_query(query: &str) -> Result<Carried, BindingError> {
    if query.len() > ENCODED_BYTES_MAX {
        return Err(BindingError::TooLong);
    }
    let mut known: [(&str, Option<(usize, &str)>); 5] =
        ["SAMLRequest", "SAMLResponse", "RelayState", "SigAlg", "Signature"]
            .map(|name| (name, None));
    for (at, pair) in query.split('&').enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Other parsers decode escapes in names, so an escaped name counts as the same parameter.
        let name = decode(name);
        if let Some((_, slot)) = known.iter_mut().find(|(known, _)| **known == name) {
            if slot.is_some() {
                return Err(BindingError::Twice);
            }
            *slot = Some((at, value));
        }
    }
    let [request, response, relay_state, sig_alg, signature] = known.map(|(_, value)| value);
    let (kind, (at, message)) = match (request, response) {
        (Some(request), None) => (Kind::Request, request),
        (None, Some(response)) => (Kind::Response, response),
        _ => return Err(BindingError::NoMessage),
    };
    let signature = match (sig_alg, signature) {
        (Some((alg_at, alg)), Some((sig_at, value))) => {
            let relayed = relay_state.map_or(at, |(relayed, _)| relayed);
            if !(at <= relayed && relayed < alg_at && alg_at < sig_at) {
                return Err(BindingError::Order);
            }
            let relay =
                relay_state.map(|(_, raw)| format!("&RelayState={raw}")).unwrap_or_default();
            let value = unbase64(&decode(value)).ok_or(BindingError::Base64)?;
            let octets = format!("{}={message}{relay}&SigAlg={alg}", kind.parameter());
            Some(RedirectSignature { octets, algorithm: decode(alg), value })
        }
        (None, None) => None,
        // If only one of the two is present, the other may have been stripped by an attacker.
        _ => return Err(BindingError::Order),
    };
    let packed = unbase64(&decode(message)).ok_or(BindingError::Base64)?;
    Ok(Carried {
        kind,
        xml: inflate(&packed)?,
        relay_state: relay_state.map(|(_, raw)| decode(raw)),
        signature,
    })
}

/// Extracts a message from a form (HTTP-POST). Compressed messages are accepted, because some service providers send
/// them.
///
/// # Errors
/// [`BindingError::NoMessage`], [`BindingError::TooLong`] or [`BindingError::Base64`]; [`BindingError::Deflate`] if
/// the content is neither XML nor compressed.
pub fn from_form(
    request: Option<&str>,
    response: Option<&str>,
    relay_state: Option<&str>,
) -> Result<Carried, BindingError> {
    let (kind, text) = match (request, response) {
        (Some(request), None) => (Kind::Request, request),
        (None, Some(response)) => (Kind::Response, response),
        _ => return Err(BindingError::NoMessage),
    };
    if text.len() > ENCODED_BYTES_MAX {
        return Err(BindingError::TooLong);
    }
    let bytes = unbase64(text).ok_or(BindingError::Base64)?;
    let looks_like_xml = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<')
        || bytes.starts_with("\u{feff}".as_bytes());
    let xml = if looks_like_xml { bytes } else { inflate(&bytes)? };
    let relay_state = relay_state.map(str::to_owned);
    Ok(Carried { kind, xml, relay_state, signature: None })
}

/// Returns the URL that carries a message to an address, with a signature if there is a signer. `to` may already have
/// a query.
///
/// # Errors
/// [`KeyError::Refused`] if the cryptography provider fails to sign.
pub fn redirect(
    to: &str,
    kind: Kind,
    xml: &str,
    relay_state: Option<&str>,
    signer: Option<&Signer>,
) -> Result<String, KeyError> {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let packed = b64(&compress_to_vec(xml.as_bytes(), LEVEL));
    let mut query = format!("{}={}", kind.parameter(), encode(&packed));
    if let Some(relay_state) = relay_state {
        query.push_str("&RelayState=");
        query.push_str(&encode(relay_state));
    }
    let query = match signer {
        Some(signer) => sign_octets(&query, signer)?,
        None => query,
    };
    let (to, fragment) = to.split_once('#').map_or((to, ""), |(to, fragment)| (to, fragment));
    let joint = match (to.contains('?'), to.ends_with(['?', '&'])) {
        (false, _) => "?",
        (true, false) => "&",
        (true, true) => "",
    };
    let hash = if fragment.is_empty() { "" } else { "#" };
    Ok(format!("{to}{joint}{query}{hash}{fragment}"))
}

/// Returns the value of `SAMLRequest` or `SAMLResponse` in a form.
#[must_use]
pub fn form_value(xml: &str) -> String {
    b64(xml.as_bytes())
}

/// Wraps a message in a SOAP 1.1 envelope.
#[must_use]
pub fn envelope(message: String) -> String {
    let body = Element::new("soap:Body").written(message);
    let text = Element::new("soap:Envelope").child(body).write();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}")
}

/// Returns an envelope with a fault (SOAP 1.1 §4.4), for errors that no SAML message can report.
#[must_use]
pub fn fault(code: &str, why: &str) -> String {
    let fault = Element::new("soap:Fault")
        .child(Element::new("faultcode").text(&format!("soap:{code}")))
        .child(Element::new("faultstring").text(why));
    envelope(fault.write())
}

/// Returns the octets of the one message in an envelope, with the namespaces that it inherits. The message has to be
/// verified and read from these octets only.
///
/// # Errors
/// [`XmlError::TooLarge`] if a limit is exceeded, [`XmlError::Invalid`] if it isn't an envelope with exactly one
/// message, and the errors of [`Document::parse`].
pub fn from_envelope(bytes: &[u8]) -> Result<Vec<u8>, XmlError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(XmlError::TooLarge);
    }
    let document = Document::parse(bytes)?;
    let invalid = |why: &str| XmlError::Invalid(why.to_owned());
    let root = document.root();
    if !root.is(SOAP, "Envelope") {
        return Err(invalid("it is no SOAP 1.1 envelope"));
    }
    let body = root.one(SOAP, "Body")?.ok_or_else(|| invalid("the envelope has no body"))?;
    let mut elements = body.children().filter(Node::is_element);
    match (elements.next(), elements.next()) {
        (Some(message), None) => {
            // Outer prefixes may be used only in attribute values or text, and canonicalization would otherwise drop
            // them.
            let prefixes: Vec<&str> =
                message.namespaces().map(|one| one.name().unwrap_or("#default")).collect();
            match crate::xml::canonical_without(message, None, &prefixes) {
                form if form.is_empty() => Err(XmlError::TooLarge),
                form => Ok(form),
            }
        }
        _ => Err(invalid("the body doesn't have one message")),
    }
}

fn decode(text: &str) -> String {
    let pair = format!("x={text}");
    form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(packed).ok()
}

fn inflate(packed: &[u8]) -> Result<Vec<u8>, BindingError> {
    decompress_to_vec_with_limit(packed, MESSAGE_BYTES_MAX).map_err(|_| BindingError::Deflate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was_sent() {
        let xml = "<a>\u{fc} & more</a>";
        for (to, want) in [
            ("https://sp.test/acs", "https://sp.test/acs?SAMLRequest="),
            ("https://sp.test/acs?x=1", "https://sp.test/acs?x=1&SAMLRequest="),
        ] {
            let uri = redirect(to, Kind::Request, xml, Some("a b&c"), None).expect("encodes");
            assert!(uri.starts_with(want), "{uri}");
            let query = uri.split_once('?').expect("a query").1;
            let read = from_query(query).expect("reads");
            assert_eq!((read.kind, read.xml.as_slice()), (Kind::Request, xml.as_bytes()));
            assert_eq!(read.relay_state.as_deref(), Some("a b&c"));
        }
        let packed = b64(&compress_to_vec(xml.as_bytes(), LEVEL));
        for text in [form_value(xml), packed, form_value(xml).replace('4', "4\r\n")] {
            let read = from_form(None, Some(&text), None).expect("reads");
            assert_eq!((read.kind, read.xml.as_slice()), (Kind::Response, xml.as_bytes()));
        }
    }

    #[test]
    fn queries_that_two_readers_would_read_differently() {
        let message = b64(&compress_to_vec(b"<a/>", LEVEL)).replace('+', "%2B").replace('=', "%3D");
        for (query, want) in [
            ("", BindingError::NoMessage),
            ("SAMLRequest=M&SAMLResponse=M", BindingError::NoMessage),
            ("SAMLRequest=M&SAMLRequest=M", BindingError::Twice),
            ("SAMLRequest=M&SAML%52equest=M", BindingError::Twice),
            ("SAMLRequest=M&RelayState=1&RelayState=2", BindingError::Twice),
            ("SAMLRequest=M&SigAlg=x", BindingError::Order),
            ("SAMLRequest=M&Signature=AAAA", BindingError::Order),
            ("SAMLRequest=M&Signature=AAAA&SigAlg=x", BindingError::Order),
            ("SAMLRequest=M&SigAlg=x&RelayState=1&Signature=AAAA", BindingError::Order),
            ("RelayState=1&SAMLRequest=M&SigAlg=x&Signature=AAAA", BindingError::Order),
            ("SAMLRequest=!", BindingError::Base64),
            ("SAMLRequest=AAAA", BindingError::Deflate),
        ] {
            let query = query.replace('M', &message);
            let query = query.replace(&format!("SA{message}L"), "SAML");
            assert_eq!(from_query(&query).err(), Some(want), "{query}");
        }
        let bomb = b64(&compress_to_vec(&vec![b' '; 50_000_000], LEVEL));
        let bomb: String = form_urlencoded::byte_serialize(bomb.as_bytes()).collect();
        let error = from_query(&format!("SAMLRequest={bomb}")).err();
        assert_eq!(error, Some(BindingError::Deflate));
    }

    #[test]
    fn an_envelope_holds_one_message() {
        let sent = envelope("<samlp:X xmlns:samlp=\"urn:y\"></samlp:X>".into());
        let read = from_envelope(sent.as_bytes()).expect("reads");
        let read = String::from_utf8(read).expect("UTF-8");
        assert!(read.starts_with("<samlp:X ") && read.contains("xmlns:samlp=\"urn:y\""), "{read}");
        for bad in [
            "<a/>".to_owned(),
            envelope(String::new()),
            envelope("<a></a><b></b>".into()),
            sent.replace("Body", "Head"),
        ] {
            assert!(from_envelope(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
