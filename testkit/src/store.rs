//! Empty stores on either engine, and the rows that most tests start with.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use sojourn_model::{
    AccessTokenBinding, Actor, AppId, AppKind, AppOwner, Application, ApplicationSettings,
    ChangeSet, Effects, EndId, EndReason, EndSessions, EndTarget, Grant, GrantId, GrantKind,
    Method, Millis, Op, Outcome, Participation, PasswordDue, Proofs, Session, SessionId,
    SessionState, Sid, Tenant, TenantId, User, UserId, UserState, grant::CodeState,
};
use sojourn_store::{PostgresOptions, SqliteOptions, Store};

/// The tenant of most tests.
pub const T: TenantId = TenantId::DEFAULT;
/// The time at which most tests start.
pub const NOW: Millis = Millis(1_760_000_000_000);

/// A database engine under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, embedded in the test process.
    Sqlite,
    /// A PostgreSQL server that the test process starts.
    Postgres,
}

impl Engine {
    /// Both engines, for tests that run on each.
    pub const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];
}

/// A temporary folder that is removed when the test ends.
#[derive(Debug)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// Creates a new empty folder.
    #[must_use]
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("sojourn-test-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Creates an SQLite file from a dump.
pub fn load_sqlite(path: &std::path::Path, dump: &str) {
    let connection = rusqlite::Connection::open(path).expect("opens");
    connection.execute_batch(dump).expect("the dump runs");
}

/// An empty, migrated store.
#[derive(Clone)]
pub struct TestStore {
    /// The opened store under test.
    pub store: Store,
    /// Connection string for a second store on the same PostgreSQL database.
    pub url: Option<String>,
    /// Folder of the SQLite file.
    pub folder: Option<std::sync::Arc<Folder>>,
}

impl TestStore {
    /// Creates a store with the default tenant in it.
    pub async fn new(engine: Engine) -> Self {
        let made = match engine {
            Engine::Sqlite => {
                let folder = Folder::new();
                let store = Store::open_sqlite(&SqliteOptions::at(folder.0.join("sojourn.db")))
                    .expect("an SQLite store");
                Self { store, url: None, folder: Some(folder.into()) }
            }
            Engine::Postgres => {
                let url = super::postgres::empty_database().await;
                let options = PostgresOptions::new(url.clone(), 8);
                let store = Store::open_postgres(&options).await.expect("a PostgreSQL store");
                Self { store, url: Some(url), folder: None }
            }
        };
        let tenant = Tenant::default_one();
        made.must(ChangeSet::of(T, Op::CreateTenant(tenant))).await;
        made
    }

    /// Applies a change set; panics if it isn't applied.
    pub async fn must(&self, change: ChangeSet) -> sojourn_model::Applied {
        match self.store.apply(change).await.expect("the database works") {
            Outcome::Applied(applied) => applied,
            other => panic!("not applied: {other:?}"),
        }
    }

    /// Creates a user without a password.
    pub async fn user(&self, name: &str) -> UserId {
        let user = user(name);
        let id = user.id;
        self.must(ChangeSet::of(T, Op::CreateUser(user))).await;
        id
    }

    /// Creates an application with a back-channel logout URI.
    pub async fn app(&self, name: &str) -> AppId {
        let app = application(name, Some(format!("https://{name}.test/bclogout")));
        let id = app.id;
        self.must(ChangeSet::of(T, Op::SaveApplication(Box::new(app)))).await;
        id
    }

    /// Starts a session of a user.
    pub async fn session(&self, user: UserId) -> SessionId {
        let session = session(user);
        let id = session.id;
        let epoch = self.store.user(T, user).await.expect("read").expect("the user").epoch;
        self.must(ChangeSet::of(T, Op::StartSession { session, epoch, limit: None })).await;
        id
    }

    /// Adds a stay of a session in an application.
    pub async fn stay(&self, user: UserId, session: SessionId, app: AppId) -> Sid {
        let participation = participation(user, session, app);
        let sid = participation.sid;
        self.must(ChangeSet::of(T, Op::AddParticipation { participation, now: NOW })).await;
        sid
    }

    /// Issues a grant and redeems its code.
    pub async fn grant(&self, grant: Grant) -> GrantId {
        let id = grant.id;
        let redeem =
            Op::RedeemCode { grant: id, at: NOW, refresh: true, expires_at: NOW.plus(86_400_000) };
        let issue = Op::IssueGrant { grant: Box::new(grant), now: NOW };
        self.must(ChangeSet::of(T, issue).with(redeem)).await;
        id
    }
}

/// Returns random bytes for ids.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    sojourn_model::time::random(&sojourn_crypto::SystemRng)
}

