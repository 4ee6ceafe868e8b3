//! Users, roles and applications, as far as sessions need them.

mod account_state;
mod api_caller;
mod application_management;
mod application_secrets;
mod applications;
mod bootstrap;
mod groups;
mod invitation;
mod look;
mod membership;
mod names;
mod password;
mod password_reset;
mod registration;
mod roles;
mod secure_account;
mod tenants;
mod users;

pub(crate) use account_state::StateChange;
pub use api_caller::ApiRefused;
pub use application_management::{application_document, frame_source};
pub(crate) use application_secrets::SecretUses;
pub use application_secrets::{NewSecret, SecretInfo};
pub use applications::NewApplication;
pub use bootstrap::{CONSOLE, MY_ACCOUNT};
pub use groups::GroupWrite;
pub use look::LogoChange;
pub use membership::Members;
pub(crate) use names::{check_shown, checked_name, looked_for, opaque, visible};
pub use password::PasswordRefused;
pub use registration::RegistrationRefused;
pub(crate) use roles::REMOVAL;
pub use roles::{RoleChange, RoleRemoval, RoleWrite};
pub use tenants::NewTenant;
pub(crate) use users::end_id;
pub use users::{NewUser, PasswordGiven};
