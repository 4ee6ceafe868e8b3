//! The sections of `deployment.toml`. `docs/CONFIGURATION.md` names each setting; `tidy` checks that.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use sojourn_engine::{CertificateOwner, Issuers, Settings, ThrottleLimits};
use sojourn_engine::{
    KeySettings, PasskeySettings, PasswordRules, RegistrationLimits, RegistrationMode, Retention,
};
use sojourn_model::{Lifetimes, RememberMe};

use super::application::ApplicationSection;
use super::claims::ClaimsSection;
use super::directory::{AccountLockSection, CustomAttributeSection};
use super::handlers::{HandlerSection, handlers};
use super::metrics::MetricsSection;
use super::values::{Duration, Thumbprint};

/// The whole configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) server: ServerSection,
    pub(crate) database: DatabaseSection,
    pub(crate) super_admin: Option<UserSection>,
    pub(crate) session: SessionSection,
    pub(crate) oauth: OauthSection,
    pub(crate) retention: RetentionSection,
    pub(crate) sign_up: SignUpSection,
    pub(crate) keys: KeysSection,
    pub(crate) throttle: ThrottleSection,
    pub(crate) password: PasswordSection,
    pub(crate) pages: PagesSection,
    pub(crate) account_lock: Option<AccountLockSection>,
    pub(crate) custom_attribute: Vec<CustomAttributeSection>,
    pub(crate) cluster: ClusterSection,
    pub(crate) passkeys: PasskeysSection,
    pub(crate) outgoing: OutgoingSection,
    pub(crate) mail: Option<MailSection>,
    pub(crate) log: LogSection,
    pub(crate) metrics: MetricsSection,
    pub(crate) event_handler: Vec<HandlerSection>,
    pub(crate) role: Vec<RoleSection>,
    pub(crate) user: Vec<UserSection>,
    pub(crate) application: Vec<ApplicationSection>,
    pub(crate) client_certificate: Vec<CertificateSection>,
}

/// `[[client_certificate]]`: a client certificate that authenticates a caller of the REST APIs in the default tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateSection {
    /// SHA-256 fingerprint of the certificate (DER): 64 hex digits, with or without colons.
    pub(crate) sha256: Thumbprint,
    /// Login name of the user that the certificate authenticates. Set either `user` or `application`.
    pub(crate) user: Option<String>,
    /// `client_id` of the application that the certificate authenticates; its rights are its `own_scopes`. Set either
    /// `user` or `application`.
    pub(crate) application: Option<String>,
}

