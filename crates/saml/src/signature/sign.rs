//! Signing what is written.

use sojourn_crypto::digest::sha256;
use sojourn_crypto::{Certificate, KeyError, SigningKey, b64};
use sojourn_model::SigningAlg;

use crate::names::{ECDSA_SHA256, ENVELOPED, EXCLUSIVE, RSA_SHA256, SHA256};
use crate::xml::Element;

/// A key of ours with the certificate that service providers know it by.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    certificate: Certificate,
}

impl Signer {
    /// A key and its certificate. RSA and ECDSA keys alone can sign here.
    ///
    /// # Errors
    /// [`KeyError`] for a key of another kind.
    pub fn new(key: SigningKey, certificate: Certificate) -> Result<Self, KeyError> {
        match key.alg() {
            SigningAlg::Rs256 | SigningAlg::Es256 => Ok(Self { key, certificate }),
            SigningAlg::Ps256 | SigningAlg::EdDsa => Err(KeyError::Refused),
        }
    }

    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The algorithm's name in signatures.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        if self.key.alg() == SigningAlg::Rs256 { RSA_SHA256 } else { ECDSA_SHA256 }
    }

    /// Signs.
    ///
    /// # Errors
    /// [`KeyError`] when the provider fails.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.key.sign(message)
    }
}

/// Signs an element that has an `ID`, and writes it. The signature stands at the place `at` among its contents: after
/// `Issuer` in messages and assertions, first in metadata.
///
/// # Errors
/// [`KeyError`] when the provider fails.
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

/// `ds:KeyInfo` with a certificate.
pub(crate) fn key_info(certificate: &Certificate) -> Element {
    Element::new("ds:KeyInfo").child(
        Element::new("ds:X509Data")
            .child(Element::new("ds:X509Certificate").text(&certificate.base64())),
    )
}
