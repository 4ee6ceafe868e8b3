//! A service provider of SAML 2.0 for the demonstration. It knows the identity server by its metadata alone, signs people in
//! by a form, and takes logouts from server to server.

mod messages;
mod xml;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode};
use openidconnect::CsrfToken;
use tokio::sync::{Notify, OnceCell};

use self::messages::{Person, Provider};
use crate::{
    AppError, AppOptions, add_cookie, answer, cookie, html, listen, pages, redirect, set_cookie,
};

/// More than a demonstration ever has; beyond it everything is forgotten.
const ENTRIES_MAX: usize = 10_000;

/// What a browser's cookie stands for.
enum Entry {
    /// On the way to the identity server, with this request.
    Asked(String),
    /// Signed in.
    In(Person),
    /// Signed out by the identity server.
    Out(String),
}

struct App {
    options: AppOptions,
    http: reqwest::Client,
    provider: OnceCell<Provider>,
    entries: Mutex<HashMap<String, Entry>>,
    changed: Arc<Notify>,
}

impl App {
    fn own(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.options.port)
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() > ENTRIES_MAX {
            entries.clear();
        }
        entries
    }

    fn cookie_name(&self) -> String {
        format!("__Host-{}", self.options.name)
    }

    fn session_id(&self, headers: &HeaderMap) -> Option<String> {
        cookie(headers, &self.cookie_name())
    }

    /// What the identity server says of itself, read once.
    async fn provider(&self) -> Result<&Provider, AppError> {
        let read = || async {
            let address = format!("{}/identity/metadata/saml2", self.options.issuer);
            let wrong = |error: reqwest::Error| AppError::Provider(error.to_string());
            let answer = self.http.get(address).send().await.map_err(wrong)?;
            let text = answer.text().await.map_err(wrong)?;
            Provider::read(&text).ok_or_else(|| AppError::Provider("no metadata".into()))
        };
        self.provider.get_or_try_init(read).await
    }

    fn put(&self, entry: Entry) -> String {
        let id = CsrfToken::new_random_len(32).secret().to_owned();
        self.entries().insert(id.clone(), entry);
        id
    }
}

/// Runs the application until the process ends.
///
/// # Errors
/// [`AppError`] when its files or its port can't be used.
pub async fn run(options: AppOptions) -> Result<(), AppError> {
    let port = options.port;
    let tls = listen::tls(&options)?;
    let app = Arc::new(App {
        http: crate::provider::http_client(&options)?,
        options,
        provider: OnceCell::new(),
        entries: Mutex::default(),
        changed: Arc::default(),
    });
    let router = Router::new()
        .route("/", get(home))
        .route("/login", get(login))
        .route("/home.jsp", post(assertion))
        .route("/soap", post(soap))
        .route("/logout", get(logout))
        .route("/logged-out", post(logged_out))
        .route("/events", get(events))
        .route("/page.js", get(crate::script))
        .route("/post.js", get(post_script))
        .route("/page.css", get(crate::style))
        .with_state(app);
    let listener = listen::TlsListener::bind(port, tls).await?;
    axum::serve(listener, router).await.map_err(|error| AppError::Port(port, error))
}

async fn post_script() -> Response {
    answer(StatusCode::OK, "text/javascript; charset=utf-8", pages::POST_SCRIPT)
}

/// A page whose form the browser posts to the identity server.
fn form(app: &App, action: &str, name: &str, value: &str) -> Response {
    html(StatusCode::OK, pages::form(&app.options, action, (name, value)))
}

fn failed(app: &App, error: &str) -> Response {
    html(StatusCode::BAD_REQUEST, pages::message(&app.options, "Sign-in failed", error))
}

async fn home(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let id = app.session_id(&headers);
    // On the first visit the user may be signed in at the identity server already: ask once, without a page.
    let known = id.as_ref().is_some_and(|id| app.entries().contains_key(id));
    let asked = format!("{}-asked", app.cookie_name());
    if !known && cookie(&headers, &asked).is_none() {
        let mut response = begin(&app, true).await;
        add_cookie(&mut response, &format!("{asked}=1; Path=/; Secure; HttpOnly; Max-Age=60"));
        return response;
    }
    let page = {
        let entries = app.entries();
        match id.as_ref().and_then(|id| entries.get(id)) {
            Some(Entry::In(person)) => {
                let facts =
                    [("NameID", &*person.name_id), ("SessionIndex", &*person.session_index)];
                pages::signed_in(&app.options, &person.name, &facts)
            }
            Some(Entry::Out(name)) => pages::told(&app.options, name),
            Some(Entry::Asked(_)) | None => pages::home(&app.options, None),
        }
    };
    html(StatusCode::OK, page)
}

