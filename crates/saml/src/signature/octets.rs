//! The signature of the HTTP-Redirect binding (Bindings §3.4.4.1): over octets of the query as they were sent.

use sojourn_crypto::{Certificate, KeyError, b64};

use super::{SignatureError, Signer, algorithm};

/// A signature that came in a query, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectSignature {
    /// `SAMLRequest=…&RelayState=…&SigAlg=…`, as received.
    pub octets: String,
    /// The algorithm, decoded.
    pub algorithm: String,
    /// The signature, decoded.
    pub value: Vec<u8>,
}

impl RedirectSignature {
    /// Verifies it with the registered certificates of the sender.
    ///
    /// # Errors
    /// [`SignatureError`]
    pub fn verify(&self, certificates: &[Certificate]) -> Result<(), SignatureError> {
        let (digest, rsa) = algorithm(&self.algorithm).ok_or(SignatureError::Algorithm)?;
        let fits = certificates.iter().any(|certificate| {
            certificate.is_rsa() == rsa
                && certificate.verifies(digest, self.octets.as_bytes(), &self.value)
        });
        if fits { Ok(()) } else { Err(SignatureError::Wrong) }
    }
}

/// Adds `SigAlg` and `Signature` to the part of a query that is to be signed.
///
/// # Errors
/// [`KeyError`] when the provider fails.
pub fn sign_octets(query: &str, signer: &Signer) -> Result<String, KeyError> {
    let encode =
        |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let octets = format!("{query}&SigAlg={}", encode(signer.algorithm()));
    let signature = b64(&signer.sign(octets.as_bytes())?);
    Ok(format!("{octets}&Signature={}", encode(&signature)))
}
