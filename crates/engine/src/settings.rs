//! Settings of the organisation, in the form that the use cases need.

use std::collections::HashMap;

use sojourn_crypto::PasswordPolicy;
use sojourn_model::{Effects, EventName, Lifetimes, TaskRule, Tenant, TenantId};

/// Settings of a running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address of the default tenant: scheme, host, port and optionally a path, without a trailing slash.
    pub base_url: String,
    /// Issuers of tenants that differ from their addresses.
    pub issuers: Issuers,
    /// Lifetimes of sessions, tokens and codes.
    pub lifetimes: Lifetimes,
    /// Cost parameters of a password hash.
    pub password: PasswordPolicy,
    /// Rate limits for attempts to sign in.
    pub throttle: ThrottleLimits,
    /// Whether APIs accept HTTP Basic authentication.
    pub basic_authentication: bool,
    /// Registered event handlers, each with its subscriptions.
    pub handlers: Vec<HandlerSettings>,
    /// How long ended sessions and settled deliveries are kept, in milliseconds.
    pub history_ms: i64,
    /// How long the addresses of ended sessions are kept, in milliseconds; `None`: as long as the sessions.
    pub addresses_ms: Option<i64>,
    /// Owners of client certificates, by the SHA-256 of the certificate; all in the default tenant.
    pub certificates: HashMap<[u8; 32], CertificateOwner>,
    /// Whether users get a mail about a sign-in from an unknown browser; only where mail can be sent.
    pub mails_new_browsers: bool,
    /// Maximum difference between the clocks of two nodes, in milliseconds.
    pub clock_skew_ms: i64,
    /// Relying party for which passkeys and security keys are created.
    pub passkeys: PasskeySettings,
    /// Schedule for the rotation of signing keys.
    pub keys: KeySettings,
    /// Who may register applications dynamically (RFC 7591).
    pub registration: RegistrationMode,
    /// Maximum number of dynamic registrations per hour, if anyone may register.
    pub registrations: RegistrationLimits,
    /// Maximum number of sign-up mails per hour.
    pub sign_ups: RegistrationLimits,
    /// How long records such as events and audit rows are kept.
    pub retention: Retention,
    /// Requirements on a new password.
    pub password_rules: PasswordRules,
    /// The organisation's additions to the SCIM attributes of users.
    pub custom_attributes: Vec<sojourn_scim::schema::Custom>,
    /// When failed attempts lock an account; `None`: never, they are only throttled.
    pub lockout: Option<Lockout>,
    /// Whether users who forgot their password can request a link by mail; only where mail can be sent.
    pub resets_by_mail: bool,
    /// Whether mail addresses that administrators set through SCIM count as verified.
    pub trusts_given_addresses: bool,
}

/// Default for the maximum difference between the clocks of two nodes, in milliseconds.
pub const CLOCK_SKEW_MS: i64 = 30_000;

/// When failed attempts lock an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// Number of failed attempts in the throttle's window that locks the account.
    pub attempts: i64,
    /// Milliseconds after which the account is unlocked automatically; `None`: only an administrator unlocks it.
    pub unlock_after_ms: Option<i64>,
}

/// Requirements on a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRules {
    /// Minimum number of characters if the password is the only protection of an account (NIST SP 800-63B-4
    /// §3.1.1.2). `None` keeps what the installation started with: 15, or 8 if it is older than that rule.
    pub length_alone: Option<usize>,
    /// Minimum number of characters if a second factor protects the account too.
    pub length_with_second_factor: usize,
    /// Whether the most common passwords are refused.
    pub refuse_common: bool,
    /// Number of previous passwords that can't be reused.
    pub history: i64,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { length_alone: None, length_with_second_factor: 8, refuse_common: true, history: 0 }
    }
}

/// The owner of a client certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateOwner {
    /// A user, identified by login name.
    User(String),
    /// An application, identified by `client_id`; its rights are its own scopes.
    Application(String),
}

/// Who may register applications (RFC 7591 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Nobody: dynamic registration is disabled.
    #[default]
    Off,
    /// Anyone who presents this initial access token.
    WithToken(String),
    /// Anyone, within the limits of [`Settings::registrations`].
    Open,
}

/// Maximum number of registrations per hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationLimits {
    /// From one address, in one tenant.
    pub per_address: i64,
    /// From all addresses together, in one tenant.
    pub in_all: i64,
}