/// `[server]`: address, TLS, connections and proxies.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    /// Public URL of the server, which is also the default issuer: scheme, host, port and optionally a path, without a
    /// slash at the end. Defaults to `https://localhost:9443`.
    pub(crate) base_url: String,
    /// IP address and port to listen on. Defaults to `127.0.0.1:9443`.
    pub(crate) listen: SocketAddr,
    /// Folder for the database, keys and certificates, relative to the configuration file. Defaults to `data`.
    pub(crate) data: PathBuf,
    /// Whether the server terminates TLS. Defaults to `true`; set it to `false` behind a proxy that terminates TLS.
    pub(crate) tls: bool,
    /// PEM file with the certificate chain, relative to the configuration file; requires `key`. If both are left out, a
    /// local certificate is created in the data folder.
    pub(crate) certificate: Option<PathBuf>,
    /// PEM file with the private key of `certificate`, relative to the configuration file.
    pub(crate) key: Option<PathBuf>,
    /// PEM file with the certificate authorities that can issue client certificates, relative to the configuration
    /// file; see `[[client_certificate]]`. If left out, clients can't authenticate with a certificate.
    pub(crate) client_ca: Option<PathBuf>,
    /// `SameSite` attribute of the session cookie: "None" (the default) or "Lax". With "Lax", silent renewal in frames
    /// of other sites doesn't work.
    pub(crate) cookie_same_site: SameSite,
    /// Whether the APIs accept a login name and password (HTTP Basic authentication). Defaults to `true`.
    pub(crate) basic_authentication: bool,
    /// Maximum number of open connections; when it is reached, the connection that has been idle longest is closed.
    /// Defaults to 10,000, or fewer if the limit of open files is lower.
    pub(crate) connections: Option<usize>,
    /// Maximum number of open connections from one IPv4 address or one IPv6 /64 network; trusted proxies are exempt.
    /// Defaults to a quarter of `connections`.
    pub(crate) connections_of_one_address: Option<usize>,
    /// Addresses and networks of proxies in front of the server, such as "10.0.0.7" or "192.168.4.0/24". Forwarding
    /// headers from other addresses are ignored; defaults to none.
    pub(crate) trusted_proxies: Vec<super::values::Network>,
    /// Whether every connection from a trusted proxy must begin with a PROXY protocol header (version 1 or 2). Defaults
    /// to `false`.
    pub(crate) proxy_protocol: bool,
    /// Whether `Forwarded` overrides `X-Forwarded-For` if a request from a trusted proxy has both headers. Defaults to
    /// `false`.
    pub(crate) prefer_forwarded: bool,
    /// Whether `base_url` can use http, which is only meant for a developer's machine. Defaults to `false`.
    pub(crate) insecure_development: bool,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            base_url: "https://localhost:9443".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 9443)),
            data: "data".into(),
            tls: true,
            certificate: None,
            key: None,
            client_ca: None,
            cookie_same_site: SameSite::None,
            basic_authentication: true,
            connections: None,
            connections_of_one_address: None,
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            prefer_forwarded: false,
            insecure_development: false,
        }
    }
}

/// `SameSite` of the session cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum SameSite {
    None,
    Lax,
}

impl SameSite {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Lax => "Lax",
        }
    }
}

/// `[database]`: where the data is stored. Defaults to SQLite.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum DatabaseSection {
    /// SQLite: one file for one node.
    Sqlite {
        /// The database file, relative to the data folder. Defaults to `sojourn.db`.
        #[serde(default = "sqlite_file")]
        path: PathBuf,
    },
    /// PostgreSQL: a server for any number of nodes.
    Postgresql {
        /// Connection URL, such as `postgresql://user@host/database`.
        url: String,
        /// Maximum number of connections. Defaults to 16.
        #[serde(default = "connections")]
        connections: usize,
    },
}

fn sqlite_file() -> PathBuf {
    "sojourn.db".into()
}

const fn connections() -> usize {
    16
}

impl Default for DatabaseSection {
    fn default() -> Self {
        Self::Sqlite { path: sqlite_file() }
    }
}

/// `[session]`: sessions and their history.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SessionSection {
    pub(crate) timeout: TimeoutSection,
    /// How long ended sessions, settled deliveries and completed handler tasks are kept. Defaults to `90d`.
    pub(crate) history: Option<Duration>,
    /// Whether sessions outlast the browser window and the idle timeout: "ask" (users decide on the sign-in page; the
    /// default), "always" or "never". Policies can override it.
    pub(crate) remember_me: RememberMe,
    /// Database in MaxMind's format, such as GeoLite2 City, that maps IP addresses to country and city; relative to the
    /// configuration file. If left out, sessions have no place.
    pub(crate) places: Option<PathBuf>,
    /// How long the IP addresses of ended sessions are kept. Defaults to `history`.
    pub(crate) addresses: Option<Duration>,
}

/// `[session.timeout]`: lifetimes of sessions, which policies can override.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TimeoutSection {
    /// How long a session lasts without activity. Defaults to `15m`.
    pub(crate) idle_session_timeout: Option<Duration>,
    /// How long a session lasts if the user stays signed in, counted from the last sign-in. Defaults to `14d`.
    pub(crate) remember_me_session_timeout: Option<Duration>,
    /// Maximum lifetime of any session, regardless of activity. If left out, there is no maximum.
    pub(crate) maximum_session_timeout: Option<Duration>,
}

