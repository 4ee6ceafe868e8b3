//! `deployment.toml`: its sections and defaults, and its mistakes with file and line.

mod application;
mod check;
mod claims;
mod directory;
mod document;
mod environment;
mod handlers;
mod metrics;
mod read;
mod sections;
mod values;

pub(crate) use application::ApplicationSection;
pub(crate) use read::{Read, read, read_to_serve};
pub(crate) use sections::{Config, DatabaseSection, MailTlsWord, UserSection};
pub(crate) use values::Duration;
