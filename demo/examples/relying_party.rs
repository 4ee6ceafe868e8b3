//! A minimal relying party: signs people in through OpenID Connect, and signs them out when the identity server says so.
//!
//! Register it in `deployment.toml`, and start it with the issuer, its client id and its secret:
//!
//! ```toml
//! [[application]]
//! client_id = "example"
//! client_secret = "change-me"
//! redirect_uris = ["http://127.0.0.1:8090/callback"]
//! backchannel_logout_uri = "http://127.0.0.1:8090/bclogout"
//! ```
//!
//! `cargo run -p sojourn-demo --example relying_party -- https://localhost:9443/oauth2/token example change-me`
//!
//! An application on the Internet serves HTTPS and marks its cookie `Secure`.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
    CoreProviderMetadata,
};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl,
    Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, TokenResponse as _,
};
use sojourn_demo::logout_token;
use tokio::net::TcpListener;

/// Sign-ins that may be under way at once.
const BEGUN_MAX: usize = 10_000;

type Failure = Box<dyn Error + Send + Sync>;

/// What the application is registered with.
pub struct Registration {
    /// Issuer of the identity server, as its discovery document states it.
    pub issuer: String,
    /// Client id of the application.
    pub client_id: String,
    /// Client secret of the application.
    pub client_secret: String,
}

/// A sign-in that has begun, by the `state` of its request.
struct Begun {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

struct App {
    registration: Registration,
    origin: String,
    metadata: CoreProviderMetadata,
    http: reqwest::Client,
    /// Keys of the identity server, read again when a token names an unknown one: keys rotate.
    keys: Mutex<CoreJsonWebKeySet>,
    begun: Mutex<HashMap<String, Begun>>,
    /// Users by the secret of their cookie, each with the `sid` of their session at the identity server.
    sessions: Mutex<HashMap<String, (String, String)>>,
}

/// Serves the application on this listener until the task is dropped.
pub async fn serve(registration: Registration, listener: TcpListener) -> Result<(), Failure> {
    // The library follows no redirects: they could lead the client to addresses inside the network.
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let issuer = IssuerUrl::new(registration.issuer.clone())?;
    let metadata =
        CoreProviderMetadata::discover_async(issuer, &|request| send(http.clone(), request))
            .await?;
    let origin = format!("http://{}", listener.local_addr()?);
    let keys = Mutex::new(metadata.jwks().clone());
    let (begun, sessions) = (Mutex::default(), Mutex::default());
    let app = App { registration, origin, metadata, http, keys, begun, sessions };
    let router = Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/callback", get(callback))
        .route("/bclogout", post(back_channel_logout))
        .with_state(Arc::new(app));
    Ok(axum::serve(listener, router).await?)
}

/// The client of the library; a macro, because its type says which endpoints are set.
macro_rules! client {
    ($app:expr) => {
        CoreClient::from_provider_metadata(
            $app.metadata.clone().set_jwks(locked(&$app.keys).clone()),
            ClientId::new($app.registration.client_id.clone()),
            Some(ClientSecret::new($app.registration.client_secret.clone())),
        )
        .set_redirect_uri(RedirectUrl::new(format!("{}/callback", $app.origin))?)
    };
}

/// Sends a request of the library.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, Sent> {
    let answer = http.execute(request.try_into()?).await?;
    let mut response = HttpResponse::new(Vec::new());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    *response.body_mut() = answer.bytes().await?.to_vec();
    Ok(response)
}

/// Why a request didn't get its answer.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Sent(#[from] reqwest::Error);

/// Reads the keys of the identity server again.
async fn read_keys(app: &App) -> Result<(), Failure> {
    let ask = |request| send(app.http.clone(), request);
    let fresh = CoreJsonWebKeySet::fetch_async(app.metadata.jwks_uri(), &ask).await?;
    *locked(&app.keys) = fresh;
    Ok(())
}

