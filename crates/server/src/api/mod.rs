//! The REST APIs. They never take the session cookie.

pub(crate) mod caller;
pub(crate) mod configs;
mod error;
mod json;
mod list;
pub(crate) mod me_sessions;
pub(crate) mod tenant_sessions;
pub(crate) mod user_sessions;
pub(crate) mod v1;
