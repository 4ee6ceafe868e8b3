//! `sojourn config`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use sojourn_crypto::{MasterKey, SystemRng};

use crate::{Done, say};

/// What can be asked of the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with the configuration, with file and line
    Check,
    /// Write a new master key into a file that doesn't exist yet
    NewMasterKey {
        /// The file
        path: PathBuf,
    },
}

pub(crate) fn config(config_file: &Path, command: ConfigCommand) -> Done {
    match command {
        ConfigCommand::Check => {
            let config = crate::config::read(config_file)?;
            say(&format!(
                "{}: fine. Issuer {}, listening on {}.",
                config_file.display(),
                config.server.base_url,
                config.server.listen
            ));
            Ok(())
        }
        ConfigCommand::NewMasterKey { path } => {
            let key = MasterKey::generate(1, &SystemRng);
            crate::open::write_secret(&path, &key.to_line())?;
            say(&format!(
                "{}: written. Give it to every node by SOJOURN_MASTER_KEY_FILE and back it up.",
                path.display()
            ));
            Ok(())
        }
    }
}
