//! What an organisation sets, as the use cases need it.

use std::collections::HashMap;

use sojourn_crypto::PasswordPolicy;
use sojourn_model::{Effects, EventName, Lifetimes, Tenant, TenantId};

/// Settings of a running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Scheme, host, port and perhaps a path, without a slash at the end: where the default tenant is.
    pub base_url: String,
    /// What the tenants call themselves in tokens, where that isn't their address.
    pub issuers: Issuers,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// What a password hash costs.
    pub password: PasswordPolicy,
    /// Against guessing.
    pub throttle: ThrottleLimits,
    /// Whether APIs take Basic authentication.
    pub basic_authentication: bool,
    /// Registered event handlers.
    pub handlers: Vec<HandlerSettings>,
    /// How long ended sessions and settled deliveries are kept, in milliseconds.
    pub history_ms: i64,
    /// How long the addresses of ended sessions are kept, in milliseconds; `None`: as long as the sessions.
    pub addresses_ms: Option<i64>,
    /// Whom client certificates stand for, by SHA-256 of the certificate; in the default tenant.
    pub certificates: HashMap<[u8; 32], CertificateOwner>,
    /// Whether a mail tells of a sign-in from an unknown browser; only where mail can be sent.
    pub mails_new_browsers: bool,
    /// By how much the clocks of nodes may differ, in milliseconds.
    pub clock_skew_ms: i64,
    /// For whom passkeys and security keys are made.
    pub passkeys: PasskeySettings,
    /// Signing keys.
    pub keys: KeySettings,
    /// Whether applications register themselves.
    pub registration: RegistrationMode,
    /// How many may register in an hour, where anyone may.
    pub registrations: RegistrationLimits,
    /// How many mails may be sent in an hour by which people make accounts.
    pub sign_ups: RegistrationLimits,
    /// How long what only records something is kept.
    pub retention: Retention,
    /// What a new password has to be.
    pub password_rules: PasswordRules,
    /// What the organisation adds to what SCIM knows of users.
    pub custom_attributes: Vec<sojourn_scim::schema::Custom>,
    /// When failed attempts lock an account; `None`: never, they are throttled alone.
    pub lockout: Option<Lockout>,
    /// Whether a person who forgot the password gets a link by mail; only where mail can be sent.
    pub resets_by_mail: bool,
    /// Whether mail addresses that administrators write by SCIM count as proved.
    pub trusts_given_addresses: bool,
}

/// How far the clocks of two nodes may be apart where nothing else is said, in milliseconds.
pub const CLOCK_SKEW_MS: i64 = 30_000;

/// When failed attempts lock an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// So many in the window of the throttle.
    pub attempts: i64,
    /// Milliseconds after which it opens by itself; `None`: by an administrator alone.
    pub unlock_after_ms: Option<i64>,
}

/// What a new password has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRules {
    /// Fewest characters where nothing but the password protects an account (NIST SP 800-63B-4 §3.1.1.2). Left out, what
    /// the installation began with: 15, or 8 if it is older than that rule.
    pub length_alone: Option<usize>,
    /// Fewest characters where a second factor protects it too.
    pub length_with_second_factor: usize,
    /// Whether passwords are refused that are among the most common ones.
    pub refuse_common: bool,
    /// How many earlier passwords can't be chosen again.
    pub history: i64,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { length_alone: None, length_with_second_factor: 8, refuse_common: true, history: 0 }
    }
}

/// Whom a client certificate stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateOwner {
    /// A user, by login name.
    User(String),
    /// An application, by `client_id`; it may what its own scopes say.
    Application(String),
}

/// Who may register applications (RFC 7591 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Off,
    /// Whoever presents this token.
    WithToken(String),
    /// Anyone.
    Open,
}

/// Registrations in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistrationLimits {
    /// From one address.
    pub per_address: i64,
    /// From all together, in one tenant.
    pub in_all: i64,
}

impl Default for RegistrationLimits {
    fn default() -> Self {
        Self { per_address: 20, in_all: 200 }
    }
}

/// How long what only records something is kept, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events; those stay that a handler has not dealt with.
    pub events_ms: i64,
    /// The audit log.
    pub audit_ms: i64,
    /// Browsers by which people are known again, from the last sign-in.
    pub browsers_ms: i64,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: i64 = 24 * 3_600_000;
        Self { events_ms: 90 * DAY, audit_ms: 730 * DAY, browsers_ms: 400 * DAY }
    }
}

/// For whom passkeys and security keys are made (Web Authentication §5.1.2). What is set here can't be changed later: every
/// key that was made before would be lost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PasskeySettings {
    /// The relying party's id: the host of the address, or a domain above it; `None`: the host.
    pub rp_id: Option<String>,
    /// Further origins whose pages may use the same keys, such as `https://example.net` (§5.11).
    pub related_origins: Vec<String>,
}

