//! Two nodes on one database, with pauses between statements.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sojourn_crypto::{MasterKey, PasswordPolicy, SystemRng};
use sojourn_engine::directory::{NewApplication, NewUser, PasswordGiven};
use sojourn_engine::sign_in::{Credentials, SignInError, SignedIn, Visit};
use sojourn_engine::tokens::{AuthorizeOutcome, BindingProof, Read, TokenAnswer, TokenError};
use sojourn_engine::{
    Authority, Engine, EngineError, EngineParts, HandlerSettings, RoleDirection, Settings,
    ensure_master_key,
};
use sojourn_model::{
    AccessTokenBinding, AppKind, AppOwner, Application, ApplicationSettings, EventName, Level,
    OidcSettings, Session, Tenant, User,
};
use sojourn_oidc::{AuthorizeRequest, ClaimsRequest, Prompt, ReplyTo, ResponseMode, ResponseType};
use sojourn_server::HashPool;
use sojourn_server::letters::Writer;
use sojourn_server::outgoing::{Outgoing, OutgoingOptions};
use sojourn_store::pauses::Pause;
use sojourn_store::{PostgresOptions, Store};

use super::Dice;
use crate::clock::TestClock;
use crate::store::{Engine as Database, TestStore};

const CALLBACK: &str = "https://app.test/callback";
/// Number of users on the nodes.
pub(crate) const PEOPLE: usize = 8;
/// The applications, one for each kind of token binding.
pub(crate) const APPS: [(&str, AccessTokenBinding); 3] = [
    ("bound", AccessTokenBinding::SsoSession),
    ("cookied", AccessTokenBinding::Cookie),
    ("shared", AccessTokenBinding::None),
];

/// Two nodes with users and applications. The clock stands still unless it is moved.
pub struct Nodes {
    engines: [Engine; 2],
    /// The same two nodes for checks, which need no pauses.
    lookers: [Engine; 2],
    /// The default tenant, which all users belong to.
    pub tenant: Tenant,
    /// The clock that both nodes share.
    pub clock: Arc<TestClock>,
    /// Users `person-0` and so on, with the password `password`.
    pub people: Vec<User>,
    apps: Vec<Application>,
    pausing: Arc<AtomicBool>,
    /// The database that both nodes share.
    pub test: TestStore,
}

/// Returns a pause that sometimes sleeps for a short time.
fn pauses(seed: u64, pausing: &Arc<AtomicBool>) -> Pause {
    let dice = Arc::new(Mutex::new(Dice::new(seed)));
    let pausing = Arc::clone(pausing);
    let count = Arc::new(AtomicU64::new(0));
    Arc::new(move |_| {
        let (dice, count) = (Arc::clone(&dice), Arc::clone(&count));
        let wanted = pausing.load(Ordering::Relaxed);
        Box::pin(async move {
            count.fetch_add(1, Ordering::Relaxed);
            let throw = dice.lock().expect("nobody panicked").below(100);
            #[expect(clippy::disallowed_methods, reason = "the pause is what this is for")]
            match throw {
                _ if !wanted => {}
                0..70 => {}
                70..85 => tokio::task::yield_now().await,
                85..97 => tokio::time::sleep(Duration::from_millis(1 + throw % 3)).await,
                _ => tokio::time::sleep(Duration::from_millis(15)).await,
            }
        })
    })
}

fn settings() -> Settings {
    let mut settings = Settings {
        base_url: "https://id.test".into(),
        password: PasswordPolicy { memory_kib: 8, iterations: 1, lanes: 1 },
        handlers: vec![HandlerSettings::session_termination(
            vec![EventName::PostUpdateRoleListOfUser, EventName::PostUpdateUserListOfRole],
            RoleDirection::Any,
        )],
        ..Settings::default()
    };
    settings.throttle.per_account = i64::MAX;
    settings.throttle.per_address = i64::MAX;
    settings
}

