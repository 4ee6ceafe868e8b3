//! `sojourn doctor`: looks for common mistakes in an installation and says what to do about each.

use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::time::Duration;

use sojourn_model::TenantId;

use super::Colour;
use crate::config::{Config, DatabaseSection};
use crate::open::{self, beside};
use crate::{Done, Failure, say};

/// The result of a check, with its message.
enum Found {
    Good(String),
    /// It works, but something should be done about it.
    Warning(String),
    /// It can't work like this.
    Bad(String),
}

use Found::{Bad, Good, Warning};

fn address(config: &Config) -> Found {
    let listen = config.server.listen;
    match TcpListener::bind(listen) {
        Ok(_) => Good(format!("{listen} is free to listen on")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            Warning(format!("something already listens on {listen}, perhaps a running server"))
        }
        Err(error) => Bad(format!("can't listen on {listen}: {error}")),
    }
}

fn issuer(config: &Config) -> Found {
    let base = &config.server.base_url;
    let Ok(url) = url::Url::parse(base) else { return Bad(format!("'{base}' is no URL")) };
    let host = url.host_str().unwrap_or_default().to_owned();
    let local = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
    if url.scheme() == "http" && !local {
        return Bad(format!(
            "{base} isn't https: browsers accept the session cookie only over https"
        ));
    }
    if local {
        return Warning(format!("{base} can be reached only from this machine"));
    }
    let port = url.port_or_known_default().unwrap_or(443);
    match (host.as_str(), port).to_socket_addrs().map(|mut found| found.next()) {
        Ok(Some(_)) => Good(format!("{host} can be resolved")),
        _ => Bad(format!("{host} can't be resolved: users can't reach {base}")),
    }
}

fn certificate(config_file: &Path, config: &Config) -> Found {
    let server = &config.server;
    match (server.tls, &server.certificate, &server.key) {
        (false, ..) if server.trusted_proxies.is_empty() => Warning(
            "TLS is off and no proxy is trusted: every client has the proxy's address. Set [server] trusted_proxies"
                .into(),
        ),
        (false, ..) => Good("TLS is off and is terminated by a trusted proxy".into()),
        (true, None, _) => Warning(
            "no certificate is configured: a local one is generated, which no browser trusts".into(),
        ),
        (true, Some(certificate), key) => {
            for path in std::iter::once(certificate).chain(key) {
                if let Err(error) = std::fs::read(beside(config_file, path)) {
                    return Bad(format!("{}: {error}", path.display()));
                }
            }
            Good("certificate and key can be read".into())
        }
    }
}

fn passwords(config: &Config) -> Found {
    let known = ["admin", "password", "change this at once", "changeme"];
    let weak = |password: &str| known.contains(&password) || password.len() < 8;
    match &config.super_admin {
        Some(admin) if admin.password.as_deref().is_some_and(weak) => Bad(format!(
            "the password of '{}' in [super_admin] is too easy to guess: choose another one with \
             'sojourn user password {}'",
            admin.username, admin.username
        )),
        _ => Good("no administrator has a password from a manual".into()),
    }
}

fn applications(config: &Config) -> Vec<Found> {
    let mut all = Vec::new();
    for app in &config.application {
        let name = &app.client_id;
        match &app.backchannel_logout_uri {
            None if app.frontchannel_logout_uri.is_none() => all.push(Warning(format!(
                "application '{name}' has no logout URL, so it isn't notified of ended sessions (backchannel_logout_uri)"
            ))),
            Some(uri) if uri.starts_with("http://") => {
                all.push(Warning(format!(
                    "application '{name}' is notified of ended sessions without TLS: {uri}"
                )));
            }
            _ => {}
        }
        if app.client_secret.as_ref().is_some_and(|secret| secret.len() < 16) {
            all.push(Warning(format!(
                "the secret of application '{name}' is too short: use 32 random characters"
            )));
        }
    }
    all
}

fn mail(config: &Config) -> Found {
    let Some(mail) = &config.mail else {
        return Warning(
            "no [mail]: users aren't notified of sign-ins and can't reset a forgotten password"
                .into(),
        );
    };
    let Some(host) = &mail.host else { return Warning("mail is written to a folder".into()) };
    let port = mail.smtp_port();
    let address = (host.as_str(), port).to_socket_addrs().ok().and_then(|mut all| all.next());
    let reached = address.is_some_and(|address| {
        TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok()
    });
    if reached {
        Good(format!("the SMTP server {host}:{port} answers"))
    } else {
        Bad(format!("the SMTP server {host}:{port} doesn't answer"))
    }
}

/// Whether other users of the machine have any access to a file or folder.
fn open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0)
}

fn secret_file(path: &Path) -> Found {
    if open_to_others(path) {
        let path = path.display();
        return Bad(format!("{path} can be read by others: run 'chmod 600 {path}'"));
    }
    Good("the master key can be read only by its owner".into())
}

/// Checks the permissions of folders and files that contain secrets, sessions or mails.
fn private_files(config_file: &Path, config: &Config, folder: &Path) -> Vec<Found> {
    let mut folders = vec![folder.to_owned(), folder.join("tls")];
    let mut files = vec![folder.join("tls").join("ca.key"), folder.join("tls").join("server.key")];
    if let DatabaseSection::Sqlite { path } = &config.database {
        let path = if path.is_relative() { folder.join(path) } else { path.clone() };
        files.extend(open::database_files(&path));
    }
    if let Some(mails) = config.mail.as_ref().and_then(|mail| mail.folder.as_ref()) {
        let mails = beside(config_file, mails);
        let all = std::fs::read_dir(&mails).into_iter().flatten().flatten();
        files.extend(all.map(|mail| mail.path()));
        folders.push(mails);
    }
    let said = |paths: Vec<std::path::PathBuf>, mode: &str| {
        let open: Vec<_> = paths.into_iter().filter(|path| open_to_others(path)).take(10).collect();
        let mode = mode.to_owned();
        open.into_iter().map(move |path| {
            let path = path.display();
            Warning(format!("{path} can be accessed by others: run 'chmod {mode} {path}'"))
        })
    };
    let mut found: Vec<Found> = said(folders, "700").chain(said(files, "600")).collect();
    if found.is_empty() {
        found.push(Good("data and mails can be read only by their owner".into()));
    }
    found
}

