//! A server in this process, on a clock that the test moves, with users and applications that use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use reqwest::header;
use serde_json::Value;
use sojourn_crypto::{MasterKey, PasswordPolicy, SystemRng, b64url, sha256};
use sojourn_engine::directory::{NewApplication, NewUser, PasswordGiven, RoleChange};
use sojourn_engine::{
    AuditPlace, AuditQuestion, Authority, Engine, EngineParts, HandlerSettings, Settings,
    ensure_master_key,
};
use sojourn_model::{
    AppKind, AppOwner, Application, ApplicationSettings, EventName, OidcSettings, Tenant, TenantId,
    User,
};
use sojourn_server::letters::Writer;
use sojourn_server::outgoing::{Outgoing, OutgoingOptions};
use sojourn_server::{HashPool, Running, ServerOptions};
use url::Url;

use crate::clock::TestClock;
use crate::store::{Engine as Database, Folder};

/// A PKCE verifier; its challenge is [`CHALLENGE`].
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 challenge of [`VERIFIER`].
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// Redirect URI of the tests' applications. No server listens there.
pub const CALLBACK: &str = "https://app.test/callback";

/// A running server, with what a test needs to prepare and observe it.
pub struct TestServer {
    /// Issuer and base URL of the server.
    pub base: String,
    /// The server's engine, to prepare data.
    pub engine: Arc<Engine>,
    /// The server's clock, which the test moves.
    pub clock: Arc<TestClock>,
    /// The pool that computes its password hashes.
    pub hashes: Arc<HashPool>,
    /// The server's database, for states that no use case creates.
    pub store: sojourn_store::Store,
    /// The default tenant of the server.
    pub tenant: Tenant,
    /// An HTTP client that keeps no cookies.
    pub http: reqwest::Client,
    running: Option<Running>,
    _folder: Folder,
}

/// A response with its complete body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status code of the response.
    pub status: u16,
    /// HTTP headers of the response.
    pub headers: header::HeaderMap,
    /// Body of the response as text.
    pub body: String,
}

impl Answer {
    /// Reads a response with its body.
    pub async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    /// Parses the body as JSON; panics if it isn't JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Returns the text of a header; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Returns the URL of a redirect; empty if it isn't one.
    #[must_use]
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// Returns a query parameter of the URL of a redirect.
    #[must_use]
    pub fn redirect_param(&self, name: &str) -> Option<String> {
        let url = Url::parse(self.location()).ok()?;
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Returns a parameter in the fragment of the URL of a redirect.
    #[must_use]
    pub fn fragment_param(&self, name: &str) -> Option<String> {
        let (_, fragment) = self.location().split_once('#')?;
        form_urlencoded::parse(fragment.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Returns the value of a hidden field of a form; empty if there is none.
    #[must_use]
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.body.split_once(&start).map(|(_, rest)| rest).unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl TestServer {
    /// Starts a server with an SQLite file and the article's handler.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a server on SQLite with changed settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::on(Database::Sqlite, change).await
    }

    /// Starts a server on either database with changed settings.
    pub async fn on(database: Database, change: impl FnOnce(&mut Settings)) -> Self {
        Self::with_options(database, change, |_| {}).await
    }

    /// Starts a server on either database with changed settings and server options.
    pub async fn with_options(
        database: Database,
        change: impl FnOnce(&mut Settings),
        serve: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let folder = Folder::new();
        let store = match database {
            Database::Sqlite => sojourn_store::Store::open_sqlite(
                &sojourn_store::SqliteOptions::at(folder.0.join("sojourn.db")),
            )
            .expect("a store"),
            Database::Postgres => {
                let url = crate::postgres::empty_database().await;
                let options = sojourn_store::PostgresOptions::new(url, 8);
                sojourn_store::Store::open_postgres(&options).await.expect("a store")
            }
        };
        Self::over((store, folder), change, serve).await
    }

    /// Starts a server on an opened database; the folder is kept as long as the server.
    pub async fn over(
        (store, folder): (sojourn_store::Store, Folder),
        change: impl FnOnce(&mut Settings),
        serve: impl FnOnce(&mut ServerOptions),
    ) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("its address"));
        let clock = Arc::new(TestClock::default());
        let mut settings = Settings {
            base_url: base.clone(),
            password: PasswordPolicy { memory_kib: 64, iterations: 1, lanes: 1 },
            handlers: vec![HandlerSettings::session_termination(
                vec![EventName::PostUpdateRoleListOfUser, EventName::PostUpdateUserListOfRole],
                sojourn_engine::RoleDirection::Any,
            )],
            ..Settings::default()
        };
        change(&mut settings);
        let master_keys = vec![MasterKey::generate(1, &SystemRng)];
        let outgoing = OutgoingOptions { allow_private: true, timeout_ms: 500, ca_pem: None };
        ensure_master_key(&store, &master_keys).await.expect("a master key");
        let mut options = ServerOptions { outgoing: outgoing.clone(), ..ServerOptions::default() };
        serve(&mut options);
        let hashes = Arc::new(HashPool::default());
        let kept = store.clone();
        let engine = Engine::new(EngineParts {
            store,
            master_keys,
            clock: Arc::clone(&clock) as Arc<dyn sojourn_model::Clock>,
            rng: Arc::new(SystemRng),
            offload: Arc::clone(&hashes) as Arc<dyn sojourn_engine::Offload>,
            fetcher: Arc::new(Outgoing::new(outgoing)),
            letters: Arc::new(Writer { languages: options.languages.clone(), ..Writer::default() }),
            settings,
        });
        let engine = Arc::new(engine.expect("an engine"));
        let tenant = engine.bootstrap().await.expect("an installation");
        let running =
            Running::start(listener, Arc::clone(&engine), options).expect("a running server");
        let http = crate::program::client();
        Self {
            base,
            engine,
            clock,
            hashes,
            store: kept,
            tenant,
            http,
            running: Some(running),
            _folder: folder,
        }
    }

    /// Returns the address of the metrics, if they have a separate one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<std::net::SocketAddr> {
        self.running.as_ref().and_then(|running| running.metrics_address)
    }

