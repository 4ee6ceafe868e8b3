//! Opens the installation that a configuration describes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sojourn_crypto::{MasterKey, SystemRng};
use sojourn_engine::directory::{NewApplication, NewUser, PasswordGiven, RoleChange};
use sojourn_engine::saml::without_openid;
use sojourn_engine::{
    Authority, Engine, EngineError, EngineParts, Mailer, Settings, ensure_master_key,
};
use sojourn_model::{AppKind, AppOwner, Clock, Role, Tenant};
use sojourn_server::language::Languages;
use sojourn_server::letters::{Templates, Writer};
use sojourn_server::mail::{MailOptions, MailTls, Post};
use sojourn_server::outgoing::{Outgoing, OutgoingOptions};
use sojourn_server::{HashPool, SystemClock};
use sojourn_store::{PostgresOptions, SqliteOptions, Store};

use crate::Failure;
use crate::config::{ApplicationSection, Config, DatabaseSection, MailTlsWord, UserSection};

/// An open installation: database and engine, with the tenant that commands work on.
pub(crate) struct Opened {
    pub(crate) engine: Arc<Engine>,
    pub(crate) tenant: Tenant,
    /// Fetches documents of applications, such as keys and metadata.
    pub(crate) fetcher: Arc<Outgoing>,
}

/// Resolves a path of the configuration, which is relative to the configuration file.
pub(crate) fn beside(config_file: &Path, path: &Path) -> PathBuf {
    match config_file.parent() {
        Some(folder) if path.is_relative() => folder.join(path),
        _ => path.to_owned(),
    }
}

/// Returns the data folder, and creates it if necessary.
pub(crate) fn data_folder(config_file: &Path, config: &Config) -> Result<PathBuf, Failure> {
    let folder = beside(config_file, &config.server.data);
    private_folder(&folder).map_err(|error| {
        Failure(format!("the data folder {} can't be created: {error}", folder.display()))
    })?;
    Ok(folder)
}

/// Creates a folder and its parents so that only the owner can access them; existing folders keep their permissions.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// Restricts a file to its owner: it may have been created by an earlier version, or copied here.
fn keep_private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let Ok(about) = std::fs::metadata(path) else { return };
        if about.permissions().mode() & 0o077 == 0 {
            return;
        }
        let wanted = std::fs::Permissions::from_mode(0o600);
        match std::fs::set_permissions(path, wanted) {
            Ok(()) => tracing::warn!(path = %path.display(), "others could read it: not any more"),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "others can read it: run chmod 600");
            }
        }
    }
}

/// Returns the files in which SQLite stores a database.
pub(crate) fn database_files(path: &Path) -> [PathBuf; 3] {
    let with = |more: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(more);
        PathBuf::from(name)
    };
    [path.to_owned(), with("-wal"), with("-shm")]
}

pub(crate) fn read_keys(path: &Path) -> Result<Vec<MasterKey>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure(format!("master key {}: {error}", path.display())))?;
    MasterKey::read_all(&text)
        .map_err(|error| Failure(format!("master key {}: {error}", path.display())))
}

/// Returns the path of the file with the master keys.
#[expect(clippy::disallowed_methods, reason = "cli is the one that reads the environment")]
pub(crate) fn master_key_file(folder: &Path, config: &Config) -> Result<PathBuf, Failure> {
    if let Some(path) = std::env::var_os("SOJOURN_MASTER_KEY_FILE") {
        return Ok(path.into());
    }
    if matches!(config.database, DatabaseSection::Postgresql { .. }) {
        return Err(Failure(
            "with PostgreSQL, name the master key's file in SOJOURN_MASTER_KEY_FILE: every node \
             needs the same one. The first start with SQLite makes one as data/master.key; one is \
             also made by 'sojourn master-key new'"
                .into(),
        ));
    }
    Ok(folder.join("master.key"))
}

fn master_keys(folder: &Path, config: &Config) -> Result<Vec<MasterKey>, Failure> {
    let path = master_key_file(folder, config)?;
    let ours = folder.join("master.key");
    if path == ours && !path.exists() {
        let key = MasterKey::generate(1, &SystemRng);
        write_secret(&path, &key.to_line())?;
        tracing::info!(path = %path.display(), "a master key was made");
    }
    read_keys(&path)
}

