//! XML as far as SAML needs it: a strict reader, the one canonical form that signatures are made over, and a writer that
//! writes nothing else than that form.

mod canonical;
mod document;
mod write;

pub use canonical::{canonical, canonical_without};
pub use document::{Document, XmlError};
pub use write::Element;

pub(crate) use document::{Node, Read};
