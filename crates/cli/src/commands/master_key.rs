//! `sojourn master-key`: creates and rotates the master key, and records its backup.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use sojourn_crypto::{MasterKey, SystemRng};

use super::opened;
use crate::{Done, Failure, open, say};

/// Commands for the master key.
#[derive(Debug, Subcommand)]
pub(crate) enum MasterKeyCommand {
    /// Create a master key and write it to a new file
    New {
        /// Path of the file, which must not exist yet
        path: PathBuf,
    },
    /// Add a new key to the file; previous keys stay, because existing data is sealed with them
    Rotate,
    /// Confirm that the current key is backed up, so that the server stops warning
    BackedUp,
}

pub(crate) async fn master_key(config_file: &Path, command: MasterKeyCommand) -> Done {
    match command {
        MasterKeyCommand::New { path } => {
            let key = MasterKey::generate(1, &SystemRng);
            open::write_secret(&path, &key.to_line())?;
            say(&format!(
                "{}: written. Provide it to every node through SOJOURN_MASTER_KEY_FILE, and back it up.",
                path.display()
            ));
            Ok(())
        }
        MasterKeyCommand::Rotate => rotate(config_file),
        MasterKeyCommand::BackedUp => {
            let opened = opened(config_file).await?;
            let number = opened.engine.master_key_backed_up().await?;
            opened.engine.installation().close().await;
            say(&format!("Master key {number} is marked as backed up."));
            Ok(())
        }
    }
}

fn rotate(config_file: &Path) -> Done {
    let config = crate::config::read(config_file)?.config;
    let folder = open::data_folder(config_file, &config)?;
    let path = open::master_key_file(&folder, &config)?;
    let keys = open::read_keys(&path)?;
    let highest = keys.iter().map(|key| key.number).max().unwrap_or(0);
    let number = highest.checked_add(1).ok_or_else(|| {
        Failure("a file can hold at most 255 keys: create a new installation".into())
    })?;
    let mut text: String = keys.iter().map(MasterKey::to_line).collect();
    text.push_str(&MasterKey::generate(number, &SystemRng).to_line());
    // The file is replaced as a whole: a half-written one would make the database unreadable.
    let fresh = path.with_extension("new");
    open::write_secret(&fresh, &text)?;
    std::fs::rename(&fresh, &path)
        .map_err(|error| Failure(format!("{} can't be replaced: {error}", path.display())))?;
    say(&format!(
        "{}: key {number} was added and is in use from the next start on. Back the file up. With several \
         nodes, give it to all of them and start them anew together: a node without it refuses tokens that \
         are made under it.",
        path.display()
    ));
    Ok(())
}
