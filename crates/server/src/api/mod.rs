//! The REST APIs. They never accept the session cookie.

pub(crate) mod application_secrets;
pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod configs;
mod error;
pub(crate) mod factors;
pub(crate) mod inbound_oidc;
pub(crate) mod inbound_saml;
mod json;
mod list;
pub(crate) mod me_sessions;
pub(crate) mod object;
mod refusal;
pub(crate) mod tenant_sessions;
pub(crate) mod tenants;
pub(crate) mod user_sessions;
pub(crate) mod v1;
