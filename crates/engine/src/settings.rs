//! What an organisation sets, as the use cases need it.

use sojourn_crypto::PasswordPolicy;
use sojourn_model::{EventName, Lifetimes, Tenant, TenantId};

/// Settings of a running server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Scheme, host and port, without a slash at the end: the default tenant's issuer.
    pub base_url: String,
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
    /// Signing keys.
    pub keys: KeySettings,
    /// Whether applications register themselves.
    pub registration: RegistrationMode,
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
            lifetimes: Lifetimes::default(),
            password: PasswordPolicy::default(),
            throttle: ThrottleLimits::default(),
            basic_authentication: true,
            handlers: Vec::new(),
            history_ms: 90 * 24 * 3_600_000,
            keys: KeySettings::default(),
            registration: RegistrationMode::Off,
        }
    }
}

impl Settings {
    /// A tenant's issuer.
    #[must_use]
    pub fn issuer(&self, tenant: &Tenant) -> String {
        if tenant.id == TenantId::DEFAULT {
            self.base_url.clone()
        } else {
            format!("{}/t/{}", self.base_url, tenant.name)
        }
    }
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
    /// `sessionTermination`.
    pub name: String,
    /// The events it reacts to.
    pub subscriptions: Vec<EventName>,
    /// Which direction of a role change concerns it.
    pub on: RoleDirection,
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
