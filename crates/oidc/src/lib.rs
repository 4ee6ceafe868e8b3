//! The rules of OpenID Connect and OAuth 2.0 as pure functions that parse requests, check them, decide and
//! build responses.
//!
//! Nothing here reads a clock, a socket or a database: everything that a rule needs is an argument.

pub mod authorize;
pub mod claims;
pub mod claims_request;
pub mod client_auth;
pub mod discovery;
pub mod error;
pub mod interaction;
pub mod introspection;
pub mod logout;
pub mod params;
pub mod pkce;
mod redirect;
pub mod registration;
pub mod response;
pub mod scope;
pub mod token_request;

pub use authorize::{AuthorizeRequest, Prompt};
pub use claims::{IdTokenClaims, LogoutTokenClaims};
pub use claims_request::ClaimsRequest;
pub use client_auth::ClientCredentials;
pub use discovery::{Endpoints, discovery_document};
pub use error::OAuthError;
pub use interaction::{Needs, needs};
pub use logout::{LogoutDecision, LogoutSituation, decide_logout};
pub use params::{ParamError, Params};
pub use redirect::RedirectRules;
pub use response::{ReplyTo, ResponseMode, ResponseType};
