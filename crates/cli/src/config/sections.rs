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

/// The whole file.
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

/// `[[client_certificate]]`: who calls the APIs with a certificate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateSection {
    /// SHA-256 of the certificate (DER), 64 hex digits.
    pub(crate) sha256: Thumbprint,
    /// The user that it stands for, by login name.
    pub(crate) user: Option<String>,
    /// The application that it stands for, by client_id.
    pub(crate) application: Option<String>,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    /// Scheme, host and port under which people reach the server: the issuer.
    pub(crate) base_url: String,
    /// Address and port to listen on.
    pub(crate) listen: SocketAddr,
    /// Folder for the database, keys and certificates; relative to this file.
    pub(crate) data: PathBuf,
    /// Whether to speak TLS; false behind a proxy that does.
    pub(crate) tls: bool,
    /// Certificate chain in PEM; without it a local one is made in the data folder.
    pub(crate) certificate: Option<PathBuf>,
    /// Its key in PEM.
    pub(crate) key: Option<PathBuf>,
    /// Authorities in PEM whose certificates clients may show; see `[[client_certificate]]`.
    pub(crate) client_ca: Option<PathBuf>,
    /// `SameSite` of the session cookie: "None" or "Lax".
    pub(crate) cookie_same_site: SameSite,
    /// Whether APIs take names and passwords.
    pub(crate) basic_authentication: bool,
    /// Connections at once; none for as many as the limit of open files allows.
    pub(crate) connections: Option<usize>,
    /// Connections of one address at once; none for a quarter of all.
    pub(crate) connections_of_one_address: Option<usize>,
    /// Addresses and networks of proxies in front: they say where a request comes from.
    pub(crate) trusted_proxies: Vec<super::values::Network>,
    /// Whether connections from trusted proxies begin with a PROXY protocol header (version 1 or 2).
    pub(crate) proxy_protocol: bool,
    /// Whether `Forwarded` wins over `X-Forwarded-For` where a request has both.
    pub(crate) prefer_forwarded: bool,
    /// Whether `base_url` may be http: on a developer's machine.
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

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum DatabaseSection {
    /// Embedded: one file, one node.
    Sqlite {
        /// The file; relative to the data folder.
        #[serde(default = "sqlite_file")]
        path: PathBuf,
    },
    /// A server: any number of nodes.
    Postgresql {
        /// `postgresql://user@host/database`.
        url: String,
        /// Connections at most.
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

/// `[session]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SessionSection {
    pub(crate) timeout: TimeoutSection,
    /// How long ended sessions and what applications were told of them are kept.
    pub(crate) history: Option<Duration>,
    /// Whether people are asked if they want to stay signed in.
    pub(crate) remember_me: RememberMe,
    /// A database of places in MaxMind's format (GeoLite2 City); relative to this file.
    pub(crate) places: Option<PathBuf>,
    /// How long the addresses of ended sessions are kept; when left out, as long as the sessions.
    pub(crate) addresses: Option<Duration>,
}

/// `[session.timeout]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TimeoutSection {
    /// A session that nobody uses.
    pub(crate) idle_session_timeout: Option<Duration>,
    /// A session of someone who asked to stay signed in.
    pub(crate) remember_me_session_timeout: Option<Duration>,
    /// Any session, whatever happens. Off when left out.
    pub(crate) maximum_session_timeout: Option<Duration>,
}

/// `[oauth]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OauthSection {
    /// What tenants call themselves in tokens, where that isn't their address; `{base}` stands for the address.
    pub(crate) issuer: Option<String>,
    /// The same for single tenants, by name.
    pub(crate) tenant_issuers: std::collections::HashMap<String, String>,
    pub(crate) token_validation: TokenSection,
    pub(crate) dcr: RegistrationSection,
}

/// `[oauth.dcr]`: whether applications register themselves.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RegistrationSection {
    /// "off", "initial_access_token" or "open".
    pub(crate) mode: RegistrationWord,
    /// What opens the registration in that mode: at least 32 characters.
    pub(crate) initial_access_token: Option<String>,
    /// Registrations in an hour from one address, where anyone may register.
    pub(crate) per_address: Option<i64>,
    /// Registrations in an hour in all, where anyone may register.
    pub(crate) in_all: Option<i64>,
}

/// `[sign_up]`: limits for accounts that people make themselves, where a tenant lets them.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SignUpSection {
    /// Mails in an hour that are asked for from one address.
    pub(crate) per_address: Option<i64>,
    /// Mails in an hour in one tenant.
    pub(crate) in_all: Option<i64>,
}

/// `[retention]`: how long what only records something is kept.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetentionSection {
    /// Events.
    pub(crate) events: Option<Duration>,
    /// The audit log.
    pub(crate) audit: Option<Duration>,
    /// Browsers by which people are known again.
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