/// Finds login names that look the same as another one.
async fn clashes(engine: &sojourn_engine::Engine) -> Vec<Found> {
    const MOST: i64 = 20;
    let found = async {
        let mut all = Vec::new();
        for tenant in engine.installation().tenants().await? {
            for name in engine.reads(tenant.id).clashing_names(MOST).await? {
                let of = &tenant.name;
                all.push(Warning(format!(
                    "tenant {of}: the login name '{name}' looks the same as another one: rename one of them"
                )));
            }
        }
        Ok::<_, sojourn_engine::EngineError>(all)
    };
    found.await.unwrap_or_else(|error| vec![Bad(error.to_string())])
}

/// Finds certificates and metadata for SAML that expire soon.
async fn certificates(engine: &sojourn_engine::Engine) -> Vec<Found> {
    let found = async {
        let mut all = Vec::new();
        for tenant in engine.tenants().await? {
            for one in engine.ending_certificates(&tenant).await? {
                let (name, until) = (&tenant.name, super::moment(one.until));
                all.push(Warning(match one.of {
                    None => format!(
                        "tenant {name}: the SAML certificate ends {until}: run 'sojourn key rotate --saml', and give service \
                         providers that don't read metadata the new certificate"
                    ),
                    Some(app) => format!(
                        "tenant {name}: certificate or metadata of the service provider '{app}' ends {until}: get its new \
                         metadata"
                    ),
                }));
            }
        }
        Ok::<_, sojourn_engine::EngineError>(all)
    };
    found.await.unwrap_or_else(|error| vec![Bad(error.to_string())])
}

async fn installation(config_file: &Path, config: &Config) -> Vec<Found> {
    let opened = match open::open(config_file, config).await {
        Ok(opened) => opened,
        Err(Failure(why)) => return vec![Bad(format!("the installation can't be opened: {why}"))],
    };
    let engine = &opened.engine;
    let mut all = vec![Good(format!(
        "the database ({}) can be opened and has the right version",
        engine.installation().kind()
    ))];
    all.push(match engine.installation().check().await {
        Ok(()) => Good("it can be written".into()),
        Err(error) => Bad(format!("it can't be written: {error}")),
    });
    let skew = engine.settings().clock_skew_ms;
    match engine.clock_ahead_ms().await {
        Ok(None) => {}
        Ok(Some(ahead)) if ahead.abs() > skew => all.push(Bad(format!(
            "this machine's clock and the database's differ by {ahead} ms, more than [cluster] clock_skew allows: \
             synchronize them, by NTP for instance"
        ))),
        Ok(Some(ahead)) if ahead.abs() > 1_000 => all.push(Warning(format!(
            "this machine's clock and the database's differ by {ahead} ms: synchronize them"
        ))),
        Ok(Some(ahead)) => {
            all.push(Good(format!("this machine's clock and the database's differ by {ahead} ms")));
        }
        Err(error) => all.push(Bad(error.to_string())),
    }
    all.push(match engine.master_key_is_backed_up().await {
        Ok(true) => Good("the master key is marked as backed up".into()),
        Ok(false) => Warning(
            "the master key isn't confirmed as backed up: the database can't be used without it. \
             Copy it, then run 'sojourn master-key backed-up'"
                .into(),
        ),
        Err(error) => Bad(error.to_string()),
    });
    all.extend(clashes(engine).await);
    all.extend(certificates(engine).await);
    match engine.reads(TenantId::DEFAULT).task_backlogs().await {
        Ok(backlogs) => all.extend(backlogs.iter().filter(|one| one.parked > 0).map(|one| {
            Warning(format!(
                "{} tasks of handler '{}' failed too often: see 'sojourn sessions handlers'",
                one.parked, one.handler
            ))
        })),
        Err(error) => all.push(Bad(error.to_string())),
    }
    engine.installation().close().await;
    all
}

pub(crate) async fn doctor(config_file: &Path) -> Done {
    let config = crate::config::read(config_file)?.config;
    let mut all = vec![
        Good(format!("{} has no errors", config_file.display())),
        issuer(&config),
        address(&config),
        certificate(config_file, &config),
        passwords(&config),
        mail(&config),
    ];
    all.extend(applications(&config));
    if let DatabaseSection::Sqlite { .. } = &config.database {
        let folder = open::data_folder(config_file, &config)?;
        let key = open::master_key_file(&folder, &config)?;
        all.extend(installation(config_file, &config).await);
        all.push(secret_file(&key));
        all.extend(private_files(config_file, &config, &folder));
    } else {
        all.extend(installation(config_file, &config).await);
    }
    let colours = super::has_colours();
    let (mut bad, mut warnings) = (0, 0);
    for found in &all {
        let (sign, colour, text) = match found {
            Good(text) => ("ok     ", Colour::Green, text),
            Warning(text) => {
                warnings += 1;
                ("careful", Colour::Yellow, text)
            }
            Bad(text) => {
                bad += 1;
                ("wrong  ", Colour::Red, text)
            }
        };
        let sign = if colours { colour.on(sign) } else { sign.to_owned() };
        say(&format!("{sign}  {text}"));
    }
    if bad > 0 {
        return Err(Failure(format!("{bad} errors, {warnings} warnings")));
    }
    Ok(())
}