/// `[oauth]`: issuers, tokens and registration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OauthSection {
    /// Template for the issuer of every tenant, such as `{base}/oauth2/token`; `{base}` stands for the tenant's URL.
    /// Defaults to `{base}`.
    pub(crate) issuer: Option<String>,
    /// Table of issuers of individual tenants, by name, such as `{ acme = "https://login.example.org" }`; they override
    /// `issuer`. Defaults to none.
    pub(crate) tenant_issuers: std::collections::HashMap<String, String>,
    pub(crate) token_validation: TokenSection,
    pub(crate) dcr: RegistrationSection,
}

/// `[oauth.dcr]`: dynamic registration of applications.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RegistrationSection {
    /// Who can register applications: "off" (nobody; the default), "initial_access_token" (clients that send the token)
    /// or "open" (everybody).
    pub(crate) mode: RegistrationWord,
    /// Token of at least 32 characters that a registration must send; required if `mode` is "initial_access_token".
    pub(crate) initial_access_token: Option<String>,
    /// Maximum number of registrations per hour from one IP address in one tenant, if `mode` is "open". Defaults to 20.
    pub(crate) per_address: Option<i64>,
    /// Maximum number of registrations per hour in one tenant, if `mode` is "open". Defaults to 200.
    pub(crate) in_all: Option<i64>,
}

/// `[sign_up]`: limits on sign-up, where a tenant allows people to create accounts themselves.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SignUpSection {
    /// Maximum number of sign-up mails per hour requested from one IP address in one tenant. Defaults to 20.
    pub(crate) per_address: Option<i64>,
    /// Maximum number of sign-up mails per hour in one tenant. Defaults to 200.
    pub(crate) in_all: Option<i64>,
}

/// `[retention]`: how long records are kept.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetentionSection {
    /// How long events are kept. Defaults to `90d`; events that a handler hasn't processed yet are kept longer.
    pub(crate) events: Option<Duration>,
    /// How long entries of the audit log are kept. Defaults to `730d`.
    pub(crate) audit: Option<Duration>,
    /// How long a user's known browser is remembered after the last sign-in with it. Defaults to `400d`.
    pub(crate) browsers: Option<Duration>,
}

/// Who may register applications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RegistrationWord {
    #[default]
    Off,
    InitialAccessToken,
    Open,
}

/// `[keys]`: rotation of signing keys.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeysSection {
    /// How long a signing key signs before the next one replaces it; must be longer than `publish_ahead`. If left out,
    /// keys are only rotated by hand.
    pub(crate) rotate_every: Option<Duration>,
    /// How long a new signing key is published before it signs. Defaults to `1h`.
    pub(crate) publish_ahead: Option<Duration>,
}

/// `[oauth.token_validation]`: lifetimes of codes and tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenSection {
    /// Lifetime of an authorization code. Defaults to `60s`.
    pub(crate) authorization_code_validity: Option<Duration>,
    /// Lifetime of an opaque access token. Defaults to `1h`.
    pub(crate) access_token_validity: Option<Duration>,
    /// Lifetime of a JWT access token. Defaults to `5m`; resource servers verify a JWT themselves and don't notice that
    /// it was revoked, so keep it short.
    pub(crate) jwt_access_token_validity: Option<Duration>,
    /// Lifetime of an ID token. Defaults to `1h`.
    pub(crate) id_token_validity: Option<Duration>,
    /// Lifetime of a refresh token, counted from its own issue. Defaults to `24h`.
    pub(crate) refresh_token_validity: Option<Duration>,
    /// Lifetime of a logout token. Defaults to `2m`.
    pub(crate) logout_token_validity: Option<Duration>,
}