/// Creates a file that only its owner can read. Fails if the file exists.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| Failure(format!("{} can't be written: {error}", path.display())))
}

/// Creates what sends mail, if the configuration has a section `[mail]`.
pub(crate) fn mailer(
    config_file: &Path,
    config: &Config,
) -> Result<Option<Arc<dyn Mailer>>, Failure> {
    let Some(mail) = &config.mail else { return Ok(None) };
    let from = mail.from.clone();
    let options = match (&mail.folder, &mail.host) {
        (Some(folder), None) => MailOptions::Folder { folder: beside(config_file, folder), from },
        (None, Some(host)) => {
            let tls = match mail.tls {
                MailTlsWord::StartTls => MailTls::StartTls,
                MailTlsWord::Implicit => MailTls::Implicit,
                MailTlsWord::None => MailTls::None,
            };
            let credentials = mail.username.clone().zip(mail.password.clone());
            let port = mail.smtp_port();
            let ca_pem = outgoing_options(config_file, config)?.ca_pem;
            MailOptions::Smtp { host: host.clone(), port, tls, credentials, ca_pem, from }
        }
        _ => return Err(Failure("[mail] needs either host or folder".into())),
    };
    let post = Post::new(options).map_err(|why| Failure(format!("[mail] {why}")))?;
    Ok(Some(Arc::new(post)))
}

/// Returns the options for outgoing requests, with the certificates in `ca_file`.
pub(crate) fn outgoing_options(
    config_file: &Path,
    config: &Config,
) -> Result<OutgoingOptions, Failure> {
    let outgoing = &config.outgoing;
    let ca_pem = match &outgoing.ca_file {
        None => None,
        Some(path) => {
            let path = beside(config_file, path);
            let pem = std::fs::read(&path).map_err(|error| {
                Failure(format!("[outgoing] ca_file {}: {error}", path.display()))
            })?;
            Some(pem)
        }
    };
    Ok(OutgoingOptions {
        ca_pem,
        allow_private: outgoing.allow_private_addresses,
        timeout_ms: outgoing
            .timeout
            .and_then(|duration| u64::try_from(duration.0).ok())
            .unwrap_or(0),
    })
}

async fn open_store(folder: &Path, config: &Config) -> Result<Store, Failure> {
    match &config.database {
        DatabaseSection::Sqlite { path } => {
            let path = if path.is_relative() { folder.join(path) } else { path.clone() };
            let opened = Store::open_sqlite(&SqliteOptions::at(&path))
                .map_err(|error| Failure(format!("database {}: {error}", path.display())));
            database_files(&path).iter().for_each(|file| keep_private(file));
            opened
        }
        DatabaseSection::Postgresql { url, connections } => {
            let options = PostgresOptions::new(url.clone(), *connections);
            Store::open_postgres(&options)
                .await
                .map_err(|error| Failure(format!("PostgreSQL: {error}")))
        }
    }
}

/// Loads the built-in languages and those that the configuration adds.
pub(crate) fn languages(config_file: &Path, config: &Config) -> Result<Languages, Failure> {
    match &config.pages.languages {
        None => Ok(Languages::default()),
        Some(folder) => Languages::with_folder(&beside(config_file, folder))
            .map_err(|why| Failure(format!("[pages] languages: {why}"))),
    }
}

/// Creates the writer of mails, with the operator's own templates if there are any.
pub(crate) fn writer(config_file: &Path, config: &Config) -> Result<Writer, Failure> {
    let languages = languages(config_file, config)?;
    let folder = config.mail.as_ref().and_then(|mail| mail.templates.as_ref());
    let templates = match folder {
        None => Templates::default(),
        Some(folder) => Templates::read(&beside(config_file, folder), &languages)
            .map_err(|why| Failure(format!("[mail] templates: {why}")))?,
    };
    Ok(Writer { languages, templates })
}

/// Opens the database and creates the engine, along with the records that every installation needs.
pub(crate) async fn open(config_file: &Path, config: &Config) -> Result<Opened, Failure> {
    open_with(config_file, config, config.settings(), Arc::new(SystemClock)).await
}

