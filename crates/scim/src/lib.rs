//! The rules of SCIM 2.0 (RFC 7643, RFC 7644) as pure functions: schemas, filters, paths, patch operations, and the
//! mapping between accounts and resources.
//!
//! Nothing here reads a clock, a socket or a database.

pub mod error;
pub mod evaluate;
pub mod filter;
pub mod members;
pub mod patch;
pub mod path;
pub mod resource;
pub mod schema;
pub mod user;

pub use error::ScimError;
pub use filter::{Comparison, Filter, FilterError, Literal, Operator};
pub use members::Members;
pub use path::Path;
pub use resource::{Projection, Resource};
pub use schema::ResourceType;