    /// Shuts the server down gracefully.
    pub async fn stop(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// Creates a second tenant, with the id 2.
    pub async fn second_tenant(&self, name: &str) -> Tenant {
        let tenant = Tenant {
            id: TenantId(2),
            name: name.into(),
            enabled: true,
            created_at: self.engine.now(),
            look: sojourn_model::Look::default(),
            sign_up: sojourn_model::SignUp::default(),
        };
        self.engine.ensure_tenant(&tenant).await.expect("a tenant");
        tenant
    }

    /// Creates a user with a password and roles; missing roles are created.
    pub async fn user(&self, name: &str, password: &str, roles: &[&str]) -> User {
        self.user_in(&self.tenant, name, password, roles).await
    }

    /// Creates a user in any tenant, like [`Self::user`].
    pub async fn user_in(
        &self,
        tenant: &Tenant,
        name: &str,
        password: &str,
        roles: &[&str],
    ) -> User {
        let new = NewUser {
            username: name.into(),
            display_name: Some(format!("{name} the tester")),
            email: Some(format!("{name}@example.test")),
            ..NewUser::default()
        };
        let password = Some(PasswordGiven::Declared(password.into()));
        let made = self.engine.add_user_with(tenant, new, password, &Authority::system()).await;
        let user = made.expect("a user");
        for role in roles {
            if self.engine.role_named(tenant, role).await.is_err() {
                self.engine.add_role(tenant, role, "", &Authority::system()).await.expect("a role");
            }
            let role = self.engine.role_named(tenant, role).await.expect("the role");
            let assign = RoleChange::Assign;
            self.engine
                .change_role(tenant, &role, &user, assign, &Authority::system())
                .await
                .expect("assigned");
        }
        user
    }

    /// Creates an application with the secret `secret`, adjusted by `change`.
    pub async fn app(
        &self,
        client_id: &str,
        change: impl FnOnce(&mut NewApplication),
    ) -> Application {
        self.app_in(&self.tenant, client_id, change).await
    }

    /// Creates an application in any tenant, like [`Self::app`].
    pub async fn app_in(
        &self,
        tenant: &Tenant,
        client_id: &str,
        change: impl FnOnce(&mut NewApplication),
    ) -> Application {
        let mut new = NewApplication {
            client_id: client_id.into(),
            name: client_id.into(),
            secret: Some("secret".into()),
            backchannel_logout_uri: None,
            settings: ApplicationSettings {
                oidc: OidcSettings {
                    redirect_uris: vec![CALLBACK.into()],
                    post_logout_redirect_uris: vec!["https://app.test/bye".into()],
                    ..OidcSettings::default()
                },
                ..ApplicationSettings::default()
            },
            kind: AppKind::Client,
            owner: AppOwner::Database,
        };
        change(&mut new);
        self.engine.declare_application(tenant, new).await.expect("an application")
    }

    /// Returns the newest rows of the audit log.
    pub async fn audit(&self, limit: usize) -> Vec<sojourn_engine::AuditEntry> {
        let (question, from) = (AuditQuestion::default(), AuditPlace::NEWEST);
        let page = self.engine.audit(&self.tenant, &question, from, limit).await;
        page.expect("the audit log is read").rows
    }

    /// Returns the ended sessions, latest end first.
    pub async fn ledger(&self, limit: i64) -> Vec<sojourn_model::Session> {
        let (range, stop) = (sojourn_store::SessionRange::Ended, sojourn_model::Millis(0));
        let place = sojourn_store::Place::LAST;
        let found = self.engine.reads(self.tenant.id).sessions_below(&range, place, stop, limit);
        found.await.expect("read")
    }

    /// Returns a browser without cookies.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser::new(&self.base, self.http.clone())
    }

