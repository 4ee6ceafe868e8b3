//! Trust of outgoing requests: the CAs in a file, and, for exactly themselves, certificates in that file. `openssl req
//! -x509` creates certificates that claim to be a CA (`CA:TRUE`) and that a server uses itself; RFC 5280 §4.2.1.9
//! doesn't allow that, and the verifier refuses it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// Verifies like the library, and also accepts a certificate that is in the file itself, for its own names and within
/// its validity period.
#[derive(Debug)]
struct Named {
    authorities: Arc<WebPkiServerVerifier>,
    named: Vec<CertificateDer<'static>>,
}

impl Named {
    /// Whether a certificate is in the file, byte for byte. It must also be valid for this host and time.
    fn itself(
        &self,
        certificate: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<bool, Error> {
        if !self.named.iter().any(|named| named == certificate) {
            return Ok(false);
        }
        rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
        let bad = |_| Error::InvalidCertificate(CertificateError::BadEncoding);
        let validity = Certificate::from_der(certificate).map_err(bad)?.tbs_certificate.validity;
        let (from, until) = (
            validity.not_before.to_unix_duration().as_secs(),
            validity.not_after.to_unix_duration().as_secs(),
        );
        match now.as_secs() {
            at if at < from => Err(Error::InvalidCertificate(CertificateError::NotValidYet)),
            at if at > until => Err(Error::InvalidCertificate(CertificateError::Expired)),
            _ => Ok(true),
        }
    }
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(_) if self.itself(end_entity, server_name, now)? => {
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Returns the configuration of a client that trusts a file (PEM) and nothing else.
///
/// # Errors
/// A message that says what is wrong with the file.
pub(crate) fn client_config(pem: &[u8]) -> Result<rustls::ClientConfig, String> {
    let named: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the file of trusted certificates is no PEM: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in &named {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    let authorities = WebPkiServerVerifier::builder(Arc::new(roots))
        .build()
        .map_err(|_| "the file of trusted certificates has none in it")?;
    let verifier = Arc::new(Named { authorities, named });
    Ok(rustls::ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    fn certificate(
        names: &[&str],
        ca: bool,
        years: (i32, i32),
    ) -> (String, CertificateDer<'static>, PrivateKeyDer<'static>) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        if ca {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let made = params.self_signed(&key).expect("a certificate");
        let private = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        (made.pem(), made.der().clone(), private)
    }

    async fn connects(
        trusted: &str,
        server: (CertificateDer<'static>, PrivateKeyDer<'static>),
        name: &'static str,
    ) -> bool {
        // Another test may have installed it already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![server.0], server.1)
            .expect("a configuration");
        let client = client_config(trusted.as_bytes()).expect("a configuration");
        let (here, there) = tokio::io::duplex(65_536);
        let accept = TlsAcceptor::from(Arc::new(config)).accept(there);
        let name = ServerName::try_from(name).expect("a name");
        let connect = TlsConnector::from(Arc::new(client)).connect(name, here);
        let (_, connected) = tokio::join!(accept, connect);
        connected.is_ok()
    }

    #[tokio::test]
    async fn a_certificate_that_is_named_is_trusted_for_itself_alone() {
        for (names, ca, years, host, good) in [
            (&["app.test"][..], true, (2000, 2100), "app.test", true),
            (&["app.test"][..], false, (2000, 2100), "app.test", true),
            (&["app.test"][..], true, (2000, 2100), "other.test", false),
            (&["app.test"][..], true, (2000, 2001), "app.test", false),
            (&["app.test"][..], true, (2099, 2100), "app.test", false),
        ] {
            let (pem, der, key) = certificate(names, ca, years);
            assert_eq!(
                connects(&pem, (der, key), host).await,
                good,
                "{names:?} {ca} {years:?} {host}"
            );
        }
        // Another certificate with the same names isn't in the file.
        let (pem, ..) = certificate(&["app.test"], true, (2000, 2100));
        let (_, der, key) = certificate(&["app.test"], true, (2000, 2100));
        assert!(!connects(&pem, (der, key), "app.test").await);
        assert!(client_config(b"nothing").is_err());
    }
}
