//! XML as far as SAML needs it: a strict reader, the one canonical form that signatures are made over, and a writer that
//! writes nothing else than that form; for people, the same with lines.

mod canonical;
mod document;
mod reading;
mod write;

pub use canonical::{canonical, canonical_without};
pub use document::{Document, XmlError};
pub use reading::for_reading;
pub use write::Element;

pub(crate) use document::{Node, Read};