/// `[pages]`: languages of pages and mails.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PagesSection {
    /// Folder with additional languages, one `.toml` file each, relative to the configuration file. If left out, pages
    /// and mails are in English and German.
    pub(crate) languages: Option<PathBuf>,
}

/// `[password]`: rules for new passwords.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PasswordSection {
    /// Minimum number of characters, from 1 to 128, if the account has no second factor and the policy requires none.
    /// Defaults to 15, or to 8 in installations older than this default.
    pub(crate) min_length: Option<usize>,
    /// Minimum number of characters, from 1 to 128, if the account has a second factor or the policy requires one.
    /// Defaults to `min_length` if that is set, otherwise to 8.
    pub(crate) min_length_with_second_factor: Option<usize>,
    /// Whether passwords that are easy to guess are refused: common passwords, keyboard rows and the user's own name.
    /// Defaults to `true`.
    pub(crate) refuse_common: Option<bool>,
    /// Number of previous passwords that a user can't choose again, from 0 to 24. Defaults to 0.
    pub(crate) history: Option<i64>,
}

/// `[throttle]`: rate limits for attempts to sign in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ThrottleSection {
    /// Maximum number of attempts to sign in to one account within `window`. Defaults to 10; browsers and addresses
    /// that the account knows are counted separately.
    pub(crate) per_account: Option<i64>,
    /// Maximum number of attempts to sign in from one IP address within `window`. Defaults to 100.
    pub(crate) per_address: Option<i64>,
    /// Time from the first attempt until counting starts again. Defaults to `5m`.
    pub(crate) window: Option<Duration>,
}

/// `[outgoing]`: requests to applications and webhooks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OutgoingSection {
    /// PEM file with the only certificate authorities to trust, relative to the configuration file; it can also contain
    /// a server's own certificate. Defaults to the system's authorities.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether requests can go to private and loopback addresses. Defaults to `false`.
    pub(crate) allow_private_addresses: bool,
    /// Time limit of one request. Defaults to `5s`.
    pub(crate) timeout: Option<Duration>,
}

/// `[mail]`: outgoing mail, by SMTP or into a folder. Without this section, no mail is sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailSection {
    /// Sender of all mails, such as "Sojourn <no-reply@example.com>".
    pub(crate) from: String,
    /// Host name of the SMTP server. Set either `host` or `folder`.
    pub(crate) host: Option<String>,
    /// Port of the SMTP server. Defaults to 587, to 465 if `tls` is "implicit", and to 25 if `tls` is "none".
    pub(crate) port: Option<u16>,
    /// Encryption of the connection to the SMTP server: "starttls" (the default), "implicit", or "none" for a relay on
    /// the same machine.
    #[serde(default)]
    pub(crate) tls: MailTlsWord,
    /// User name at the SMTP server. If `username` or `password` is left out, mails are sent without authentication.
    pub(crate) username: Option<String>,
    /// Password at the SMTP server.
    pub(crate) password: Option<String>,
    /// Folder to which mails are written instead of being sent, one file each, relative to the configuration file. Set
    /// either `host` or `folder`.
    pub(crate) folder: Option<PathBuf>,
    /// Folder with your own mail templates, relative to the configuration file. Mails without a template have the
    /// built-in text.
    pub(crate) templates: Option<PathBuf>,
    /// Whether mail addresses that administrators set by SCIM count as verified; mails about passwords only go to
    /// verified addresses. Defaults to `false`.
    #[serde(default)]
    pub(crate) trust_given_addresses: bool,
}

impl MailSection {
    /// Returns the port of the SMTP server: the one that is set, or the usual one for the encryption (RFC 8314 §3.3,
    /// RFC 6409 §3.1, RFC 5321).
    pub(crate) fn smtp_port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailTlsWord::StartTls => 587,
            MailTlsWord::Implicit => 465,
            MailTlsWord::None => 25,
        })
    }
}

/// How to connect to the SMTP server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailTlsWord {
    #[default]
    StartTls,
    Implicit,
    None,
}

