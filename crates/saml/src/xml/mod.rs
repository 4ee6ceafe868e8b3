//! The part of XML that SAML needs: a strict parser, the canonical form that signatures cover, a writer that writes
//! only that form, and a formatter with line breaks for people.

mod canonical;
mod document;
mod reading;
mod write;

pub use canonical::{canonical, canonical_without};
pub use document::{Document, XmlError};
pub use reading::for_reading;
pub use write::Element;

pub(crate) use document::{Node, Read};
