//! Checks settings against each other, and whether the files that they name exist.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use sojourn_engine::RedirectRules;
use sojourn_engine::directory::frame_source;
use sojourn_model::Tenant;
use sojourn_model::limits::{REFRESH_LIFETIME_MAX_MS, TOKEN_LIFETIME_MAX_MS};
use sojourn_server::letters::Templates;

use super::Config;
use super::sections::RegistrationWord;

/// A mistake in a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The setting, such as `server.base_url` or `application.0.redirect_uris`.
    pub(super) at: String,
    /// What is wrong, and what to do about it.
    pub(super) message: String,
}

fn wrong(at: impl Into<String>, message: impl Into<String>) -> Wrong {
    Wrong { at: at.into(), message: message.into() }
}

/// Browsers create passkeys only for the host of a page or a domain above it.
fn passkeys(config: &Config, all: &mut Vec<Wrong>) {
    let base = url::Url::parse(&config.server.base_url).ok();
    let host = base.as_ref().and_then(|url| url.domain()).unwrap_or_default();
    if let Some(id) = &config.passkeys.rp_id {
        let above = host.strip_suffix(id.as_str()).is_some_and(|rest| rest.ends_with('.'));
        if id.is_empty() || (id != host && !(above && id.contains('.'))) {
            let message = format!("[passkeys] rp_id must be '{host}' or a domain above it");
            all.push(wrong("passkeys.rp_id", message));
        }
    }
    for (number, origin) in config.passkeys.related_origins.iter().enumerate() {
        let url = url::Url::parse(origin).ok().filter(|url| url.scheme() == "https");
        if url.is_none_or(|url| url.origin().ascii_serialization() != *origin) {
            let message = format!(
                "[passkeys] related_origins: '{origin}' is no origin like 'https://example.org'"
            );
            all.push(wrong(format!("passkeys.related_origins.{number}"), message));
        }
    }
}

/// Returns all mistakes in a configuration that could be parsed.
pub(super) fn check(config: &Config) -> Vec<Wrong> {
    let mut all = Vec::new();
    server(config, &mut all);
    issuers(config, &mut all);
    passkeys(config, &mut all);
    let settings = config.settings();
    let keys = settings.keys;
    if keys.rotate_every_ms.is_some_and(|every| every <= keys.publish_ahead_ms) {
        all.push(wrong(
            "keys.rotate_every",
            "[keys] rotate_every must be longer than publish_ahead",
        ));
    }
    let rules = settings.password_rules;
    if rules.length_alone.is_some_and(|least| !(1..=128).contains(&least)) {
        all.push(wrong("password.min_length", "[password] min_length must be between 1 and 128"));
    }
    if !(1..=128).contains(&rules.length_with_second_factor) {
        let message = "[password] min_length_with_second_factor must be between 1 and 128";
        all.push(wrong("password.min_length_with_second_factor", message));
    }
    if !(0..=24).contains(&rules.history) {
        all.push(wrong("password.history", "[password] history must be between 0 and 24"));
    }
    accounts(config, &mut all);
    let dcr = &config.oauth.dcr;
    let token = dcr.initial_access_token.as_deref().unwrap_or_default();
    if dcr.mode == RegistrationWord::InitialAccessToken && token.len() < 32 {
        let message = "[oauth.dcr] initial_access_token needs at least 32 characters";
        all.push(wrong("oauth.dcr.initial_access_token", message));
    }
    for (number, certificate) in config.client_certificate.iter().enumerate() {
        let at = format!("client_certificate.{number}");
        if certificate.user.is_some() == certificate.application.is_some() {
            all.push(wrong(
                &at,
                "[[client_certificate]] must specify either a user or an application",
            ));
        }
        if config.server.client_ca.is_none() {
            all.push(wrong(&at, "[[client_certificate]] needs [server] client_ca"));
        }
    }
    if let Some(mail) = &config.mail
        && mail.folder.is_some() == mail.host.is_some()
    {
        all.push(wrong("mail", "[mail] needs either host or folder"));
    }
    applications(config, &mut all);
    all
}

