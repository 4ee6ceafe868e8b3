//! Signs XML elements and octets.

use sojourn_crypto::digest::sha256;
use sojourn_crypto::{Certificate, KeyError, SigningKey, b64};
use sojourn_model::SigningAlg;

use crate::names::{ECDSA_SHA256, ENVELOPED, EXCLUSIVE, RSA_SHA256, SHA256};
use crate::xml::Element;

/// A signing key of this server, with the certificate by which service providers know it.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    certificate: Certificate,
}

impl Signer {
    /// Creates a signer from a key and its certificate. Only RSA and ECDSA keys can sign SAML messages.
    ///
    /// # Errors
    /// [`KeyError::Refused`] for a key with another algorithm.
    pub fn new(key: SigningKey, certificate: Certificate) -> Result<Self, KeyError> {
        match key.alg() {
            SigningAlg::Rs256 | SigningAlg::Es256 => Ok(Self { key, certificate }),
            SigningAlg::Ps256 | SigningAlg::EdDsa => Err(KeyError::Refused),
        }
    }

    /// Returns the certificate of the signing key.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Returns the URI of the signature algorithm.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        if self.key.alg() == SigningAlg::Rs256 { RSA_SHA256 } else { ECDSA_SHA256 }
    }

    /// Signs octets and returns the signature.
    ///
    /// # Errors
    /// [`KeyError::Refused`] if the cryptography provider fails to sign.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.key.sign(message)
    }
}

/// Signs an element that has an `ID`, and writes it. The signature is inserted at index `at` of its content: after
/// `Issuer` in messages and assertions, first in metadata.
///
/// # Errors
/// [`KeyError::Refused`] if the cryptography provider fails to sign.
pub fn sign(mut element: Element, at: usize, signer: &Signer) -> Result<String, KeyError> {
    let digest = b64(&sha256(element.write().as_bytes()));
    let reference = format!("#{}", element.get("ID").unwrap_or_default());
    let method = |name, uri: &str| Element::new(name).attr("Algorithm", uri);
    let info = Element::new("ds:SignedInfo")
        .child(method("ds:CanonicalizationMethod", EXCLUSIVE))
        .child(method("ds:SignatureMethod", signer.algorithm()))
        .child(
            Element::new("ds:Reference")
                .attr("URI", reference)
                .child(
                    Element::new("ds:Transforms")
                        .child(method("ds:Transform", ENVELOPED))
                        .child(method("ds:Transform", EXCLUSIVE)),
                )
                .child(method("ds:DigestMethod", SHA256))
                .child(Element::new("ds:DigestValue").text(&digest)),
        );
    let value = b64(&signer.sign(info.write().as_bytes())?);
    let signature = Element::new("ds:Signature")
        .child(info)
        .child(Element::new("ds:SignatureValue").text(&value))
        .child(key_info(&signer.certificate));
    element.insert_written(at, signature.write());
    Ok(element.write())
}

/// Returns a `ds:KeyInfo` element with a certificate.
pub(crate) fn key_info(certificate: &Certificate) -> Element {
    Element::new("ds:KeyInfo").child(
        Element::new("ds:X509Data")
            .child(Element::new("ds:X509Certificate").text(&certificate.base64())),
    )
}