/// The same with other settings and another clock.
pub(crate) async fn open_with(
    config_file: &Path,
    config: &Config,
    settings: Settings,
    clock: Arc<dyn Clock>,
) -> Result<Opened, Failure> {
    let folder = data_folder(config_file, config)?;
    let master_keys = master_keys(&folder, config)?;
    let store = open_store(&folder, config).await?;
    ensure_master_key(&store, &master_keys).await?;
    let fetcher = Arc::new(Outgoing::new(outgoing_options(config_file, config)?));
    let engine = Engine::new(EngineParts {
        store,
        master_keys,
        clock,
        rng: Arc::new(SystemRng),
        offload: Arc::new(HashPool::default()),
        fetcher: Arc::clone(&fetcher) as Arc<dyn sojourn_engine::Fetcher>,
        letters: Arc::new(writer(config_file, config)?),
        settings,
    })?;
    let tenant = engine.bootstrap().await?;
    Ok(Opened { engine: Arc::new(engine), tenant, fetcher })
}

/// Creates what the configuration declares and the database lacks; applications are also updated.
pub(crate) async fn declare(
    opened: &Opened,
    config_file: &Path,
    config: &Config,
) -> Result<(), Failure> {
    let Opened { engine, tenant, .. } = opened;
    for role in &config.role {
        let permissions = role.permissions.join(" ");
        match engine.add_role(tenant, &role.name, &permissions, &Authority::operator()).await {
            Ok(_) | Err(EngineError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for user in &config.user {
        declare_user(opened, user, &user.roles).await?;
    }
    if let Some(admin) = &config.super_admin {
        let mut roles = admin.roles.clone();
        roles.push(Role::ADMIN.to_owned());
        declare_user(opened, admin, &roles).await?;
    }
    for app in &config.application {
        declare_application(opened, config_file, app).await?;
    }
    Ok(())
}

async fn declare_user(
    opened: &Opened,
    user: &UserSection,
    roles: &[String],
) -> Result<(), Failure> {
    let Opened { engine, tenant, .. } = opened;
    match engine.user_named(tenant, &user.username).await {
        // A declared user is created once; after that the database is authoritative.
        Ok(_) => return Ok(()),
        Err(EngineError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let new = NewUser {
        username: user.username.clone(),
        display_name: user.display_name.clone(),
        given_name: user.given_name.clone(),
        family_name: user.family_name.clone(),
        email: user.email.clone(),
        email_verified: user.email_verified,
        profile: user.claims.claims(),
        ..NewUser::default()
    };
    let password = user.password.clone().map(PasswordGiven::Declared);
    let made = engine.add_user_with(tenant, new, password, &Authority::operator()).await?;
    for name in roles {
        let role = engine.role_named(tenant, name).await.map_err(|_| {
            Failure(format!("user '{}' has the role '{name}', which doesn't exist", user.username))
        })?;
        let assign = RoleChange::Assign;
        engine.change_role(tenant, &role, &made, assign, &Authority::operator()).await?;
    }
    Ok(())
}

async fn declare_application(
    opened: &Opened,
    config_file: &Path,
    app: &ApplicationSection,
) -> Result<(), Failure> {
    let mut settings = app.settings();
    let wrong = |why: String| Failure(format!("application '{}': {why}", app.client_id));
    let provider = app.service_provider(config_file).map_err(wrong)?;
    let (mut name, mut notices) = (app.name.clone(), app.backchannel_logout_uri.clone());
    if let Some(found) = provider {
        settings = without_openid(found.settings, settings);
        (name, notices) = (name.or(found.name), found.soap);
    }
    if app.coordinate_inactivity.is_none() {
        let tenant = opened.tenant.id;
        let known = opened.engine.application_by_client(tenant, &app.client_id).await?;
        if let Some(known) = known {
            settings.coordinate_inactivity = known.settings.coordinate_inactivity;
        }
    }
    let new = NewApplication {
        client_id: app.client_id.clone(),
        name: name.unwrap_or_else(|| app.client_id.clone()),
        secret: app.client_secret.clone(),
        backchannel_logout_uri: notices,
        settings,
        kind: AppKind::Client,
        owner: AppOwner::File,
    };
    opened.engine.declare_application(&opened.tenant, new).await?;
    Ok(())
}
