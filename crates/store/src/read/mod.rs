//! Reads, grouped by subject. Each takes the tenant and never returns rows of another tenant.

pub(crate) mod delivery;
mod directory;
mod end;
mod factor;
mod grant;
pub(crate) mod operation;
mod people;
mod saml;
mod search;
mod session;
mod sign_up;
pub(crate) mod task;

pub use delivery::DeliveryBacklog;
pub use directory::KnownBrowser;
pub use end::EndPreview;
pub use grant::{
    ClientStanding, CodeStanding, ConsentRow, GrantExpiry, SessionStanding, SharedStanding,
    Standing,
};
pub use operation::{AuditEntry, Oldest};
pub use people::UserOrder;
pub use saml::NamedStay;
pub use search::{OpenWork, Place, SessionRange};
pub use session::{SessionExpiry, StayRow};
pub use task::{TaskBacklog, TaskPlace};
