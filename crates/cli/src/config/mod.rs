//! `deployment.toml`: what it may hold, its defaults, and its mistakes with file and line.

mod read;
mod sections;
mod values;

pub(crate) use read::read;
pub(crate) use sections::{ApplicationSection, Config, DatabaseSection, UserSection};