fn server(config: &Config, all: &mut Vec<Wrong>) {
    let server = &config.server;
    let base = |message: String| wrong("server.base_url", message);
    match url::Url::parse(&server.base_url) {
        Err(_) => all.push(base(format!("[server] base_url '{}' is no URL", server.base_url))),
        Ok(url) => {
            let plain = format!("{}{}", url.origin().ascii_serialization(), url.path());
            let plain = plain.trim_end_matches('/');
            if !matches!(url.scheme(), "https" | "http") {
                all.push(base("[server] base_url begins with https://".into()));
            } else if plain != server.base_url {
                all.push(base(format!(
                    "[server] base_url must have scheme, host, port and path only, without a trailing slash: '{plain}'"
                )));
            }
            if url.scheme() == "http" && !server.insecure_development {
                all.push(base(format!(
                    "[server] base_url is not https: passwords would cross the network as plain text, and browsers keep \
                     the session cookie for https alone. Write 'https{}', or set insecure_development = true on a \
                     developer's machine",
                    plain.trim_start_matches("http")
                )));
            }
            if url.scheme() == "http" && server.tls {
                let message = "[server] tls = true and an http base_url contradict each other: use https, or set tls = false";
                all.push(wrong("server.tls", message));
            }
        }
    }
    if server.certificate.is_some() != server.key.is_some() {
        let at = if server.key.is_some() { "server.key" } else { "server.certificate" };
        all.push(wrong(at, "[server] certificate and key must be set together"));
    }
    if server.proxy_protocol && server.trusted_proxies.is_empty() {
        let message = "[server] proxy_protocol requires trusted_proxies, which is empty";
        all.push(wrong("server.proxy_protocol", message));
    }
}

/// Checks configured issuers (OpenID Connect Discovery 1.0 §3).
fn issuers(config: &Config, all: &mut Vec<Wrong>) {
    let issuers = config.settings().issuers;
    let form = issuers.form.as_deref().unwrap_or("{base}");
    let mut known = HashSet::from([form.replace("{base}", &config.server.base_url)]);
    for (name, issuer) in &issuers.tenants {
        if name != Tenant::DEFAULT_NAME && !known.insert(issuer.clone()) {
            let message = format!(
                "[oauth] tenant_issuers.{name}: another tenant has the issuer '{issuer}' already, and tokens name their \
                 tenant by it"
            );
            all.push(wrong(format!("oauth.tenant_issuers.{name}"), message));
        }
    }
    let form = issuers.form.map(|form| form.replace("{base}", &config.server.base_url));
    let form = form.map(|form| ("issuer".to_owned(), form));
    let tenants = issuers.tenants.into_iter();
    let tenants = tenants.map(|(name, one)| (format!("tenant_issuers.{name}"), one));
    for (setting, issuer) in form.into_iter().chain(tenants) {
        let good = url::Url::parse(&issuer).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.query().is_none()
                && url.fragment().is_none()
                && !issuer.ends_with('/')
        });
        if !good {
            let message = format!(
                "[oauth] {setting}: '{issuer}' is not an http(s) URL without query, fragment and trailing slash"
            );
            all.push(wrong(format!("oauth.{setting}"), message));
        }
    }
}

/// Checks the account lock, custom attributes and declared users.
fn accounts(config: &Config, all: &mut Vec<Wrong>) {
    let most = config.settings().throttle.per_account;
    if let Some(lock) = &config.account_lock
        && !(1..=most).contains(&lock.attempts)
    {
        let message = format!(
            "[account_lock] attempts must be between 1 and {most}: further ones are throttled and not counted"
        );
        all.push(wrong("account_lock.attempts", message));
    }
    let mut names = HashSet::new();
    for (number, attribute) in config.custom_attribute.iter().enumerate() {
        if !attribute.has_a_name() || !names.insert(attribute.name.to_lowercase()) {
            let name = &attribute.name;
            let message = format!(
                "[[custom_attribute]] '{name}': a name must be unique and consist of letters, digits, '-' and '_'"
            );
            all.push(wrong(format!("custom_attribute.{number}.name"), message));
        }
    }
    let mut users = HashSet::new();
    for (number, user) in config.user.iter().enumerate() {
        if !users.insert(user.username.to_lowercase()) {
            let message = format!("there are two users '{}'", user.username);
            all.push(wrong(format!("user.{number}.username"), message));
        }
    }
}

