//! The rules of SAML 2.0 for an identity provider, as pure functions: no clock, no network, no database.
//!
//! A message is read in four steps. [`binding`] extracts it from its transport encoding. [`xml::Document::parse`]
//! parses it once and rejects what no message needs. [`signature::verify`] returns the node that was verified
//! ([`signature::Trusted`]). Every value is then read from that node: [`AuthnRequest::read`],
//! [`logout::LogoutRequest::read`], [`logout::LogoutResponse::read`], [`metadata::ServiceProvider::read`].
//!
//! Outgoing messages are written in canonical form ([`xml::Element`]) and signed as they are ([`signature::sign`]).

pub mod assertion;
pub mod binding;
pub mod context;
pub mod logout;
pub mod message;
pub mod metadata;
pub mod name_id;
pub mod names;
mod request;
pub mod signature;
mod status;
pub mod xml;

pub use message::{Header, MessageError};
pub use name_id::{Format, NameId};
pub use request::AuthnRequest;
pub use status::{Status, SubStatus};
