//! A relying party for the demonstration: signs people in through OpenID Connect, and signs them out
//! when the identity server tells it to.
//!
//! It shares no code with the server. It speaks OpenID Connect through a client library, keeps its
//! sessions in memory, and makes no call to the server while nobody uses it.

mod listen;
pub mod logout_token;
pub mod office;
mod pages;
mod provider;
pub mod saml;
mod sessions;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::provider::Provider;
use crate::provider::SignedIn;
use crate::sessions::Sessions;

/// What an application needs to know.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// `pickup-dispatch` or `pickup-manager`.
    pub name: String,
    /// The identity server's issuer.
    pub issuer: String,
    /// Its own port on localhost.
    pub port: u16,
    /// Registered client id.
    pub client_id: String,
    /// Registered secret.
    pub client_secret: String,
    /// How its ID tokens and logout tokens are signed: `RS256` or `ES256`.
    pub signing_alg: String,
    /// Folder with `ca.pem`, and `{name}.pem` and `{name}.key` for its own listener.
    pub tls_folder: PathBuf,
}

/// Why an application doesn't run or a request of it fails.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A file can't be used.
    #[error("{0}: {1}")]
    File(PathBuf, String),
    /// The port can't be used.
    #[error("port {0} on localhost can't be used: {1}")]
    Port(u16, std::io::Error),
    /// The identity server answered something unexpected, or not at all.
    #[error("identity server: {0}")]
    Provider(String),
}

struct App {
    options: AppOptions,
    provider: Provider,
    sessions: Sessions,
}

impl App {
    fn own(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.options.port)
    }

    fn cookie_name(&self) -> String {
        // Cookies ignore ports: the applications of one machine share a jar.
        format!("__Host-{}", self.options.name)
    }

    /// Says that the identity server was asked a moment ago whether someone is signed in.
    fn asked_cookie(&self) -> String {
        format!("__Host-{}-asked", self.options.name)
    }

    fn session_id(&self, headers: &HeaderMap) -> Option<String> {
        cookie(headers, &self.cookie_name())
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// Runs an application until the process ends.
///
/// # Errors
/// [`AppError`] when its files or its port can't be used.
pub async fn run(options: AppOptions) -> Result<(), AppError> {
    let port = options.port;
    let tls = listen::tls(&options)?;
    let app = Arc::new(App {
        provider: Provider::new(&options)?,
        sessions: Sessions::default(),
        options,
    });
    let router = Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/oauth2client", get(callback))
        .route("/bclogout", post(back_channel_logout))
        .route("/logout", get(logout))
        .route("/userinfo", get(userinfo))
        .route("/events", get(events))
        .route("/page.js", get(script))
        .route("/page.css", get(style))
        .with_state(app);
    let listener = listen::TlsListener::bind(port, tls).await?;
    axum::serve(listener, router).await.map_err(|error| AppError::Port(port, error))
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    );
    response
}

fn html(status: StatusCode, body: String) -> Response {
    answer(status, "text/html; charset=utf-8", body)
}

fn redirect(location: &str) -> Response {
    let mut response = answer(StatusCode::SEE_OTHER, "text/plain", "");
    if let Ok(value) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let shown = app.session_id(&headers).and_then(|id| app.sessions.look(&id));
    // On the first visit the user may be signed in at the identity server already: ask once, without a page.
    if shown.is_none() && cookie(&headers, &app.asked_cookie()).is_none() {
        let mut response = begin(&app, true).await;
        add_cookie(
            &mut response,
            &format!("{}=1; Path=/; Secure; HttpOnly; Max-Age=60", app.asked_cookie()),
        );
        return response;
    }
    html(StatusCode::OK, pages::home(&app.options, shown.as_ref()))
}

async fn login(State(app): State<Arc<App>>) -> Response {
    begin(&app, false).await
}

async fn begin(app: &App, silent: bool) -> Response {
    match app.provider.begin(&app.own("/oauth2client"), silent).await {
        Ok((address, flow)) => {
            let id = app.sessions.begin(flow);
            let mut response = redirect(&address);
            set_cookie(&mut response, &app.cookie_name(), &id);
            response
        }
        Err(error) => failed(app, &error),
    }
}