fn engine(store: Store, key: &MasterKey, clock: &Arc<TestClock>) -> Engine {
    let outgoing = OutgoingOptions { allow_private: true, timeout_ms: 500, ca_pem: None };
    let made = Engine::new(EngineParts {
        store,
        master_keys: vec![key.clone()],
        clock: Arc::clone(clock) as Arc<dyn sojourn_model::Clock>,
        rng: Arc::new(SystemRng),
        offload: Arc::new(HashPool::default()),
        fetcher: Arc::new(Outgoing::new(outgoing)),
        letters: Arc::new(Writer::default()),
        settings: settings(),
    });
    made.expect("an engine")
}

impl Nodes {
    /// Starts both nodes on a new database.
    pub async fn start(database: Database, seed: u64) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let test = TestStore::new(database).await;
        // Each node and each looker has its own connections: a pause must not delay anything else.
        let open = async || match &test.url {
            None => test.store.clone(),
            Some(url) => {
                let options = PostgresOptions::new(url.clone(), 16);
                Store::open_postgres(&options).await.expect("a node")
            }
        };
        let pausing = Arc::new(AtomicBool::new(false));
        let key = MasterKey::generate(1, &SystemRng);
        ensure_master_key(&test.store, std::slice::from_ref(&key)).await.expect("a master key");
        let clock = Arc::new(TestClock::default());
        let engines = [
            engine(open().await.paused(pauses(seed, &pausing)), &key, &clock),
            engine(open().await.paused(pauses(seed + 1, &pausing)), &key, &clock),
        ];
        let lookers = [engine(open().await, &key, &clock), engine(open().await, &key, &clock)];
        let tenant = engines[0].bootstrap().await.expect("an installation");
        let mut apps = Vec::new();
        for (name, binding) in APPS {
            apps.push(declare(&engines[0], &tenant, name, binding).await);
        }
        let mut people = Vec::new();
        for number in 0..PEOPLE {
            let new = NewUser { username: format!("person-{number}"), ..NewUser::default() };
            let password = Some(PasswordGiven::Declared("password".into()));
            let made = engines[0].add_user_with(&tenant, new, password, &Authority::system()).await;
            people.push(made.expect("a user"));
        }
        pausing.store(true, Ordering::Relaxed);
        Self { engines, lookers, tenant, clock, people, apps, pausing, test }
    }

    /// Turns the pauses off from now on.
    pub fn without_pauses(&self) {
        self.pausing.store(false, Ordering::Relaxed);
    }

    /// Returns a code from the first node; panics if there is none.
    pub async fn calm_code(&self, session: &Session, client_id: &str) -> String {
        let code = self.code(0, session, client_id, false).await.expect("no failure");
        code.expect("a code")
    }

    /// Returns a node's engine, with pauses.
    #[must_use]
    pub fn engine(&self, node: usize) -> &Engine {
        &self.engines[node]
    }

    /// Returns a node's engine, without pauses.
    #[must_use]
    pub fn calm(&self, node: usize) -> &Engine {
        &self.lookers[node]
    }

    /// Returns the application as this node knows it.
    async fn app(&self, node: usize, client_id: &str) -> Result<Arc<Application>, EngineError> {
        let found = self.engines[node].application_by_client(self.tenant.id, client_id).await?;
        found.ok_or(EngineError::NotFound("application"))
    }

    /// Returns an application as it was registered.
    #[must_use]
    pub fn registered(&self, client_id: &str) -> &Application {
        self.apps.iter().find(|app| app.client_id == client_id).expect("registered")
    }

    /// Signs a user in on a node.
    ///
    /// # Errors
    /// The errors of the use case.
    pub async fn sign_in(&self, node: usize, person: usize) -> Result<SignedIn, SignInError> {
        let typed = Credentials::new(format!("person-{person}"), "password");
        let visit = Visit { ip: "192.0.2.1".into(), ..Visit::default() };
        self.engines[node].sign_in(&self.tenant, &typed, &visit).await
    }

    /// Returns a code for an application; `None` if the session has ended.
    ///
    /// # Errors
    /// The errors of the use case.
    pub async fn code(
        &self,
        node: usize,
        session: &Session,
        client_id: &str,
        offline: bool,
    ) -> Result<Option<String>, TokenError> {
        let app = self.app(node, client_id).await?;
        let scopes = if offline { vec!["offline_access", "openid"] } else { vec!["openid"] };
        let request = AuthorizeRequest {
            reply: ReplyTo {
                redirect_uri: CALLBACK.into(),
                mode: ResponseMode::Query,
                state: None,
            },
            response_type: ResponseType::CODE,
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            nonce: None,
            challenge: None,
            prompt: Prompt::default(),
            max_age: None,
            login_hint: None,
            id_token_hint: None,
            claims: ClaimsRequest::default(),
            acr_values: Vec::new(),
            least_level: Level::One,
            unmet: None,
        };
        let engine = &self.engines[node];
        let stay = engine.reads(self.tenant.id).participation(session.id, app.id).await?;
        let read = Read { stay: stay.as_ref(), approved: None };
        let browser = Some("browser");
        match engine.authorize(&self.tenant, &app, session, &request, read, browser).await? {
            AuthorizeOutcome::Answer(answer) => Ok(answer.code),
            AuthorizeOutcome::SessionGone | AuthorizeOutcome::ApprovalGone => Ok(None),
        }
    }

    /// Redeems a code for tokens.
    ///
    /// # Errors
    /// The errors of the use case.
    pub async fn redeem(
        &self,
        node: usize,
        client_id: &str,
        code: &str,
    ) -> Result<TokenAnswer, TokenError> {
        let app = self.app(node, client_id).await?;
        self.engines[node].redeem_code(&self.tenant, &app, code, Some(CALLBACK), None).await
    }

    /// Redeems a refresh token for new tokens.
    ///
    /// # Errors
    /// The errors of the use case.
    pub async fn refresh(
        &self,
        node: usize,
        client_id: &str,
        token: &str,
    ) -> Result<TokenAnswer, TokenError> {
        let app = self.app(node, client_id).await?;
        let proof = BindingProof::default();
        self.engines[node].refresh(&self.tenant, &app, token, None, &proof).await
    }

    /// Whether a node accepts an access token.
    ///
    /// # Errors
    /// The errors of the use case.
    pub async fn is_active(&self, node: usize, token: &str) -> Result<bool, EngineError> {
        Ok(self.lookers[node].check_access(&self.tenant, token).await?.is_some())
    }

    /// Whether a node refuses a code or a refresh token, tried without pauses.
    ///
    /// # Errors
    /// The errors of the use case.
    pub async fn is_refused(
        &self,
        node: usize,
        client_id: &str,
        code: Option<&str>,
        refresh: Option<&str>,
    ) -> Result<bool, TokenError> {
        let app = self.app(node, client_id).await?;
        let engine = &self.lookers[node];
        let answer = match (code, refresh) {
            (_, Some(token)) => {
                let proof = BindingProof::default();
                engine.refresh(&self.tenant, &app, token, None, &proof).await
            }
            (Some(code), None) => {
                engine.redeem_code(&self.tenant, &app, code, Some(CALLBACK), None).await
            }
            (None, None) => return Ok(true),
        };
        match answer {
            Ok(_) => Ok(false),
            Err(TokenError::Refused(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

async fn declare(
    engine: &Engine,
    tenant: &Tenant,
    name: &str,
    token_binding: AccessTokenBinding,
) -> Application {
    let new = NewApplication {
        client_id: name.into(),
        name: name.into(),
        secret: Some("secret".into()),
        backchannel_logout_uri: Some(format!("https://{name}.test/bclogout")),
        settings: ApplicationSettings {
            oidc: OidcSettings {
                redirect_uris: vec![CALLBACK.into()],
                token_binding,
                ..OidcSettings::default()
            },
            ..ApplicationSettings::default()
        },
        kind: AppKind::Client,
        owner: AppOwner::Database,
    };
    engine.declare_application(tenant, new).await.expect("an application")
}
