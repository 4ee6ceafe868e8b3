//! `sojourn config`: checks the configuration.

use std::path::Path;

use crate::{Done, say};
use clap::Subcommand;

/// Commands for the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and list every mistake with file and line
    Check,
}

pub(crate) fn config(config_file: &Path, command: ConfigCommand) -> Done {
    match command {
        ConfigCommand::Check => {
            let read = crate::config::read_to_serve(config_file)?;
            let config = read.config;
            for name in read.ignored {
                say(&format!(
                    "{name} is not a setting and is ignored: names of settings contain two underscores."
                ));
            }
            say(&format!(
                "{}: fine. Issuer {}, listening on {}.",
                config_file.display(),
                config.server.base_url,
                config.server.listen
            ));
            Ok(())
        }
    }
}