    /// Returns a browser in which a user is signed in.
    pub async fn signed_in(&self, name: &str, password: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in(name, password).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    /// Posts a form, authenticated by HTTP Basic if a client is given.
    pub async fn post(
        &self,
        path: &str,
        client: Option<(&str, &str)>,
        form: &[(&str, &str)],
    ) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.base)).form(form);
        if let Some((id, secret)) = client {
            request = request.basic_auth(id, Some(secret));
        }
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Sends a request without a body, with a user name and password.
    pub async fn api(&self, method: &str, path: &str, who: (&str, &str)) -> Answer {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base));
        Answer::of(request.basic_auth(who.0, Some(who.1)).send().await.expect("an answer")).await
    }

    /// Sends a JSON body, with a user name and password.
    pub async fn send(&self, method: &str, path: &str, who: (&str, &str), body: &Value) -> Answer {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base)).json(body);
        Answer::of(request.basic_auth(who.0, Some(who.1)).send().await.expect("an answer")).await
    }

    /// Sends a JSON body like [`Self::send`], with an entity tag in `If-Match`.
    pub async fn send_if_match(
        &self,
        method: &str,
        path: &str,
        who: (&str, &str),
        (tag, body): (&str, &Value),
    ) -> Answer {
        let method = method.parse().expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base)).json(body);
        let request = request.header("if-match", tag).basic_auth(who.0, Some(who.1));
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Redeems a code at the token endpoint.
    pub async fn redeem(&self, client_id: &str, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth2/token", Some((client_id, "secret")), &form).await
    }

    /// Runs the complete code flow in a signed-in browser; returns the token endpoint's response.
    pub async fn tokens(&self, browser: &Browser, client_id: &str, scope: &str) -> Value {
        let code = browser.code(client_id, scope).await;
        let answer = self.redeem(client_id, &code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Redeems a refresh token at the token endpoint.
    pub async fn refresh(&self, client_id: &str, token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/oauth2/token", Some((client_id, "secret")), &form).await
    }

    /// Whether a token is active, as introspection reports to its own client.
    pub async fn active(&self, client_id: &str, token: &str) -> bool {
        let answer =
            self.post("/oauth2/introspect", Some((client_id, "secret")), &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = answer.json();
        if body["active"] == false {
            assert_eq!(body, serde_json::json!({"active": false}), "nothing else is told");
        }
        body["active"] == true
    }
}

/// A browser, reduced to cookies and redirects.
pub struct Browser {
    base: String,
    http: reqwest::Client,
    jar: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// Creates a browser without cookies, for a server at a base URL.
    #[must_use]
    pub fn new(base: &str, http: reqwest::Client) -> Self {
        Self { base: base.to_owned(), http, jar: Mutex::new(BTreeMap::new()) }
    }

    fn cookies(&self) -> String {
        let jar = self.jar.lock().expect("a jar");
        jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// Returns the value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.jar.lock().expect("a jar").get(name).cloned()
    }

    /// Sets a cookie in the browser.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.jar.lock().expect("a jar").insert(name.into(), value.into());
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request
            .header(header::COOKIE, self.cookies())
            .header(header::USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64) Chrome/150.0.0.0");
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        for value in answer.headers.get_all(header::SET_COOKIE) {
            let text = value.to_str().expect("text");
            let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
            let (name, value) = pair.split_once('=').expect("a pair");
            let mut jar = self.jar.lock().expect("a jar");
            if attributes.contains("Max-Age=0") {
                jar.remove(name);
            } else {
                jar.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    fn at(&self, path: &str) -> String {
        if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) }
    }

    /// Loads a page with GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.at(path))).await
    }

    /// Sends a form as a page of the server would.
    pub async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(self.at(path)).form(form).header(header::ORIGIN, &self.base);
        self.send(request).await
    }

    /// Sends a body of the media type `kind` as a page of the server would.
    pub async fn post_body(&self, path: &str, kind: &str, body: String) -> Answer {
        let request = self.http.post(self.at(path)).body(body);
        let request = request.header(header::CONTENT_TYPE, kind).header(header::ORIGIN, &self.base);
        self.send(request).await
    }

    /// Sends a form as a page of another origin would.
    pub async fn post_from(&self, origin: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let request = self.http.post(self.at(path)).form(form).header(header::ORIGIN, origin);
        self.send(request).await
    }

    /// Signs in on the default sign-in page, `/login`.
    pub async fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.sign_in_at("/login", name, password, false).await
    }

    /// Signs in on a given sign-in page.
    pub async fn sign_in_at(
        &self,
        page: &str,
        name: &str,
        password: &str,
        remember: bool,
    ) -> Answer {
        let shown = self.get(page).await;
        assert_eq!(shown.status, 200, "{shown:?}");
        let (csrf, ticket) = (shown.field("csrf"), shown.field("ticket"));
        let mut form =
            vec![("csrf", &*csrf), ("ticket", &ticket), ("username", name), ("password", password)];
        if remember {
            form.push(("remember", "on"));
        }
        let path = page.split('?').next().unwrap_or(page);
        self.post(path, &form).await
    }

    /// Sends an authorization request with additional parameters.
    pub async fn authorize(&self, client_id: &str, scope: &str, more: &[(&str, &str)]) -> Answer {
        let mut pairs = authorization(client_id, scope);
        pairs.extend(more);
        self.get(&authorize_path(&pairs)).await
    }

    /// Sends an authorization request with some parameters replaced; empty ones are left out.
    pub async fn ask(&self, client_id: &str, scope: &str, other: &[(&str, &str)]) -> Answer {
        let mut pairs = authorization(client_id, scope);
        pairs.retain(|(name, _)| !other.iter().any(|(changed, _)| changed == name));
        pairs.extend(other.iter().filter(|(_, value)| !value.is_empty()));
        self.get(&authorize_path(&pairs)).await
    }

    /// Returns a code for an application; panics if a page is shown first.
    pub async fn code(&self, client_id: &str, scope: &str) -> String {
        let answer = self.authorize(client_id, scope, &[]).await;
        answer.redirect_param("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }
}

pub fn authorization<'a>(client_id: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("scope", scope),
        ("state", "st"),
        ("nonce", "no"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

pub fn authorize_path(pairs: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth2/authorize?{query}")
}

/// Returns the claims of a JWT, unverified.
#[must_use]
pub fn claims(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).unwrap_or_default();
    let bytes = sojourn_crypto::unb64url(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JWT: {jwt}"))
}

/// Returns the header of a JWT.
#[must_use]
pub fn jwt_header(jwt: &str) -> Value {
    let part = jwt.split('.').next().unwrap_or_default();
    let bytes = sojourn_crypto::unb64url(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("no JWT: {jwt}"))
}

/// Returns the S256 challenge of a PKCE verifier.
#[must_use]
pub fn challenge(verifier: &str) -> String {
    b64url(&sha256(verifier.as_bytes()))
}
