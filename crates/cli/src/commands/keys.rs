//! `sojourn key`: lists and rotates signing keys.

use std::path::Path;

use clap::Subcommand;
use sojourn_engine::{Authority, Engine, EngineError};
use sojourn_model::SigningAlg;

use super::{moment, opened, table};
use crate::config::Duration;
use crate::{Done, Failure, say};

/// Commands for signing keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// List the keys, and when each is published, signs and is removed
    List,
    /// Publish a new key, which signs after a while; the previous one stays until its tokens have expired
    Rotate {
        /// RS256, PS256, ES256 or EdDSA [default: all existing ones; RS256 with '--saml']
        #[arg(long)]
        alg: Option<String>,
        /// Replace the keys immediately, because they may be compromised: everything that they signed is refused
        #[arg(long)]
        now: bool,
        /// Rotate the key for SAML; it signs only after 30 days, because service providers pin its certificate
        #[arg(long, conflicts_with = "now")]
        saml: bool,
        /// Time until the new key for SAML signs [default: 30d]
        #[arg(long, value_name = "TIME", requires = "saml")]
        after: Option<Duration>,
    },
}

pub(crate) async fn key(config_file: &Path, command: KeyCommand) -> Done {
    let opened = opened(config_file).await?;
    let done = run(&opened, command).await;
    opened.engine.installation().close().await;
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
            list_saml(opened).await
        }
        KeyCommand::Rotate { alg, saml: true, after, .. } => {
            let alg = alg.as_deref().unwrap_or("RS256");
            let alg =
                SigningAlg::parse(alg).ok_or_else(|| Failure(format!("'{alg}' is unknown")))?;
            let (tenant, by) = (&opened.tenant, Authority::operator());
            let after = after.map(|time| time.0);
            let from = engine.rotate_saml_key(tenant, alg, after, &by).await?;
            say(&format!(
                "The new certificate is in the metadata; its key signs from {}.",
                moment(from)
            ));
            Ok(())
        }
        KeyCommand::Rotate { alg, now, .. } => rotate(engine, alg, now).await,
    }
}

/// Lists the keys for SAML with the fingerprints of their certificates.
async fn list_saml(opened: &crate::open::Opened) -> Done {
    let keys = opened.engine.saml_keys(opened.tenant.id).await?;
    let rows: Vec<Vec<String>> = keys
        .keys
        .iter()
        .map(|key| {
            let certificate = key.signer.certificate();
            vec![
                format!("SAML {}", key.alg.as_str()),
                certificate.fingerprint(),
                moment(certificate.valid_until()),
                moment(key.active_from),
                key.retired_at.map(moment).unwrap_or_default(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        table(&["ALG", "CERTIFICATE (SHA-256)", "ENDS", "SIGNS FROM", "GONE FROM"], &rows);
    }
    Ok(())
}

/// Rotates the keys that can be rotated, and reports why the others can't.
async fn rotate(engine: &Engine, alg: Option<String>, now: bool) -> Done {
    let wanted: Vec<SigningAlg> = match &alg {
        None => SigningAlg::ALL.to_vec(),
        Some(text) => vec![SigningAlg::parse(text).ok_or_else(|| {
            Failure(format!("'{text}' is not one of RS256, PS256, ES256, EdDSA"))
        })?],
    };
    // All tenants, unless the command line names one.
    let tenants = match super::named_tenant() {
        Some(name) => vec![engine.tenant(name).await?],
        None => engine.tenants().await?,
    };
    let (mut rotated, mut waiting) = (0, 0);
    for tenant in &tenants {
        let keys = engine.keys(tenant.id).await?;
        let there = |alg: &&SigningAlg| keys.keys.iter().any(|key| key.key.alg() == **alg);
        for alg in wanted.iter().filter(there) {
            let (name, tenant_name) = (alg.as_str(), &tenant.name);
            if now {
                let kid = engine.replace_keys(tenant, *alg, &Authority::operator()).await?;
                say(&format!("{tenant_name} {name}: {kid} signs from now on."));
                rotated += 1;
                continue;
            }
            match engine.rotate_key(tenant, *alg, &Authority::operator()).await {
                Ok(kid) => {
                    say(&format!("{tenant_name} {name}: {kid} is published."));
                    rotated += 1;
                }
                Err(EngineError::Exists(_)) => {
                    say(&format!("{tenant_name} {name}: the next key is already published."));
                    waiting += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    if now && rotated > 0 {
        say(
            "Everything that the previous keys signed is now refused: applications that check ID tokens and JWT access \
             tokens themselves refuse those issued so far as soon as they fetch the keys again, and some keep keys \
             for hours. People stay signed in, and a refresh brings new tokens.",
        );
    }
    if rotated + waiting == 0 {
        return Err(Failure("there is no key of that algorithm".into()));
    }
    if rotated == 0 {
        return Err(Failure("nothing was rotated: 'sojourn key rotate --now' doesn't wait".into()));
    }
    Ok(())
}
