//! Commands that look at an installation or change it, from the machine it runs on. Beside a running
//! server they work on the same database; what they end is ended at once.

mod configuration;
mod groups;
mod keys;
mod master_key;
mod roles;
mod sessions;
mod tenants;
mod users;

pub(crate) use configuration::{ConfigCommand, config};
pub(crate) use groups::{GroupCommand, group};
pub(crate) use keys::{KeyCommand, key};
pub(crate) use master_key::{MasterKeyCommand, master_key};
pub(crate) use roles::{RoleCommand, role};
pub(crate) use sessions::{SessionCommand, session};
pub(crate) use tenants::{TenantCommand, tenant};
pub(crate) use users::{UserCommand, user};

use std::path::Path;

use crate::Failure;
use crate::open::{self, Opened};

/// Opens the installation that a configuration describes.
async fn opened(config_file: &Path) -> Result<Opened, Failure> {
    let config = crate::config::read(config_file)?;
    crate::serve::start_log(&config)?;
    open::open(config_file, &config).await
}

/// Prints columns under their names.
fn table(names: &[&str], rows: &[Vec<String>]) {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(names.get(column).map(|name| name.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}", width = *width))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    crate::say(&line(names.to_vec()));
    for row in rows {
        crate::say(&line(row.iter().map(String::as_str).collect()));
    }
}
