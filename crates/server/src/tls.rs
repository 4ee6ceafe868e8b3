//! Certificates for one machine: a local CA in the data folder, and certificates signed by it. An organisation
//! configures its own instead.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate can't be created or read.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file that was read or written.
        path: PathBuf,
        /// Why it can't be read or written.
        source: std::io::Error,
    },
    /// The content of a file is invalid.
    #[error("{path}: {message}")]
    Content {
        /// The file that was read.
        path: PathBuf,
        /// What is wrong with its content.
        message: String,
    },
}

/// Paths of a certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain in PEM, the server's certificate first.
    pub certificate: PathBuf,
    /// Private key in PEM (PKCS #8).
    pub key: PathBuf,
}

fn write(path: &Path, text: &str, secret: bool) -> Result<(), TlsError> {
    let wrong = |source| TlsError::File { path: path.to_owned(), source };
    #[cfg(unix)]
    {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let mode = if secret { 0o600 } else { 0o644 };
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)
            .map_err(wrong)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)
    }
    #[cfg(not(unix))]
    {
        let _ = secret;
        std::fs::write(path, text).map_err(wrong)
    }
}

fn read(path: &Path) -> Result<String, TlsError> {
    std::fs::read_to_string(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, "Sojourn local authority");
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// Creates what is missing in `folder`: the local CA (`ca.pem`) and a certificate for this machine's names, called
/// `name`.
///
/// # Errors
/// [`TlsError`] names the file.
pub fn local_certificate(folder: &Path, name: &str) -> Result<TlsFiles, TlsError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| TlsError::File { path: folder.to_owned(), source })?;
    let files = TlsFiles {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    };
    if files.certificate.exists() && files.key.exists() {
        return Ok(files);
    }
    let ca_path = folder.join("ca.pem");
    let ca_key_path = folder.join("ca.key");
    let wrong = |error: rcgen::Error| TlsError::Content {
        path: ca_key_path.clone(),
        message: error.to_string(),
    };
    if !(ca_path.exists() && ca_key_path.exists()) {
        let key = KeyPair::generate().map_err(wrong)?;
        let authority = authority_params().self_signed(&key).map_err(wrong)?;
        write(&ca_key_path, &key.serialize_pem(), true)?;
        write(&ca_path, &authority.pem(), false)?;
    }
    let ca_key = KeyPair::from_pem(&read(&ca_key_path)?).map_err(wrong)?;
    let issuer = Issuer::new(authority_params(), ca_key);
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let mut params = CertificateParams::new(names).map_err(wrong)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(wrong)?;
    let certificate = params.signed_by(&key, &issuer).map_err(wrong)?;
    write(&files.key, &key.serialize_pem(), true)?;
    write(&files.certificate, &certificate.pem(), false)?;
    Ok(files)
}

/// Loads a certificate for the listener. With `client_ca`, clients may present certificates of those CAs (RFC 8446
/// §4.4.2.4), but don't have to.
///
/// # Errors
/// [`TlsError`] names the file.
pub fn server_config(
    files: &TlsFiles,
    client_ca: Option<&Path>,
) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let content =
        |path: &Path, message: String| TlsError::Content { path: path.to_owned(), message };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| content(&files.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| content(&files.key, error.to_string()))?;
    let builder = rustls::ServerConfig::builder();
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let wrong = |error: String| content(path, error);
            let mut roots = rustls::RootCertStore::empty();
            let authorities =
                CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
            for authority in authorities {
                let authority = authority.map_err(|error| wrong(error.to_string()))?;
                roots.add(authority).map_err(|error| wrong(error.to_string()))?;
            }
            let verifier = rustls::server::WebPkiClientVerifier::builder(Arc::new(roots))
                .allow_unauthenticated()
                .build()
                .map_err(|error| wrong(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| content(&files.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
