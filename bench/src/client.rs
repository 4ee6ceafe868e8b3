//! A client as small as HTTP/1.1 allows: one connection, one request at a time, kept alive.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Where to and how.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
}

impl Target {
    pub(crate) fn plain(port: u16) -> Self {
        Self { port, tls: None }
    }

    pub(crate) fn tls(port: u16, ca: &std::path::Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        let ca = rustls::pki_types::CertificateDer::from_pem_file(ca).expect("a certificate");
        roots.add(ca).expect("an authority");
        let config =
            rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { port, tls: Some(Arc::new(config)) }
    }

    /// The same without remembering sessions of TLS: each handshake is a whole one.
    pub(crate) fn forgetful(&self) -> Self {
        let forget = |config: &Arc<rustls::ClientConfig>| {
            let mut config = rustls::ClientConfig::clone(config);
            config.resumption = rustls::client::Resumption::disabled();
            Arc::new(config)
        };
        Self { port: self.port, tls: self.tls.as_ref().map(forget) }
    }
}

/// One kept-alive connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

impl Connection {
    pub(crate) async fn open(target: &Target) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", target.port)).await.expect("connects");
        stream.set_nodelay(true).expect("an option");
        let stream: Box<dyn Stream> = match &target.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost").expect("a name");
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                Box::new(connector.connect(name, stream).await.expect("TLS"))
            }
        };
        Self { stream, buffer: Vec::with_capacity(16 * 1024) }
    }

    /// Sends a request, written out, and reads its answer.
    pub(crate) async fn send(&mut self, request: &str) -> Reply {
        self.stream.write_all(request.as_bytes()).await.expect("written");
        self.stream.flush().await.expect("flushed");
        self.buffer.clear();
        let (head_end, length) = loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed: {}", String::from_utf8_lossy(&self.buffer));
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..at]).to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
                    .unwrap_or(0_usize);
                break (at + 4, length);
            }
        };
        while self.buffer.len() < head_end + length {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("read");
            assert!(read > 0, "the server closed");
        }
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).into_owned();
        let status = head.get(9..12).and_then(|text| text.parse().ok()).unwrap_or(0);
        Reply { status, head, body: self.buffer[head_end..head_end + length].to_vec() }
    }
}

/// A form request written out.
pub(crate) fn post(path: &str, headers: &str, form: &[(&str, &str)]) -> String {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: \
         application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A request without a body, written out.
pub(crate) fn bare(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-length: 0\r\n\r\n")
}

/// A request with a JSON body, written out.
pub(crate) fn json(method: &str, path: &str, headers: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}content-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
