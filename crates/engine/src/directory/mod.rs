//! Users, roles and applications, as far as sessions need them.

mod api_caller;
mod applications;
mod bootstrap;
mod registration;
mod roles;
mod users;

pub use api_caller::{ApiCaller, ApiRefused, CallerKind};
pub use applications::NewApplication;
pub use bootstrap::{CONSOLE, MY_ACCOUNT};
pub use registration::RegistrationRefused;
pub use roles::{RoleChange, RoleRemoval};
pub use users::NewUser;