impl Default for RegistrationLimits {
    fn default() -> Self {
        Self { per_address: 20, in_all: 200 }
    }
}

/// How long records are kept, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events; those that a handler has yet to process stay longer.
    pub events_ms: i64,
    /// Rows of the audit log.
    pub audit_ms: i64,
    /// Known browsers of users, counted from the last sign-in.
    pub browsers_ms: i64,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: i64 = 24 * 3_600_000;
        Self { events_ms: 90 * DAY, audit_ms: 730 * DAY, browsers_ms: 400 * DAY }
    }
}

/// Relying party for which passkeys and security keys are created (Web Authentication §5.1.2). It can't be changed
/// later: every existing key would be lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PasskeySettings {
    /// Id of the relying party: the host of the server's address, or a domain above it; `None`: the host.
    pub rp_id: Option<String>,
    /// Further origins that may use the same keys, such as `https://example.net` (§5.11).
    pub related_origins: Vec<String>,
    /// Whether users without a passkey are offered one after they signed in with a password, now and then.
    pub offer_after_password: bool,
}

/// The relying party that keys are created for, and its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// Id of the relying party, a domain name.
    pub id: String,
    /// Origins of its pages; this server's origin is first.
    pub origins: Vec<String>,
}

/// Schedule for the rotation of signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySettings {
    /// Milliseconds that a key is in use; `None`: until someone rotates it.
    pub rotate_every_ms: Option<i64>,
    /// Milliseconds that the next key is published before it signs.
    pub publish_ahead_ms: i64,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self { rotate_every_ms: None, publish_ahead_ms: 3_600_000 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://localhost:9443".into(),
            issuers: Issuers::default(),
            lifetimes: Lifetimes::default(),
            password: PasswordPolicy::default(),
            throttle: ThrottleLimits::default(),
            basic_authentication: true,
            handlers: Vec::new(),
            history_ms: 90 * 24 * 3_600_000,
            addresses_ms: None,
            certificates: HashMap::new(),
            mails_new_browsers: false,
            clock_skew_ms: CLOCK_SKEW_MS,
            passkeys: PasskeySettings::default(),
            keys: KeySettings::default(),
            registration: RegistrationMode::Off,
            registrations: RegistrationLimits::default(),
            sign_ups: RegistrationLimits::default(),
            retention: Retention::default(),
            password_rules: PasswordRules::default(),
            custom_attributes: Vec::new(),
            lockout: None,
            resets_by_mail: false,
            trusts_given_addresses: false,
        }
    }
}

impl Settings {
    /// The rules by which the store creates tasks for handlers with every change set.
    pub(crate) fn task_rules(&self) -> Vec<TaskRule> {
        let mut rules = Vec::new();
        for handler in &self.handlers {
            let delay_ms = match &handler.kind {
                HandlerKind::SessionTermination(termination) if termination.is_at_once() => {
                    continue;
                }
                HandlerKind::SessionTermination(termination) => termination.delay_ms,
                HandlerKind::Webhook(_) => 0,
            };
            rules.extend(handler.subscriptions.iter().map(|event| TaskRule {
                event: *event,
                handler: handler.id.clone(),
                delay_ms,
            }));
        }
        rules
    }

    /// The base URL of a tenant's endpoints.
    #[must_use]
    pub fn address(&self, tenant: &Tenant) -> String {
        if tenant.id == TenantId::DEFAULT {
            self.base_url.clone()
        } else {
            format!("{}/t/{}", self.base_url, tenant.name)
        }
    }