/// `[keys]`: signing keys.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KeysSection {
    /// How long a key is in use; without it until someone rotates it.
    pub(crate) rotate_every: Option<Duration>,
    /// How long the next key is published before it signs.
    pub(crate) publish_ahead: Option<Duration>,
}

/// `[oauth.token_validation]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenSection {
    /// An authorization code.
    pub(crate) authorization_code_validity: Option<Duration>,
    /// An access token.
    pub(crate) access_token_validity: Option<Duration>,
    /// An access token that is a JWT.
    pub(crate) jwt_access_token_validity: Option<Duration>,
    /// An ID token.
    pub(crate) id_token_validity: Option<Duration>,
    /// A refresh token.
    pub(crate) refresh_token_validity: Option<Duration>,
    /// A logout token.
    pub(crate) logout_token_validity: Option<Duration>,
}

/// `[pages]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PagesSection {
    /// A folder of further languages, a file each; relative to this file.
    pub(crate) languages: Option<PathBuf>,
}

/// `[password]`: what people may choose.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PasswordSection {
    /// Fewest characters where nothing but the password protects an account.
    pub(crate) min_length: Option<usize>,
    /// The same where a second factor protects it too; left out: `min_length`, else 8.
    pub(crate) min_length_with_second_factor: Option<usize>,
    /// Whether those are refused that are guessed first.
    pub(crate) refuse_common: Option<bool>,
    /// How many earlier ones can't be chosen again.
    pub(crate) history: Option<i64>,
}

/// `[throttle]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ThrottleSection {
    /// Attempts to sign in to one account within the window.
    pub(crate) per_account: Option<i64>,
    /// Attempts to sign in from one address within the window.
    pub(crate) per_address: Option<i64>,
    /// The window.
    pub(crate) window: Option<Duration>,
}

/// `[outgoing]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OutgoingSection {
    /// Certificates in PEM of the only authorities to trust; relative to this file.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether applications may be at private and loopback addresses.
    pub(crate) allow_private_addresses: bool,
    /// Time limit of one request.
    pub(crate) timeout: Option<Duration>,
}

/// `[mail]`: over SMTP, or into a folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailSection {
    /// The sender, such as "Sojourn <no-reply@example.com>".
    pub(crate) from: String,
    /// The SMTP server.
    pub(crate) host: Option<String>,
    /// Its port: 587 when left out, 465 with implicit TLS.
    pub(crate) port: Option<u16>,
    /// "starttls", "implicit" or "none".
    #[serde(default)]
    pub(crate) tls: MailTlsWord,
    /// User name at the SMTP server.
    pub(crate) username: Option<String>,
    /// Password there.
    pub(crate) password: Option<String>,
    /// A folder in which mails are written instead, a file each; relative to this file.
    pub(crate) folder: Option<PathBuf>,
    /// A folder with mails in the operator's own words; relative to this file.
    pub(crate) templates: Option<PathBuf>,
    /// Whether addresses that administrators give by SCIM count as proved: mails about passwords go to proved ones alone.
    #[serde(default)]
    pub(crate) trust_given_addresses: bool,
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

/// `[passkeys]`: what is set here can't be changed later, since every passkey is bound to it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PasskeysSection {
    /// For whom passkeys are made: the host of `base_url`, or a domain above it.
    pub(crate) rp_id: Option<String>,
    /// Further origins whose pages may use them.
    pub(crate) related_origins: Vec<String>,
}

/// `[cluster]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClusterSection {
    /// By how much the clocks of nodes may differ.
    pub(crate) clock_skew: Option<Duration>,
}

/// `[log]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    /// "error", "warn", "info" or "debug", also by module.
    pub(crate) level: Option<String>,
    /// One JSON object a line.
    pub(crate) json: bool,
    /// A line for each request.
    pub(crate) access: bool,
}

/// `[[role]]`: made at the first start, then the database's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleSection {
    /// Its name.
    pub(crate) name: String,
    /// Scopes that it carries.
    #[serde(default)]
    pub(crate) permissions: Vec<String>,
}

/// `[[user]]` and `[super_admin]`: made at the first start, then the database's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserSection {
    /// Login name.
    pub(crate) username: String,
    /// Password at the first sign-in.
    pub(crate) password: Option<String>,
    /// Name to show.
    pub(crate) display_name: Option<String>,
    /// Given name.
    pub(crate) given_name: Option<String>,
    /// Family name.
    pub(crate) family_name: Option<String>,
    /// Mail address.
    pub(crate) email: Option<String>,
    /// Whether the address is known to be the person's.
    #[serde(default)]
    pub(crate) email_verified: bool,
    /// What applications may learn besides.
    #[serde(default)]
    pub(crate) claims: ClaimsSection,
    /// Roles.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Accepted for files of WSO2; the account is made in any case.
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