fn fields(form: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(form).into_owned().collect()
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Html<String> {
    let cookie =
        headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secret = cookie.split("; ").find_map(|pair| pair.strip_prefix("example="));
    let user =
        secret.and_then(|secret| locked(&app.sessions).get(secret).map(|(user, _)| user.clone()));
    Html(match user {
        // The subject identifier is a UUID: it needs no escaping, which a name would.
        Some(user) => format!("<p id=\"who\">Signed in as {user}</p>"),
        None => "<p id=\"who\">Signed out</p><a href=\"/login\">Sign in</a>".to_owned(),
    })
}

async fn login(State(app): State<Arc<App>>) -> Response {
    answered(begin(&app))
}

fn begin(app: &App) -> Result<Response, Failure> {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (address, state, nonce) = client!(app)
        .authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .set_pkce_challenge(challenge)
        .url();
    // Everybody can begin: an application with a database lets what was begun expire.
    let mut all = locked(&app.begun);
    if all.len() >= BEGUN_MAX {
        all.clear();
    }
    all.insert(state.secret().clone(), Begun { nonce, verifier });
    // The cookie ties the answer to this browser: otherwise a link could sign somebody in as another person.
    let cookie =
        format!("example-state={}; Path=/callback; HttpOnly; SameSite=Lax", state.secret());
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(address.as_str())).into_response())
}

async fn callback(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answered(finish(&app, &fields(query.unwrap_or_default().as_bytes()), &headers).await)
}

async fn finish(
    app: &App,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Result<Response, Failure> {
    let state = query.get("state").ok_or("the answer has no state")?;
    let cookie =
        headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !cookie.split("; ").any(|pair| pair == format!("example-state={state}")) {
        return Err("this browser didn't begin the sign-in".into());
    }
    let begun = locked(&app.begun).remove(state).ok_or("the sign-in isn't known")?;
    let code = query.get("code").ok_or_else(|| format!("refused: {:?}", query.get("error")))?;
    let client = client!(app);
    let tokens = client
        .exchange_code(AuthorizationCode::new(code.clone()))?
        .set_pkce_verifier(begun.verifier)
        .request_async(&|request| send(app.http.clone(), request))
        .await?;
    let id_token = tokens.id_token().ok_or("there is no ID token")?;
    let mut claims = id_token.claims(&client.id_token_verifier(), &begun.nonce).cloned();
    if claims.is_err() {
        read_keys(app).await?;
        claims = id_token.claims(&client!(app).id_token_verifier(), &begun.nonce).cloned();
    }
    let claims = claims?;
    let sid =
        logout_token::unverified_claim(&id_token.to_string(), "sid").ok_or("there is no sid")?;
    let secret = CsrfToken::new_random().secret().clone();
    locked(&app.sessions).insert(secret.clone(), (claims.subject().to_string(), sid));
    let cookie = format!("example={secret}; Path=/; HttpOnly; SameSite=Lax");
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

/// Ends the session that a logout token names (OpenID Connect Back-Channel Logout 1.0 §2.5). The identity server repeats
/// the request until it gets 200.
async fn back_channel_logout(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let form = fields(&body);
    answered(end(&app, form.get("logout_token").map_or("", String::as_str)).await)
}

async fn end(app: &App, token: &str) -> Result<Response, Failure> {
    let expected = logout_token::Expected {
        issuer: &app.registration.issuer,
        client_id: &app.registration.client_id,
        alg: &CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    };
    let check = || logout_token::check(token, &locked(&app.keys), &expected);
    let mut notice = check();
    if notice == Err(logout_token::UNKNOWN_KEY) {
        read_keys(app).await?;
        notice = check();
    }
    let notice = notice?;
    locked(&app.sessions).retain(|_, (_, sid)| *sid != notice.sid);
    Ok(StatusCode::OK.into_response())
}

fn answered(done: Result<Response, Failure>) -> Response {
    done.unwrap_or_else(|why| (StatusCode::BAD_REQUEST, why.to_string()).into_response())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("name {what}"));
    let registration = Registration {
        issuer: next("the issuer")?,
        client_id: next("the client id")?,
        client_secret: next("the client secret")?,
    };
    serve(registration, TcpListener::bind("127.0.0.1:8090").await?).await
}