/// `[passkeys]`: the domain of passkeys and security keys. Don't change it later, because every key is bound to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PasskeysSection {
    /// Domain that passkeys and security keys are created for (relying party id): the host of `base_url`, which is the
    /// default, or a domain above it. If it changes, all existing keys are lost.
    pub(crate) rp_id: Option<String>,
    /// Further origins on which pages can use these keys, such as `https://example.net`. Defaults to none.
    pub(crate) related_origins: Vec<String>,
    /// Whether users without a passkey are offered one after a sign-in with a password. Defaults to `true`.
    pub(crate) offer_after_password: Option<bool>,
}

/// `[cluster]`: nodes that share one database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClusterSection {
    /// Maximum difference between the clocks of two nodes. Defaults to `30s`.
    pub(crate) clock_skew: Option<Duration>,
}

/// `[log]`: level and format of the log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// Log level: "error", "warn", "info" (the default) or "debug", also by module, such as
    /// `info,sojourn_server=debug`.
    pub(crate) level: Option<String>,
    /// Whether the log is written as one JSON object per line. Defaults to `false`.
    pub(crate) json: bool,
    /// Whether the log has one line for each request except `/health/live`. Defaults to `false`.
    pub(crate) access: bool,
}

/// `[[role]]`: a role that is created if it doesn't exist. After that, the database is authoritative.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleSection {
    /// Name of the role.
    pub(crate) name: String,
    /// Scopes that the role grants, such as "internal_session_view". Defaults to none.
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
}

/// `[[user]]` and `[super_admin]`: a user that is created if it doesn't exist. After that, the database is
/// authoritative.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserSection {
    /// Login name of the user.
    pub(crate) username: String,
    /// Initial password, which isn't checked against the rules of `[password]`. If left out, the account has no
    /// password.
    pub(crate) password: Option<String>,
    /// Name that is shown to people. Defaults to the login name.
    pub(crate) display_name: Option<String>,
    /// Given name of the user.
    pub(crate) given_name: Option<String>,
    /// Family name of the user.
    pub(crate) family_name: Option<String>,
    /// Mail address of the user.
    pub(crate) email: Option<String>,
    /// Whether the mail address counts as verified. Defaults to `false`.
    #[serde(default)]
    pub(crate) email_verified: bool,
    /// Other standard claims of the user.
    #[serde(default)]
    pub(crate) claims: ClaimsSection,
    /// Names of existing roles that are assigned when the user is created. `[super_admin]` also gets the role "admin".
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Accepted in configuration files from WSO2, and ignored.
    #[serde(default, rename = "create_admin_account")]
    pub(crate) _create_admin_account: Option<bool>,
}

