//! Sojourn's use cases, one file each.
//!
//! A use case reads state, lets the pure crates decide, and writes one change set. It doesn't depend on an HTTP
//! server: outbound calls (such as logout tokens) and heavy work (such as password hashes) are traits that the layer
//! above implements.

mod audit;
mod authority;
mod breaker;
mod catalog;
mod clock;
mod deliver;
mod deliveries;
pub mod directory;
mod end;
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
mod news;
mod outbox;
mod passwords;
mod policy;
mod present;
mod rank;
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

pub use audit::{AuditPage, AuditPlace, AuditQuestion, Tail};
pub use authority::{Authority, Who};
pub use breaker::ApplicationHealth;
pub use catalog::{KeySet, TenantKey};
pub use deliver::{AttemptResult, DeliverySender};
pub use deliveries::DeliveryQuery;
pub use end::{EndPlan, Ended};
pub use engine::{Engine, EngineParts};
pub use error::EngineError;
pub use fetch::Fetcher;
pub use installation::Installation;
pub use keys::ensure_master_key;
pub use mail::{Addressee, Letter, Letters, Mailer, News, Written};
pub use outbox::Outbox;
pub use passwords::{Boxed, Offload};
pub use policy::Demands;
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
pub use tasks::WebhookSender;
