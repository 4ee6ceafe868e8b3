//! The signature of the HTTP-Redirect binding (Bindings §3.4.4.1), which covers octets of the query as they were
//! sent.

use sojourn_crypto::{Certificate, KeyError, b64};

use super::{SignatureError, Signer, algorithm};

/// A signature from a query, with the octets that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectSignature {
    /// The signed octets as received: `SAMLRequest=…&RelayState=…&SigAlg=…`.
    pub octets: String,
    /// URI of the signature algorithm, decoded.
    pub algorithm: String,
    /// The signature value, decoded.
    pub value: Vec<u8>,
}

impl RedirectSignature {
    /// Verifies the signature with the registered certificates of the sender.
    ///
    /// # Errors
    /// [`SignatureError::Algorithm`] if the algorithm isn't supported, [`SignatureError::Wrong`] if no certificate
    /// verifies the signature.
    pub fn verify(&self, certificates: &[Certificate]) -> Result<(), SignatureError> {
        let (digest, rsa) = algorithm(&self.algorithm).ok_or(SignatureError::Algorithm)?;
        let fits = certificates.iter().any(|certificate| {
            certificate.is_rsa() == rsa
                && certificate.verifies(digest, self.octets.as_bytes(), &self.value)
        });
        if fits { Ok(()) } else { Err(SignatureError::Wrong) }
    }
}

/// Appends `SigAlg` and `Signature` to the part of a query that has to be signed.
///
/// # Errors
/// [`KeyError::Refused`] if the cryptography provider fails to sign.
pub fn sign_octets(query: &str, signer: &Signer) -> Result<String, KeyError> {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let octets = format!("{query}&SigAlg={}", encode(signer.algorithm()));
    let signature = b64(&signer.sign(octets.as_bytes())?);
    Ok(format!("{octets}&Signature={}", encode(&signature)))
}
