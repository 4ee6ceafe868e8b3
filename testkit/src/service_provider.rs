//! A SAML service provider: creates requests, and listens for logouts from server to server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::routing::post;
use sojourn_crypto::{SigningKey, self_signed};
use sojourn_model::{Millis, SigningAlg};
use sojourn_saml::binding;
pub use sojourn_saml::binding::Kind;
use sojourn_saml::logout::{Answer, LogoutRequest, Notice};
use sojourn_saml::message::instant;
use sojourn_saml::signature::{Signer, Trusted, sign};
use sojourn_saml::xml::{Document, Element};
use sojourn_saml::{NameId, Status, SubStatus};

/// The received requests, and the responses to the next ones.
struct Inner {
    requests: Vec<LogoutRequest>,
    answers: Vec<Option<Status>>,
}

#[derive(Clone)]
struct Shared {
    entity_id: String,
    signer: Arc<Signer>,
    inner: Arc<Mutex<Inner>>,
    held: tokio::sync::watch::Receiver<bool>,
}

/// A service provider with a server of its own, which stops on drop.
pub struct ServiceProvider {
    /// Entity id of the service provider.
    pub entity_id: String,
    /// Signing key and certificate of the service provider.
    pub signer: Arc<Signer>,
    address: SocketAddr,
    server: Mutex<String>,
    inner: Arc<Mutex<Inner>>,
    /// Whether requests wait before they are looked at.
    held: tokio::sync::watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for ServiceProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(shared): State<Shared>,
    body: axum::body::Bytes,
) -> impl axum::response::IntoResponse {
    let mut held = shared.held.clone();
    let _ = held.wait_for(|held| !held).await;
    let xml = binding::from_envelope(&body).expect("an envelope");
    let document = Document::parse(&xml).expect("XML");
    let request = LogoutRequest::read(Trusted::unsigned(&document)).expect("a logout request");
    let status = {
        let mut inner = shared.inner.lock().expect("an inbox");
        inner.requests.push(request.clone());
        if inner.answers.is_empty() { Some(Status::Success(None)) } else { inner.answers.remove(0) }
    };
    let kind = [(header::CONTENT_TYPE, "text/xml")];
    let Some(status) = status else {
        return (StatusCode::INTERNAL_SERVER_ERROR, kind, binding::fault("Server", "no"));
    };
    let answer = Answer {
        issuer: &shared.entity_id,
        id: "_answer",
        destination: None,
        in_response_to: Some(&request.header.id),
        now: request.header.issued_at,
        status,
        message: None,
    };
    let answer = answer.write(Some(&shared.signer)).expect("signs");
    (StatusCode::OK, kind, binding::envelope(answer))
}

