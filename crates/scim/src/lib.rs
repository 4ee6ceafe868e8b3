//! The rules of SCIM 2.0 as pure functions: so far the filters, which searches of sessions share.
//!
//! Nothing here reads a clock, a socket or a database.

pub mod filter;

pub use filter::{Comparison, Filter, FilterError, Literal, Operator};