async fn login(State(app): State<Arc<App>>) -> Response {
    begin(&app, false).await
}

async fn begin(app: &App, passive: bool) -> Response {
    let provider = match app.provider().await {
        Ok(provider) => provider,
        Err(error) => return failed(app, &error.to_string()),
    };
    let request = format!("_{}", CsrfToken::new_random_len(16).secret());
    let acs = app.own("/home.jsp");
    let value = messages::sign_on(&request, &app.options.client_id, (&acs, passive), provider);
    let id = app.put(Entry::Asked(request));
    let mut response = form(app, &provider.sign_on, "SAMLRequest", &value);
    // None: the cookie has to come along when the identity server's page posts the answer.
    let cookie = format!("{}={id}; Path=/; Secure; HttpOnly; SameSite=None", app.cookie_name());
    add_cookie(&mut response, &cookie);
    response
}

fn field(body: &[u8], name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(body);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

async fn assertion(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let provider = match app.provider().await {
        Ok(provider) => provider,
        Err(error) => return failed(&app, &error.to_string()),
    };
    // The request is taken out of this browser's session: a second answer finds none.
    let asked = app.session_id(&headers).and_then(|id| app.entries().remove(&id));
    let Some(Entry::Asked(request)) = asked else {
        return failed(&app, "This sign-in was not begun in this browser. Begin again.");
    };
    let value = field(&body, "SAMLResponse").unwrap_or_default();
    let (me, acs) = (&app.options.client_id, app.own("/home.jsp"));
    match messages::person(&value, &request, me, &acs, provider) {
        Ok(person) => {
            let id = app.put(Entry::In(person));
            let mut response = redirect("/");
            set_cookie(&mut response, &app.cookie_name(), &id);
            response
        }
        // Asked without a page, and nobody is signed in; or the person said no.
        Err(messages::DECLINED) => redirect("/"),
        Err(why) => failed(&app, why),
    }
}

async fn soap(State(app): State<Arc<App>>, body: Bytes) -> Response {
    let refused = |why: &'static str| {
        tracing::warn!(why, "a logout request was refused");
        answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", why)
    };
    let Ok(provider) = app.provider().await else { return refused("no metadata") };
    let Ok(text) = std::str::from_utf8(&body) else { return refused("no UTF-8") };
    let ended = match messages::ended(text, provider) {
        Ok(ended) => ended,
        Err(why) => return refused(why),
    };
    for entry in app.entries().values_mut() {
        if let Entry::In(person) = entry
            && person.session_index == ended.session_index
        {
            *entry = Entry::Out(person.name.clone());
        }
    }
    app.changed.notify_waiters();
    let id = format!("_{}", CsrfToken::new_random_len(16).secret());
    let envelope = messages::followed(&id, &ended.id, &app.options.client_id);
    answer(StatusCode::OK, "text/xml; charset=utf-8", envelope)
}

async fn logout(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let removed = app.session_id(&headers).and_then(|id| app.entries().remove(&id));
    let Some(Entry::In(person)) = removed else { return redirect("/") };
    match app.provider().await {
        Ok(provider) => {
            let id = format!("_{}", CsrfToken::new_random_len(16).secret());
            let value = messages::logout(&id, &app.options.client_id, &person, provider);
            form(&app, &provider.logout, "SAMLRequest", &value)
        }
        Err(error) => failed(&app, &error.to_string()),
    }
}

async fn logged_out() -> Response {
    redirect("/")
}

/// Tells the page when its session ends.
async fn events(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let changed = Arc::clone(&app.changed).notified_owned();
    let id = app.session_id(&headers);
    let over = !id.is_some_and(|id| matches!(app.entries().get(&id), Some(Entry::In(_))));
    let stream = futures_util::stream::once(async move {
        if !over {
            changed.await;
        }
        Ok::<_, std::convert::Infallible>(Bytes::from_static(b"event: signed-out\ndata: \n\n"))
    });
    answer(StatusCode::OK, "text/event-stream", axum::body::Body::from_stream(stream))
}
