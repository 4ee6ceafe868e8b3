//! Reads, by what they are about. Each takes the tenant; a row of another tenant isn't there.

pub(crate) mod delivery;
mod directory;
mod end;
mod grant;
mod operation;
mod session;

pub use delivery::DeliveryBacklog;
pub use end::EndPreview;
pub use grant::{ConsentRow, GrantExpiry, SessionStanding, SharedStanding, Standing};
pub use operation::AuditEntry;
pub use session::{SessionExpiry, SignInBound, StayRow};