impl ServiceProvider {
    /// Starts a service provider that follows every logout.
    pub async fn start(entity_id: &str) -> Self {
        let pkcs8 = SigningKey::generate(SigningAlg::Es256).expect("a key");
        let key = SigningKey::from_pkcs8(SigningAlg::Es256, &pkcs8).expect("a key");
        let certificate = self_signed(&pkcs8, "sp", Millis(0), Millis(4_000_000_000_000));
        let signer =
            Arc::new(Signer::new(key, certificate.expect("a certificate")).expect("signs"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let inner = Arc::new(Mutex::new(Inner { requests: Vec::new(), answers: Vec::new() }));
        let (held, is_held) = tokio::sync::watch::channel(false);
        let shared = Shared {
            entity_id: entity_id.to_owned(),
            signer: Arc::clone(&signer),
            inner: Arc::clone(&inner),
            held: is_held,
        };
        let router = Router::new().route("/soap", post(receive)).with_state(shared);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        let server = Mutex::default();
        Self { entity_id: entity_id.to_owned(), signer, address, server, inner, held, task }
    }

    /// Sets the server that its requests are meant for from now on, by its base URL.
    pub fn talks_to(&self, base: &str) {
        *self.server.lock().expect("an address") = format!("{base}/samlsso");
    }

    /// Lets logout requests wait from now on, as an application does that hangs, or no longer.
    pub fn hold(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Returns the URL for logout requests from server to server.
    #[must_use]
    pub fn soap(&self) -> String {
        format!("http://{}/soap", self.address)
    }

    /// Returns the URL for assertions. No server listens there.
    #[must_use]
    pub fn acs(&self) -> String {
        "https://sp.test/acs".into()
    }

    /// Sets the responses to the next logout requests: a status with this substatus, or a failure for `None`.
    pub fn answer(&self, answers: impl IntoIterator<Item = Option<SubStatus>>) {
        let answers = answers.into_iter().map(|sub| sub.map(Status::Responder));
        self.inner.lock().expect("an inbox").answers.extend(answers);
    }

    /// Returns the received logout requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<LogoutRequest> {
        self.inner.lock().expect("an inbox").requests.clone()
    }

    /// Waits for at least `count` logout requests and returns them.
    pub async fn wait_for(&self, count: usize) -> Vec<LogoutRequest> {
        crate::program::eventually("logout requests", async || {
            let found = self.requests();
            (found.len() >= count).then_some(found)
        })
        .await
    }

    /// Returns its metadata, without a signature.
    #[must_use]
    pub fn metadata(&self) -> String {
        self.descriptor().write()
    }

    /// Returns its metadata, signed by a third party such as a federation.
    #[must_use]
    pub fn metadata_signed_by(&self, signer: &Signer) -> String {
        sign(self.descriptor(), 0, signer).expect("signs")
    }

    fn descriptor(&self) -> Element {
        let endpoint = |name, binding: &str, location: &str| {
            Element::new(name).attr("Binding", binding).attr("Location", location)
        };
        let certificate =
            Element::new("ds:X509Certificate").text(&self.signer.certificate().base64());
        let key = Element::new("md:KeyDescriptor").attr("use", "signing").child(
            Element::new("ds:KeyInfo").child(Element::new("ds:X509Data").child(certificate)),
        );
        let names = sojourn_saml::names::POST;
        let role = Element::new("md:SPSSODescriptor")
            .attr("AuthnRequestsSigned", "true")
            .attr("protocolSupportEnumeration", sojourn_saml::names::PROTOCOL)
            .child(key)
            .child(endpoint(
                "md:SingleLogoutService",
                sojourn_saml::names::SOAP_BINDING,
                &self.soap(),
            ))
            .child(endpoint(
                "md:SingleLogoutService",
                sojourn_saml::names::REDIRECT,
                "https://sp.test/slo",
            ))
            .child(
                endpoint("md:AssertionConsumerService", names, &self.acs())
                    .attr("index", "1")
                    .attr("isDefault", "true"),
            );
        Element::new("md:EntityDescriptor")
            .attr("ID", "_metadata")
            .attr("entityID", self.entity_id.clone())
            .child(role)
    }

    /// Creates an authentication request; `change` adds attributes and children.
    #[must_use]
    pub fn request(
        &self,
        id: &str,
        now: Millis,
        change: impl FnOnce(Element) -> Element,
    ) -> Element {
        let request = Element::new("samlp:AuthnRequest")
            .attr("ID", id)
            .attr("Version", "2.0")
            .attr("IssueInstant", instant(now))
            .attr("Destination", self.server.lock().expect("an address").clone())
            .child(Element::new("saml:Issuer").text(&self.entity_id));
        change(request)
    }

    /// Returns the path and query of a signed authentication request of this moment, by the machine's clock.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the program that it is for has the machine's clock"
    )]
    pub fn sign_on(&self, id: &str) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.expect("after 1970").as_millis();
        let now = Millis(i64::try_from(now).expect("a time"));
        self.by_query(Kind::Request, &self.request(id, now, |request| request).write(), None, true)
    }

    /// Returns the path and query that carry a message to a server, signed or not.
    #[must_use]
    pub fn by_query(
        &self,
        kind: Kind,
        xml: &str,
        relay_state: Option<&str>,
        signed: bool,
    ) -> String {
        let signer = signed.then_some(&*self.signer);
        binding::redirect("/samlsso", kind, xml, relay_state, signer).expect("encodes")
    }

    /// Signs a message with the service provider's key.
    #[must_use]
    pub fn signed(&self, element: Element) -> String {
        sign(element, 1, &self.signer).expect("signs")
    }

    /// Creates a logout request for a name and a stay.
    #[must_use]
    pub fn logout(
        &self,
        destination: &str,
        now: Millis,
        name: &NameId,
        index: &str,
        signed: bool,
    ) -> String {
        let notice = Notice {
            issuer: &self.entity_id,
            id: "_logout",
            destination,
            now,
            valid_ms: 60_000,
            reason: sojourn_saml::names::LOGOUT_USER,
            name,
            session_index: index,
        };
        notice.write(signed.then_some(&*self.signer)).expect("signs")
    }
}