/// Returns an account without a password.
#[must_use]
pub fn user(name: &str) -> User {
    User {
        tenant: T,
        id: UserId::random(&sojourn_crypto::SystemRng),
        username: name.into(),
        password_hash: None,
        display_name: None,
        given_name: None,
        family_name: None,
        email: None,
        email_verified: false,
        state: UserState::Active,
        password_due: PasswordDue::No,
        version: 1,
        external_id: None,
        attributes: "{}".into(),
        unlock_at: None,
        factors: 0,
        recovers_at: None,
        epoch: 0,
        created_at: NOW,
        updated_at: NOW,
        profile: "{}".into(),
    }
}

/// Returns an enabled client application; its `client_id` is its name.
#[must_use]
pub fn application(name: &str, backchannel_logout_uri: Option<String>) -> Application {
    Application {
        tenant: T,
        id: AppId::random(&sojourn_crypto::SystemRng),
        number: 0,
        version: 1,
        client_id: name.into(),
        name: name.into(),
        kind: AppKind::Client,
        owner: AppOwner::Database,
        enabled: true,
        epoch: 0,
        secret_hash: None,
        backchannel_logout_uri,
        settings: ApplicationSettings::default(),
    }
}

/// Returns a session of fifteen minutes.
#[must_use]
pub fn session(user: UserId) -> Session {
    Session {
        tenant: T,
        id: SessionId(bytes()),
        user,
        secret_hash: bytes(),
        signed_in_at: NOW,
        auth_time: NOW,
        amr: "pwd".into(),
        proofs: Proofs::of(Method::Password, NOW),
        remember: false,
        ip: "127.0.0.1".into(),
        user_agent: "test".into(),
        last_access: NOW,
        idle_timeout_ms: 900_000,
        idle_deadline: NOW.plus(900_000),
        absolute_deadline: None,
        state: SessionState::Living,
        sign_in_due: false,
    }
}

/// Returns a stay of a session in an application.
#[must_use]
pub fn participation(user: UserId, session: SessionId, app: AppId) -> Participation {
    Participation {
        tenant: T,
        session,
        app,
        sid: Sid(bytes()),
        user,
        sub: user.to_string(),
        first_access: NOW,
        last_access: NOW,
        cut: 0,
    }
}

/// Returns a grant with a code that hasn't been redeemed.
#[must_use]
pub fn grant(user: UserId, session: SessionId, app: AppId, sid: Sid) -> Grant {
    Grant {
        tenant: T,
        id: GrantId(bytes()),
        user,
        app,
        session: Some(session),
        sid,
        sub: user.to_string(),
        kind: GrantKind::Code,
        scopes: "openid".into(),
        offline: false,
        binding: AccessTokenBinding::SsoSession,
        auth_time: NOW,
        created_at: NOW,
        expires_at: NOW.plus(60_000),
        code: CodeState::Issued {
            redirect_uri: "https://app.test/cb".into(),
            challenge: None,
            nonce: None,
        },
        token_number: 0,
        token_issued_at: Millis(0),
        refresh_generation: 0,
        refresh_issued_at: Millis(0),
        ended: false,
        outlives_logout: false,
        stay_cut: 0,
        detail: "{}".into(),
    }
}