    /// The host of the server's address; empty if the address has none.
    #[must_use]
    pub fn host(&self) -> String {
        let url = url::Url::parse(&self.base_url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The relying party that keys are created for; `None` if the server's address is an IP address, for which
    /// browsers create no keys.
    #[must_use]
    pub fn relying_party(&self) -> Option<RelyingParty> {
        let url = url::Url::parse(&self.base_url).ok()?;
        let id = match &self.passkeys.rp_id {
            Some(id) => id.clone(),
            None => url.domain()?.to_owned(),
        };
        let mut origins = vec![url.origin().ascii_serialization()];
        origins.extend(self.passkeys.related_origins.iter().cloned());
        Some(RelyingParty { id, origins })
    }

    /// A tenant's issuer: its address, unless the settings override it.
    #[must_use]
    pub fn issuer(&self, tenant: &Tenant) -> String {
        let form = self.issuers.tenants.get(&tenant.name).or(self.issuers.form.as_ref());
        match form {
            Some(form) => form.replace("{base}", &self.address(tenant)),
            None => self.address(tenant),
        }
    }

    /// Scheme, host and port of `base_url`, in the form of a browser's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.base_url.split_at(self.base_url.len() - self.path().len()).0
    }

    /// The path of `base_url`: empty, or one that starts with a slash and doesn't end with one.
    #[must_use]
    pub fn path(&self) -> &str {
        path_of(&self.base_url)
    }
}

/// The path of an address without a query: empty, or one that starts with a slash.
#[must_use]
pub fn path_of(address: &str) -> &str {
    let host = address.split_once("://").map_or("", |(_, host)| host);
    host.find('/').map_or("", |at| host.split_at(at).1)
}

/// Issuers that differ from their tenants' addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuers {
    /// Template for every tenant; `{base}` stands for the tenant's address.
    pub form: Option<String>,
    /// Issuers of individual tenants, by name; they override the template.
    pub tenants: HashMap<String, String>,
}

/// Maximum number of attempts to sign in within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Maximum number of attempts at one account.
    pub per_account: i64,
    /// Maximum number of attempts from one address.
    pub per_address: i64,
    /// Milliseconds from the first attempt until counting starts again.
    pub window_ms: i64,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self { per_account: 10, per_address: 100, window_ms: 5 * 60_000 }
    }
}

/// An event handler from `deployment.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerSettings {
    /// Unique id of the handler in tasks, logs and APIs.
    pub id: String,
    /// Events that the handler reacts to.
    pub subscriptions: Vec<EventName>,
    /// What the handler does, with its parameters.
    pub kind: HandlerKind,
}

impl HandlerSettings {
    /// The handler from the article: it ends the sessions of users that a role change affects.
    #[must_use]
    pub fn session_termination(subscriptions: Vec<EventName>, on: RoleDirection) -> Self {
        let kind = HandlerKind::SessionTermination(Termination { on, ..Termination::default() });
        Self { id: "sessionTermination".into(), subscriptions, kind }
    }

    /// Changes the parameters of a handler that ends sessions; other handlers stay the same.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Termination)) -> Self {
        if let HandlerKind::SessionTermination(termination) = &mut self.kind {
            change(termination);
        }
        self
    }
}

/// What a handler does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandlerKind {
    /// `sessionTermination`: ends the sessions of the affected users, or requires them to sign in again.
    SessionTermination(Termination),
    /// `webhook`: posts the event to an address (Standard Webhooks).
    Webhook(Webhook),
}

impl HandlerKind {
    /// The name of the kind in the configuration file.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionTermination(_) => "sessionTermination",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// Parameters of a `sessionTermination` handler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Termination {
    /// Direction of the role changes that the handler reacts to.
    pub on: RoleDirection,
    /// Names of the roles that the handler reacts to; empty: all roles.
    pub roles: Vec<String>,
    /// What the handler ends; `None`: the default effects of a role change.
    pub effects: Option<Effects>,
    /// Whether sessions stay active, but users must sign in again before they reach an application.
    pub sign_in: bool,
    /// Milliseconds between the event and the end.
    pub delay_ms: i64,
    /// Whether the handler only reports what it would end.
    pub dry_run: bool,
}

impl Termination {
    /// Returns whether the handler acts in the transaction of the event, without a task.
    #[must_use]
    pub fn is_at_once(&self) -> bool {
        self.delay_ms == 0 && !self.dry_run
    }

    /// Returns whether the handler reacts to a change of a role.
    #[must_use]
    pub fn concerns(&self, direction: RoleDirection, role: &str) -> bool {
        (self.on == RoleDirection::Any || self.on == direction)
            && (self.roles.is_empty()
                || self.roles.iter().any(|name| name.eq_ignore_ascii_case(role)))
    }
}

/// Destination of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// URL that events are posted to.
    pub url: String,
    /// Secrets for signatures, newest first. Each one creates a signature, so that a secret can be rotated without
    /// downtime.
    pub secrets: Vec<Vec<u8>>,
    /// Number of attempts before a task is parked.
    pub attempts_max: i64,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({}, {} secrets)", self.url, self.secrets.len())
    }
}

/// The direction of a role change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RoleDirection {
    /// A role was revoked from a user, or a permission from a role.
    Removed,
    /// A role was granted to a user, or a permission to a role.
    Added,
    /// Both directions, the default.
    #[default]
    Any,
}