impl Config {
    /// Converts the configuration to the engine's settings.
    // Long, because it names every setting.
    pub(crate) fn settings(&self) -> Settings {
        let default = Settings::default();
        let throttle = ThrottleLimits {
            per_account: self.throttle.per_account.unwrap_or(default.throttle.per_account),
            per_address: self.throttle.per_address.unwrap_or(default.throttle.per_address),
            window_ms: self.throttle.window.map_or(default.throttle.window_ms, |d| d.0),
        };
        Settings {
            base_url: self.server.base_url.clone(),
            issuers: Issuers {
                form: self.oauth.issuer.clone(),
                tenants: self.oauth.tenant_issuers.clone(),
            },
            lifetimes: self.lifetimes(),
            throttle,
            password_rules: PasswordRules {
                length_alone: self.password.min_length,
                length_with_second_factor: self
                    .password
                    .min_length_with_second_factor
                    .or(self.password.min_length)
                    .unwrap_or(default.password_rules.length_with_second_factor),
                refuse_common: self
                    .password
                    .refuse_common
                    .unwrap_or(default.password_rules.refuse_common),
                history: self.password.history.unwrap_or(default.password_rules.history),
            },
            basic_authentication: self.server.basic_authentication,
            handlers: handlers(&self.event_handler),
            history_ms: self.session.history.map_or(default.history_ms, |d| d.0),
            certificates: self
                .client_certificate
                .iter()
                .filter_map(|one| {
                    let owner = match (&one.user, &one.application) {
                        (Some(user), None) => CertificateOwner::User(user.clone()),
                        (None, Some(app)) => CertificateOwner::Application(app.clone()),
                        _ => return None,
                    };
                    Some((one.sha256.0, owner))
                })
                .collect(),
            clock_skew_ms: self.cluster.clock_skew.map_or(default.clock_skew_ms, |d| d.0),
            mails_new_browsers: self.mail.is_some(),
            resets_by_mail: self.mail.is_some(),
            trusts_given_addresses: self
                .mail
                .as_ref()
                .is_some_and(|mail| mail.trust_given_addresses),
            lockout: self.account_lock.as_ref().map(AccountLockSection::lockout),
            custom_attributes: self
                .custom_attribute
                .iter()
                .map(CustomAttributeSection::custom)
                .collect(),
            addresses_ms: self.session.addresses.map(|d| d.0),
            passkeys: PasskeySettings {
                rp_id: self.passkeys.rp_id.clone(),
                related_origins: self.passkeys.related_origins.clone(),
                offer_after_password: self.passkeys.offer_after_password.unwrap_or(true),
            },
            keys: KeySettings {
                rotate_every_ms: self.keys.rotate_every.map(|d| d.0),
                publish_ahead_ms: self
                    .keys
                    .publish_ahead
                    .map_or(default.keys.publish_ahead_ms, |d| d.0),
            },
            registrations: RegistrationLimits {
                per_address: self
                    .oauth
                    .dcr
                    .per_address
                    .unwrap_or(default.registrations.per_address),
                in_all: self.oauth.dcr.in_all.unwrap_or(default.registrations.in_all),
            },
            sign_ups: RegistrationLimits {
                per_address: self.sign_up.per_address.unwrap_or(default.sign_ups.per_address),
                in_all: self.sign_up.in_all.unwrap_or(default.sign_ups.in_all),
            },
            retention: Retention {
                events_ms: self.retention.events.map_or(default.retention.events_ms, |d| d.0),
                audit_ms: self.retention.audit.map_or(default.retention.audit_ms, |d| d.0),
                browsers_ms: self.retention.browsers.map_or(default.retention.browsers_ms, |d| d.0),
            },
            registration: match (self.oauth.dcr.mode, &self.oauth.dcr.initial_access_token) {
                (RegistrationWord::Open, _) => RegistrationMode::Open,
                (RegistrationWord::InitialAccessToken, Some(token)) => {
                    RegistrationMode::WithToken(token.clone())
                }
                _ => RegistrationMode::Off,
            },
            ..default
        }
    }

    fn lifetimes(&self) -> Lifetimes {
        let default = Lifetimes::default();
        let timeout = &self.session.timeout;
        let token = &self.oauth.token_validation;
        let or = |value: Option<Duration>, default: i64| value.map_or(default, |d| d.0);
        Lifetimes {
            idle_ms: or(timeout.idle_session_timeout, default.idle_ms),
            remember_ms: or(timeout.remember_me_session_timeout, default.remember_ms),
            remember_me: self.session.remember_me,
            absolute_ms: timeout.maximum_session_timeout.map(|d| d.0),
            code_ms: or(token.authorization_code_validity, default.code_ms),
            access_token_ms: or(token.access_token_validity, default.access_token_ms),
            jwt_access_token_ms: or(token.jwt_access_token_validity, default.jwt_access_token_ms),
            id_token_ms: or(token.id_token_validity, default.id_token_ms),
            refresh_token_ms: or(token.refresh_token_validity, default.refresh_token_ms),
            logout_token_ms: or(token.logout_token_validity, default.logout_token_ms),
            ..default
        }
    }
}