/// Returns a sign-out of one target by the system.
#[must_use]
pub fn end_of(target: EndTarget) -> EndSessions {
    EndSessions {
        id: EndId(bytes()),
        tenant: T,
        targets: vec![target],
        effects: Effects::SIGN_OUT,
        applications: None,
        reason: EndReason::Admin,
        actor: Actor::System,
        at: NOW,
        issuer: "https://id.test".into(),
        delivery_lifetime_ms: 86_400_000,
        slack_ms: 0,
        spare_kept: false,
        lease_ms: 0,
    }
}

impl TestStore {
    /// Pretends that a newer program migrated the database.
    pub async fn newer_schema(&self, version: i64, needs: i64) {
        let statements = format!(
            "UPDATE meta SET value = '{version}' WHERE name = 'schema_version';
             UPDATE meta SET value = '{needs}' WHERE name = 'schema_needs';"
        );
        self.run(&statements).await;
    }

    /// Runs SQL statements on a separate connection, as another program would.
    pub async fn run(&self, statements: &str) {
        if let Some(folder) = &self.folder {
            let connection =
                rusqlite::Connection::open(folder.0.join("sojourn.db")).expect("opens");
            connection.execute_batch(statements).expect("runs");
        } else if let Some(url) = &self.url {
            let (client, connection) =
                tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connects");
            let driver = tokio::spawn(connection);
            client.batch_execute(statements).await.expect("runs");
            drop(client);
            let _ = driver.await;
        }
    }

    /// Returns SQLite's query plan of a statement, a line for each table.
    #[must_use]
    pub fn sqlite_plan(&self, statement: &sojourn_store::dialect::Statement) -> Vec<String> {
        let folder = self.folder.as_ref().expect("an SQLite store");
        let connection = rusqlite::Connection::open(folder.0.join("sojourn.db")).expect("opens");
        let stable = rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
        connection.set_db_config(stable, true).expect("as the store does");
        let text = format!("EXPLAIN QUERY PLAN {}", statement.sqlite());
        let mut prepared = connection.prepare(&text).expect("a plan");
        let mut rows = prepared.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().expect("a row") {
            lines.push(row.get::<_, String>(3).expect("text"));
        }
        lines
    }

    /// Returns a setting of the PostgreSQL server, as a connection sees it.
    pub async fn postgres_setting(&self, name: &str) -> String {
        let url = self.url.as_ref().expect("a PostgreSQL store");
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connects");
        let driver = tokio::spawn(connection);
        let row = client.query_one(&format!("SHOW {name}"), &[]).await.expect("a setting");
        let value = row.get(0);
        drop(client);
        let _ = driver.await;
        value
    }

    /// Counts the rows of a table.
    pub async fn count(&self, table: &str) -> i64 {
        let text = format!("SELECT count(*) FROM {table}");
        if let Some(folder) = &self.folder {
            let connection =
                rusqlite::Connection::open(folder.0.join("sojourn.db")).expect("opens");
            return connection.query_row(&text, [], |row| row.get(0)).expect("counted");
        }
        let url = self.url.as_ref().expect("a PostgreSQL store");
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connects");
        let driver = tokio::spawn(connection);
        let count = client.query_one(&text, &[]).await.expect("counted").get(0);
        drop(client);
        let _ = driver.await;
        count
    }

    /// Returns how many deadlocks PostgreSQL has resolved in this database; 0 on SQLite.
    pub async fn deadlocks(&self) -> u64 {
        let Some(url) = &self.url else { return 0 };
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connects");
        let driver = tokio::spawn(connection);
        let text = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        let row = client.query_one(text, &[]).await.expect("counted");
        let count: i64 = row.get(0);
        drop(client);
        let _ = driver.await;
        u64::try_from(count).unwrap_or(0)
    }

    /// Opens the same database once more.
    ///
    /// # Errors
    /// The errors of opening the store.
    pub async fn reopen(&self) -> Result<Store, sojourn_store::StoreError> {
        match (&self.folder, &self.url) {
            (Some(folder), _) => {
                Store::open_sqlite(&SqliteOptions::at(folder.0.join("sojourn.db")))
            }
            (_, Some(url)) => Store::open_postgres(&PostgresOptions::new(url.clone(), 4)).await,
            _ => unreachable!("a store has one or the other"),
        }
    }
}
