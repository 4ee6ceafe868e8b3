//! TLS on the application's own port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::{AppError, AppOptions};

pub(crate) fn tls(options: &AppOptions) -> Result<Arc<rustls::ServerConfig>, AppError> {
    let certificate = options.tls_folder.join(format!("{}.pem", options.name));
    let key_file = options.tls_folder.join(format!("{}.key", options.name));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|error| AppError::File(certificate.clone(), error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&key_file)
        .map_err(|error| AppError::File(key_file, error.to_string()))?;
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| AppError::File(certificate, error.to_string()))?;
    Ok(Arc::new(config))
}

/// Accepts connections and hands out those whose handshake is done, so that a slow one holds up no
/// other.
pub(crate) struct TlsListener {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl TlsListener {
    pub(crate) async fn bind(
        port: u16,
        config: Arc<rustls::ServerConfig>,
    ) -> Result<Self, AppError> {
        let wrong = |error| AppError::Port(port, error);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let (done, ready) = mpsc::channel(64);
        tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(config);
            while let Ok((stream, peer)) = listener.accept().await {
                let acceptor = acceptor.clone();
                let done = done.clone();
                tokio::spawn(async move {
                    let handshake =
                        tokio::time::timeout(Duration::from_secs(10), acceptor.accept(stream));
                    if let Ok(Ok(stream)) = handshake.await {
                        // Fails only when the application is ending.
                        let _ = done.send((stream, peer)).await;
                    }
                });
            }
        });
        Ok(Self { ready, address })
    }
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(self.address)
    }
}