fn applications(config: &Config, all: &mut Vec<Wrong>) {
    let mut clients = HashSet::new();
    for (number, app) in config.application.iter().enumerate() {
        let name = &app.client_id;
        let at = |setting: &str| format!("application.{number}.{setting}");
        if !clients.insert(name) {
            all.push(wrong(at("client_id"), format!("there are two applications '{name}'")));
        }
        let rules = RedirectRules { native: app.is_native(), implicit: app.is_implicit() };
        for uri in &app.redirect_uris {
            if let Err(why) = rules.check(uri) {
                all.push(wrong(
                    at("redirect_uris"),
                    format!("application '{name}': redirect_uris: {why}"),
                ));
            }
        }
        for uri in &app.post_logout_redirect_uris {
            if let Err(why) = rules.check(uri) {
                let message = format!("application '{name}': post_logout_redirect_uris: {why}");
                all.push(wrong(at("post_logout_redirect_uris"), message));
            }
        }
        for (setting, own, most) in [
            ("access_token_validity", app.access_token_validity, TOKEN_LIFETIME_MAX_MS),
            ("id_token_validity", app.id_token_validity, TOKEN_LIFETIME_MAX_MS),
            ("refresh_token_validity", app.refresh_token_validity, REFRESH_LIFETIME_MAX_MS),
        ] {
            if own.is_some_and(|own| own.0 > most) {
                let hours = most / 3_600_000;
                let message = format!("application '{name}': {setting} is at most {hours}h");
                all.push(wrong(at(setting), message));
            }
        }
        for origin in &app.frontchannel_logout_origins {
            if frame_source(origin) != Some(origin) {
                let message = format!(
                    "application '{name}': frontchannel_logout_origins: '{origin}' is not an origin such as \
                     https://app.example.org"
                );
                all.push(wrong(at("frontchannel_logout_origins"), message));
            }
        }
        for (setting, uri) in [
            ("backchannel_logout_uri", &app.backchannel_logout_uri),
            ("frontchannel_logout_uri", &app.frontchannel_logout_uri),
            ("jwks_uri", &app.jwks_uri),
        ] {
            let good = uri.as_deref().is_none_or(|uri| {
                url::Url::parse(uri).is_ok_and(|url| {
                    matches!(url.scheme(), "https" | "http") && url.fragment().is_none()
                })
            });
            if !good {
                let uri = uri.as_deref().unwrap_or_default();
                let message =
                    format!("application '{name}': {setting} '{uri}' is not an http(s) URL");
                all.push(wrong(at(setting), message));
            }
        }
    }
}

/// Returns the files and folders that the server needs and that can't be used.
pub(super) fn files(config_file: &Path, config: &Config) -> Vec<Wrong> {
    let beside = |path: &PathBuf| crate::open::beside(config_file, path);
    let mut all = Vec::new();
    let server = &config.server;
    for (at, what, path) in [
        ("server.certificate", "[server] certificate", &server.certificate),
        ("server.key", "[server] key", &server.key),
        ("server.client_ca", "[server] client_ca", &server.client_ca),
        ("outgoing.ca_file", "[outgoing] ca_file", &config.outgoing.ca_file),
        ("session.places", "[session] places", &config.session.places),
        (
            "metrics.bearer_token_file",
            "[metrics] bearer_token_file",
            &config.metrics.bearer_token_file,
        ),
    ] {
        if let Some(path) = path.as_ref().map(beside)
            && let Err(error) = std::fs::File::open(&path)
        {
            all.push(wrong(at, format!("{what}: {} can't be read: {error}", path.display())));
        }
    }
    let languages = config.pages.languages.as_ref().map(|path| ("pages.languages", beside(path)));
    let mails = config.mail.as_ref().and_then(|mail| mail.folder.as_ref());
    // The mail folder itself is created if its parent exists.
    let mails = mails
        .map(|path| ("mail.folder", beside(path).parent().map(PathBuf::from).unwrap_or_default()));
    for (at, path) in languages.into_iter().chain(mails) {
        if !path.as_os_str().is_empty() && !path.is_dir() {
            all.push(wrong(at, format!("{}: there is no such folder", path.display())));
        }
    }
    for (number, app) in config.application.iter().enumerate() {
        if let Err(why) = app.service_provider(config_file) {
            let message = format!("application '{}': {why}", app.client_id);
            all.push(wrong(format!("application.{number}.saml"), message));
        }
    }
    let templates = config.mail.as_ref().and_then(|mail| mail.templates.as_ref());
    if let (Some(folder), Ok(languages)) = (templates, crate::open::languages(config_file, config))
        && let Err(why) = Templates::read(&beside(folder), &languages)
    {
        all.push(wrong("mail.templates", format!("[mail] templates: {why}")));
    }
    all
}
