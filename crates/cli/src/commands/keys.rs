//! `sojourn key`: signing keys.

use std::path::Path;

use clap::Subcommand;
use sojourn_model::{Actor, Millis, SigningAlg};

use super::{opened, table};
use crate::{Done, Failure, say};

/// What can be done with signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// The keys, and since when each is published and used
    List,
    /// Publish a new key, which signs after a while; the one before stays until its tokens are dead
    Rotate {
        /// RS256, PS256, ES256 or EdDSA; all that there are when left out
        #[arg(long)]
        alg: Option<String>,
    },
}

fn moment(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

pub(crate) async fn key(config_file: &Path, command: KeyCommand) -> Done {
    let opened = opened(config_file).await?;
    let done = run(&opened, command).await;
    opened.engine.store().close().await;
    done
}

async fn run(opened: &crate::open::Opened, command: KeyCommand) -> Done {
    let engine = &opened.engine;
    let keys = engine.keys(opened.tenant.id).await?;
    match command {
        KeyCommand::List => {
            let rows: Vec<Vec<String>> = keys
                .keys
                .iter()
                .map(|key| {
                    vec![
                        key.key.alg().as_str().to_owned(),
                        key.key.kid().to_owned(),
                        moment(key.created_at),
                        moment(key.active_from),
                        key.retired_at.map(moment).unwrap_or_default(),
                    ]
                })
                .collect();
            table(&["ALG", "KID", "PUBLISHED", "SIGNS FROM", "GONE FROM"], &rows);
            Ok(())
        }
        KeyCommand::Rotate { alg } => {
            let wanted: Vec<SigningAlg> = match alg {
                Some(text) => vec![SigningAlg::parse(&text).ok_or_else(|| {
                    Failure(format!("'{text}' is none of RS256, PS256, ES256 and EdDSA"))
                })?],
                None => SigningAlg::ALL
                    .into_iter()
                    .filter(|alg| keys.keys.iter().any(|key| key.key.alg() == *alg))
                    .collect(),
            };
            for alg in wanted {
                let kid = engine.rotate_key(&opened.tenant, alg, &Actor::Operator).await?;
                say(&format!("{}: {kid} is published.", alg.as_str()));
            }
            Ok(())
        }
    }
}
