//! `sojourn sign-up`: sets who can create an account, and manages invitation codes.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use sojourn_engine::sign_up::NewCode;
use sojourn_engine::{Authority, EngineError};
use sojourn_model::{Leaving, OpenTo, SignUp, Terms};

use super::{moment, opened, table};
use crate::{Done, Failure, say};

const DAY_MS: i64 = 24 * 3_600_000;

/// Commands for sign-up, by which people create their own accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum SignUpCommand {
    /// Show who can create an account
    Show,
    /// Set who can create an account; replaces all previous settings of sign-up
    Set(Rules),
    /// Create an invitation code and print it
    AddCode {
        /// Number of accounts that can be created with the code
        #[arg(long, default_value_t = 1)]
        uses: i64,
        /// Number of days that the code is valid
        #[arg(long, default_value_t = 30)]
        days: i64,
        /// Label of the code in lists
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List invitation codes
    Codes,
    /// Remove an invitation code; accounts that were created with it stay
    RemoveCode {
        /// Id of the code in the list, or its beginning
        id: String,
    },
}

/// Who can create an account.
#[derive(Debug, Args)]
pub(crate) struct Rules {
    /// Who can create an account
    #[arg(value_enum)]
    open_to: Who,
    /// Domain of allowed mail addresses, with 'domains'; repeat for more
    #[arg(long = "domain")]
    domains: Vec<String>,
    /// URL of terms of use that have to be accepted
    #[arg(long, requires = "terms_version")]
    terms_url: Option<String>,
    /// Version of the terms, which is stored with each acceptance
    #[arg(long, requires = "terms_url")]
    terms_version: Option<String>,
    /// Require a proof of work from the browser before a mail is sent
    #[arg(long)]
    proof_of_work: bool,
    /// Whether users can delete their own accounts
    #[arg(long, value_enum, default_value_t = Leave::Never)]
    leaving: Leave,
    /// Number of days until an account is deleted, with '--leaving after-days'
    #[arg(long, default_value_t = 14)]
    leaving_days: u16,
}

/// Whether users can delete their own accounts.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Leave {
    /// No; only administrators delete accounts
    Never,
    /// Immediately
    AtOnce,
    /// After some days, during which they can cancel
    AfterDays,
    /// After an administrator approves
    ByApproval,
}

/// Who can create an account.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Who {
    /// Nobody
    Nobody,
    /// Everybody with a mail address
    Everybody,
    /// Everybody with a mail address in one of the domains in '--domain'
    Domains,
    /// Everybody with an invitation code
    Codes,
}

impl From<Rules> for SignUp {
    fn from(rules: Rules) -> Self {
        let open_to = match rules.open_to {
            Who::Nobody => OpenTo::Nobody,
            Who::Everybody => OpenTo::Everybody,
            Who::Domains => OpenTo::Domains(rules.domains),
            Who::Codes => OpenTo::Codes,
        };
        let terms = rules.terms_version.zip(rules.terms_url);
        let terms = terms.map(|(version, url)| Terms { version, url });
        let leaving = match rules.leaving {
            Leave::Never => Leaving::Never,
            Leave::AtOnce => Leaving::AtOnce,
            Leave::AfterDays => Leaving::AfterDays(rules.leaving_days),
            Leave::ByApproval => Leaving::ByApproval,
        };
        Self { open_to, terms, proof_of_work: rules.proof_of_work, leaving }
    }
}

fn show(rules: &SignUp) {
    let mut lines = vec![vec!["open to".to_owned(), rules.open_to.as_str().to_owned()]];
    if let OpenTo::Domains(domains) = &rules.open_to {
        lines.push(vec!["domains".into(), domains.join(" ")]);
    }
    if let Some(Terms { version, url }) = &rules.terms {
        lines.push(vec!["terms".into(), format!("{version} {url}")]);
    }
    lines.push(vec!["proof of work".into(), rules.proof_of_work.to_string()]);
    let leaving = match rules.leaving {
        Leaving::AfterDays(days) => format!("after_days {days}"),
        other => other.as_str().to_owned(),
    };
    lines.push(vec!["leaving".into(), leaving]);
    table(&["SETTING", "VALUE"], &lines);
}

pub(crate) async fn sign_up(config_file: &Path, command: SignUpCommand) -> Done {
    let opened = opened(config_file).await?;
    let (engine, tenant) = (&opened.engine, &opened.tenant);
    let by = Authority::operator();
    match command {
        SignUpCommand::Show => show(&tenant.sign_up),
        SignUpCommand::Set(rules) => show(&engine.set_sign_up(tenant, rules.into(), &by).await?),
        SignUpCommand::AddCode { uses, days, label } => {
            let new = NewCode { label, uses, lifetime_ms: days.saturating_mul(DAY_MS) };
            say(&engine.add_sign_up_code(tenant, new, &by).await?.0);
        }
        SignUpCommand::Codes => {
            let codes = engine.sign_up_codes(tenant, &by).await?;
            let rows: Vec<Vec<String>> = codes
                .into_iter()
                .map(|code| {
                    let left = code.uses_left.to_string();
                    vec![short(&code.hash), code.label, left, moment(code.expires_at)]
                })
                .collect();
            table(&["ID", "LABEL", "ACCOUNTS LEFT", "UNTIL"], &rows);
        }
        SignUpCommand::RemoveCode { id } => {
            let codes = engine.sign_up_codes(tenant, &by).await?;
            let named = |hash: &[u8; 32]| sojourn_model::ids::hex(hash).starts_with(&id);
            let mut found = codes.iter().filter(|code| !id.is_empty() && named(&code.hash));
            let one = found.next().ok_or(EngineError::NotFound("code"))?;
            if found.next().is_some() {
                return Err(Failure(format!("several codes begin with {id}: use a longer prefix")));
            }
            engine.remove_sign_up_code(tenant, one.hash, &by).await?;
            say("The code is removed.");
        }
    }
    engine.installation().close().await;
    Ok(())
}

/// Returns the first 12 hex digits of a hash, enough to distinguish codes.
fn short(hash: &[u8; 32]) -> String {
    sojourn_model::ids::hex(hash).chars().take(12).collect()
}
