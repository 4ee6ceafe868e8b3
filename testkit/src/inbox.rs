//! An application that records the notifications that it receives, and responds as the test wants.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::Redirect;
use axum::routing::{get, post};

#[derive(Default)]
struct Inner {
    tokens: Vec<String>,
    hooks: Vec<Hook>,
    answers: VecDeque<u16>,
    otherwise: u16,
}

/// A webhook request that was received.
#[derive(Debug, Clone)]
pub struct Hook {
    /// HTTP headers of the request.
    pub headers: HeaderMap,
    /// Body of the request, unchanged.
    pub body: String,
}

/// `GET /leave`: redirects to the URL in the query.
async fn leave(uri: Uri) -> Redirect {
    Redirect::to(uri.query().unwrap_or_default())
}

async fn receive_hook(
    State(inner): State<Arc<Mutex<Inner>>>,
    headers: HeaderMap,
    body: String,
) -> StatusCode {
    let mut inner = inner.lock().expect("an inbox");
    inner.hooks.push(Hook { headers, body });
    let status = inner.answers.pop_front().unwrap_or(inner.otherwise);
    StatusCode::from_u16(status).expect("a status")
}

/// The application's web server, which stops on drop.
pub struct Inbox {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    task: tokio::task::JoinHandle<()>,
}

async fn receive(State(inner): State<Arc<Mutex<Inner>>>, body: Bytes) -> StatusCode {
    let token = form_urlencoded::parse(&body)
        .find(|(key, _)| key == "logout_token")
        .map(|(_, value)| value.into_owned());
    let mut inner = inner.lock().expect("an inbox");
    inner.tokens.extend(token);
    let status = inner.answers.pop_front().unwrap_or(inner.otherwise);
    StatusCode::from_u16(status).expect("a status")
}

impl Inbox {
    /// Starts an application on a free port that responds with 200.
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address")).await
    }

    /// Starts an application at an address that responds with 200.
    pub async fn at(address: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let inner = Arc::new(Mutex::new(Inner { otherwise: 200, ..Inner::default() }));
        let router = Router::new()
            .route("/bclogout", post(receive))
            .route("/hook", post(receive_hook))
            .route("/leave", get(leave))
            .route("/left", get(|| async { "left" }))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        Self { address, inner, task }
    }

    /// Returns the URL that receives logout tokens.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("http://{}/bclogout", self.address)
    }

    /// Returns the origin of the application.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the URL that receives webhooks.
    #[must_use]
    pub fn hook_uri(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Returns the received webhooks, oldest first.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        self.inner.lock().expect("an inbox").hooks.clone()
    }

    /// Waits for at least `count` webhooks, including those that got an error as the response, and returns them.
    pub async fn wait_for_hooks(&self, count: usize) -> Vec<Hook> {
        crate::program::eventually("webhooks arrive", || async {
            let hooks = self.inner.lock().expect("an inbox").hooks.clone();
            (hooks.len() >= count).then_some(hooks)
        })
        .await
    }

    /// Responds with these statuses to the next requests.
    pub fn answer(&self, statuses: &[u16]) {
        self.inner.lock().expect("an inbox").answers.extend(statuses);
    }

    /// Discards the remaining statuses, so that it responds with 200 from now on.
    pub fn answer_well(&self) {
        self.inner.lock().expect("an inbox").answers.clear();
    }

    /// Returns the received logout tokens, oldest first.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.inner.lock().expect("an inbox").tokens.clone()
    }

    /// Waits for at least `count` logout tokens and returns them.
    pub async fn wait_for(&self, count: usize) -> Vec<String> {
        crate::program::eventually("logout tokens arrive", || async {
            let tokens = self.tokens();
            (tokens.len() >= count).then_some(tokens)
        })
        .await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An application's web server with documents that the test provides.
pub struct Documents {
    address: SocketAddr,
    kept: Arc<Mutex<HashMap<String, String>>>,
    task: tokio::task::JoinHandle<()>,
}

async fn serve_document(
    State(kept): State<Arc<Mutex<HashMap<String, String>>>>,
    uri: Uri,
) -> (StatusCode, [(HeaderName, &'static str); 1], String) {
    let kind = match uri.path().rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "application/json",
    };
    let kind = [(CONTENT_TYPE, kind)];
    match kept.lock().expect("documents").get(uri.path()) {
        Some(text) => (StatusCode::OK, kind, text.clone()),
        None => (StatusCode::NOT_FOUND, kind, String::new()),
    }
}

impl Documents {
    /// Starts a web server without documents on a free port.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let kept = Arc::new(Mutex::new(HashMap::new()));
        let router = Router::new().fallback(serve_document).with_state(Arc::clone(&kept));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        Self { address, kept, task }
    }

    /// Serves `text` at `path` from now on.
    pub fn put(&self, path: &str, text: &str) {
        self.kept.lock().expect("documents").insert(path.to_owned(), text.to_owned());
    }

    /// Returns the port that the web server listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the URL of the document at `path`.
    #[must_use]
    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Documents {
    fn drop(&mut self) {
        self.task.abort();
    }
}
