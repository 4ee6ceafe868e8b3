//! `deployment.toml`: what it may hold, its defaults, and its mistakes with file and line.

mod application;
mod claims;
mod directory;
mod handlers;
mod metrics;
mod read;
mod sections;
mod values;

pub(crate) use application::ApplicationSection;
pub(crate) use read::read;
pub(crate) use sections::{Config, DatabaseSection, MailTlsWord, UserSection};