/// For whom keys are made, and on which pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// Its id: a domain.
    pub id: String,
    /// The origins of its pages, that of this server first.
    pub origins: Vec<String>,
}

/// When signing keys change.
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
    /// Where a tenant's endpoints are.
    #[must_use]
    pub fn address(&self, tenant: &Tenant) -> String {
        if tenant.id == TenantId::DEFAULT {
            self.base_url.clone()
        } else {
            format!("{}/t/{}", self.base_url, tenant.name)
        }
    }

    /// The host of the server's address.
    #[must_use]
    pub fn host(&self) -> String {
        let url = url::Url::parse(&self.base_url).ok();
        url.and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// For whom keys are made; nothing where the address is that of a machine, which browsers make none for.
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

    /// A tenant's issuer: its address, unless another one was chosen.
    #[must_use]
    pub fn issuer(&self, tenant: &Tenant) -> String {
        let form = self.issuers.tenants.get(&tenant.name).or(self.issuers.form.as_ref());
        match form {
            Some(form) => form.replace("{base}", &self.address(tenant)),
            None => self.address(tenant),
        }
    }

    /// Scheme, host and port of `base_url`, as browsers write an origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.base_url.split_at(self.base_url.len() - self.path().len()).0
    }

    /// The path of `base_url`: empty, or one that begins with a slash and ends without.
    #[must_use]
    pub fn path(&self) -> &str {
        path_of(&self.base_url)
    }
}

/// The path of an address without a query: empty, or one that begins with a slash.
#[must_use]
pub fn path_of(address: &str) -> &str {
    let host = address.split_once("://").map_or("", |(_, host)| host);
    host.find('/').map_or("", |at| host.split_at(at).1)
}

/// Issuers that aren't their tenants' addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Issuers {
    /// For every tenant; `{base}` stands for the tenant's address.
    pub form: Option<String>,
    /// For single tenants, by name.
    pub tenants: HashMap<String, String>,
}

/// How many attempts to sign in are allowed in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleLimits {
    /// Attempts at one account.
    pub per_account: i64,
    /// Attempts from one address.
    pub per_address: i64,
    /// Milliseconds from the first attempt until counting begins anew.
    pub window_ms: i64,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self { per_account: 10, per_address: 100, window_ms: 5 * 60_000 }
    }
}

/// A handler registered in `deployment.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerSettings {
    /// Names it in tasks, logs and APIs; no other has it.
    pub id: String,
    /// The events it reacts to.
    pub subscriptions: Vec<EventName>,
    /// What it does.
    pub kind: HandlerKind,
}

impl HandlerSettings {
    /// The handler of the article: it ends the sessions of those whom a change of roles concerns.
    #[must_use]
    pub fn session_termination(subscriptions: Vec<EventName>, on: RoleDirection) -> Self {
        let kind = HandlerKind::SessionTermination(Termination { on, ..Termination::default() });
        Self { id: "sessionTermination".into(), subscriptions, kind }
    }

    /// The same, narrowed.
    ///
    /// Only for handlers that end sessions; others stay as they are.
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
    /// `sessionTermination`: ends the sessions of the users concerned, or demands a fresh sign-in of them.
    SessionTermination(Termination),
    /// `webhook`: posts the event to an address (Standard Webhooks).
    Webhook(Webhook),
}

impl HandlerKind {
    /// The name in configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionTermination(_) => "sessionTermination",
            Self::Webhook(_) => "webhook",
        }
    }
}

/// How `sessionTermination` reacts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Termination {
    /// Which direction of a role change concerns it.
    pub on: RoleDirection,
    /// The roles whose change concerns it, by name; none: all.
    pub roles: Vec<String>,
    /// What it ends; by default what a change of roles ends.
    pub effects: Option<Effects>,
    /// Whether sessions stay, and their people sign in afresh before an application is reached again.
    pub sign_in: bool,
    /// Milliseconds between the event and what it does.
    pub delay_ms: i64,
    /// Whether it only says what it would do.
    pub dry_run: bool,
}

impl Termination {
    /// Whether it acts in the transaction of the event, and not by a task.
    #[must_use]
    pub fn is_at_once(&self) -> bool {
        self.delay_ms == 0 && !self.dry_run
    }

    /// Whether a change of a role concerns it.
    #[must_use]
    pub fn concerns(&self, direction: RoleDirection, role: &str) -> bool {
        (self.on == RoleDirection::Any || self.on == direction)
            && (self.roles.is_empty()
                || self.roles.iter().any(|name| name.eq_ignore_ascii_case(role)))
    }
}

/// Where a webhook goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its address.
    pub url: String,
    /// Secrets that sign it, the newest first: each makes a signature, so that one can be replaced by another.
    pub secrets: Vec<Vec<u8>>,
    /// Attempts before a task is parked.
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
    /// A role was taken away.
    Removed,
    /// A role was given.
    Added,
    /// Either.
    #[default]
    Any,
}