fn set_cookie(response: &mut Response, name: &str, value: &str) {
    // Lax: the cookie has to come along when the identity server sends the browser back.
    add_cookie(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"));
}

fn add_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

fn failed(app: &App, error: &AppError) -> Response {
    html(
        StatusCode::BAD_GATEWAY,
        pages::message(&app.options, "Sign-in failed", &error.to_string()),
    )
}

async fn callback(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let get = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    // The flow is taken out of this browser's session: a second callback finds none.
    let flow = app.session_id(&headers).and_then(|id| app.sessions.take_flow(&id));
    let Some(flow) = flow.filter(|flow| get("state").as_deref() == Some(flow.state())) else {
        let text = "This sign-in was not begun in this browser. Begin again.";
        return html(StatusCode::BAD_REQUEST, pages::message(&app.options, "Sign-in failed", text));
    };
    // RFC 9207: an answer of another server is refused.
    if get("iss").as_deref() != Some(app.options.issuer.as_str()) {
        let text = "The answer is not from the identity server that was asked.";
        return html(StatusCode::BAD_REQUEST, pages::message(&app.options, "Sign-in failed", text));
    }
    let Some(code) = get("code") else {
        let error = get("error").unwrap_or_default();
        // The silent question was answered: nobody is signed in.
        if error == "login_required" {
            return redirect("/");
        }
        return html(StatusCode::OK, pages::message(&app.options, "Not signed in", &error));
    };
    match app.provider.finish(flow, code, &app.own("/oauth2client")).await {
        Ok(signed_in) => {
            let id = app.sessions.sign_in(signed_in);
            let mut response = redirect("/");
            set_cookie(&mut response, &app.cookie_name(), &id);
            response
        }
        Err(error) => failed(&app, &error),
    }
}

async fn back_channel_logout(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let token = form_urlencoded::parse(&body)
        .find(|(key, _)| key == "logout_token")
        .map(|(_, value)| value.into_owned());
    let Some(token) = token else {
        return answer(StatusCode::BAD_REQUEST, "text/plain", "logout_token is missing");
    };
    match app.provider.check_logout_token(&token).await {
        Ok(notice) => match app.sessions.end_by_sid(&notice.sid, &notice.jti) {
            Ok(()) => answer(StatusCode::OK, "text/plain", ""),
            Err(why) => answer(StatusCode::BAD_REQUEST, "text/plain", why),
        },
        Err(why) => {
            tracing::warn!(%why, "a logout token was refused");
            answer(StatusCode::BAD_REQUEST, "text/plain", why)
        }
    }
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let session = app.session_id(&headers).and_then(|id| app.sessions.remove(&id));
    let Some(SignedIn { id_token, .. }) = session else { return redirect("/") };
    match app.provider.logout_address(&id_token, &app.own("/")).await {
        Ok(address) => redirect(&address),
        Err(error) => failed(&app, &error),
    }
}

/// Asks the identity server with the session's access token, to show whether it is still good.
async fn userinfo(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let token = app.session_id(&headers).and_then(|id| app.sessions.access_token(&id));
    let Some(token) = token else {
        return answer(
            StatusCode::UNAUTHORIZED,
            "application/json",
            "{\"error\":\"not_signed_in\"}",
        );
    };
    match app.provider.userinfo(&token).await {
        Ok((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            answer(status, "application/json", body)
        }
        Err(error) => failed(&app, &error),
    }
}

/// Tells the page when its session ends: one answer, then the page loads itself again.
async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(id) = app.session_id(&headers) else {
        return answer(StatusCode::NO_CONTENT, "text/event-stream", "");
    };
    let ended = app.sessions.until_ended(id);
    let stream = futures_util::stream::once(async move {
        ended.await;
        Ok::<_, std::convert::Infallible>(Bytes::from_static(b"event: signed-out\ndata: \n\n"))
    });
    answer(StatusCode::OK, "text/event-stream", axum::body::Body::from_stream(stream))
}

async fn script() -> Response {
    answer(StatusCode::OK, "text/javascript; charset=utf-8", pages::SCRIPT)
}

async fn style() -> Response {
    answer(StatusCode::OK, "text/css; charset=utf-8", pages::STYLE)
}
