//! Sojourn's use cases, one file each.
//!
//! A use case reads state, lets the pure crates decide, and writes one change set. It doesn't depend on an HTTP
//! server: outbound calls (such as logout tokens) and heavy work (such as password hashes) are traits that the layer
//! above implements.

mod apply;
mod audit;
mod authority;
mod catalog;
mod clock;
mod deliver;
mod deliveries;
mod demands;
pub mod directory;
mod end;
mod end_plan;
pub mod ending;
mod engine;
mod error;
pub mod factors;
mod fetch;
mod handlers;
mod installation;
mod jobs;
mod keys;
mod mail;
mod memory;
mod news;
mod outside;
mod passwords;
mod policy;
mod policy_settings;
mod rank;
mod reaction;
mod reads;
mod rights;
pub mod saml;
pub mod scim;
pub mod session;
mod settings;
pub mod sign_in;
pub mod sign_up;
mod tasks;
mod throttle;
pub mod tokens;
mod work;

pub use audit::{AuditPage, AuditPlace, AuditQuestion, Tail};
pub use authority::{Authority, Who};
pub use deliveries::DeliveryQuery;
pub use demands::Demands;
pub use end::Ended;
pub use end_plan::EndPlan;
pub use engine::{Engine, EngineParts};
pub use error::EngineError;
pub use installation::Installation;
pub use keys::ensure_master_key;
pub use memory::breaker::ApplicationHealth;
pub use memory::key_sets::{KeySet, TenantKey};
pub use memory::outbox::Outbox;
pub use outside::{
    Addressee, AttemptResult, Boxed, DeliverySender, Fetcher, Letter, Letters, Mailer, News,
    Offload, WebhookSender, Written,
};
pub use reads::Reads;
pub use rights::{ADMIN_SCOPES, Right, Rights};
pub use settings::{
    CLOCK_SKEW_MS, CertificateOwner, HandlerKind, HandlerSettings, Issuers, KeySettings, Lockout,
    PasskeySettings, PasswordRules, RegistrationLimits, RegistrationMode, Retention, RoleDirection,
    Settings, Termination, ThrottleLimits, Webhook, path_of,
};
pub use sojourn_crypto::{b64url, constant_time_eq, sha256, unb64url};
pub use sojourn_oidc::RedirectRules;
pub use sojourn_store::{AuditEntry, Call, DeliveryBacklog, EndPreview, Pool, StayRow, StoreError};
