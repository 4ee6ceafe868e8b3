//! `sojourn user`: manages accounts, passwords and second factors.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use clap::Subcommand;
use sojourn_engine::directory::NewUser;
use sojourn_engine::factors::Listed;
use sojourn_engine::{Authority, Engine};
use sojourn_model::{Tenant, UserState};

use super::{moment, opened, table};
use crate::{Done, Failure, say};

/// Commands for users.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; the password is read from standard input
    Add {
        /// Login name
        username: String,
        /// Display name
        #[arg(long)]
        name: Option<String>,
        /// Mail address
        #[arg(long)]
        email: Option<String>,
        /// Mark the mail address as verified
        #[arg(long, requires = "email")]
        email_verified: bool,
        /// Create the account without a password
        #[arg(long)]
        no_password: bool,
        /// Create the account without a password and invite the user by mail to set a passkey or a password
        #[arg(long, requires = "email", conflicts_with = "no_password")]
        invite: bool,
    },
    /// List users, optionally by the beginning of the login name; at most 1000
    List {
        /// Beginning of the login name
        #[arg(default_value = "")]
        prefix: String,
    },
    /// Set a password, read from standard input; ends the user's sessions unless a policy keeps them
    Password {
        /// Login name
        username: String,
    },
    /// Disable an account; ends the user's sessions unless a policy keeps them
    Disable {
        /// Login name
        username: String,
    },
    /// Enable a disabled account, or unlock a locked one
    #[command(visible_alias = "unlock")]
    Enable {
        /// Login name
        username: String,
    },
    /// Lock an account; ends the user's sessions unless a policy keeps them
    Lock {
        /// Login name
        username: String,
    },
    #[command(flatten)]
    Credentials(CredentialCommand),
}

/// Commands about how a user signs in, and about the account as a whole.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialCommand {
    /// Require a new password at the next sign-in; ends every session of the user
    ExpirePassword {
        /// Login name
        username: String,
    },
    /// List a user's passkeys, security keys and authenticator apps
    Factors {
        /// Login name
        username: String,
    },
    /// Remove all passkeys and second factors of a user who has lost them; ends sessions that were started with one
    ResetFactors {
        /// Login name
        username: String,
    },
    /// End the waiting time of an account that is being recovered
    EndWait {
        /// Login name
        username: String,
    },
    /// Invite a user who has no way to sign in, by mail, to set a passkey or a password
    Invite {
        /// Login name
        username: String,
    },
    /// Secure a compromised account: end all sessions and tokens, remove all factors, disable the password
    Secure {
        /// Login name
        username: String,
    },
    /// Delete an account permanently; ends every session of the user
    Remove {
        /// Login name
        username: String,
    },
}

/// Reads a password from standard input. It is never an argument, because everyone on the machine could read it
/// there.
pub(super) fn password() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        say("Password (visible while you type; you can also pipe it in):");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure("no password was given on standard input".into()));
    }
    Ok(line.to_owned())
}

pub(crate) async fn user(config_file: &Path, command: UserCommand) -> Done {
    let opened = opened(config_file).await?;
    let (engine, tenant) = (&opened.engine, &opened.tenant);
    let by = Authority::operator();
    match command {
        UserCommand::Add { username, name, email, email_verified, no_password, invite } => {
            let password = if no_password || invite { None } else { Some(password()?) };
            let new = NewUser {
                username,
                password,
                display_name: name,
                email,
                email_verified,
                invited: invite,
                ..NewUser::default()
            };
            let user = engine.add_user(tenant, new, &by).await?;
            say(&format!("{} {}", user.username, user.id));
        }
        UserCommand::List { prefix } => list(engine, tenant, &prefix).await?,
        UserCommand::Password { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.reset_password(tenant, &user, &password()?, &by).await?;
            say("The password is set, and every session has ended.");
        }
        UserCommand::Disable { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.set_user_state(tenant, &user, UserState::Disabled, &by).await?;
            say("The account is disabled, and every session has ended.");
        }
        UserCommand::Enable { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.set_user_state(tenant, &user, UserState::Active, &by).await?;
            say("The account is enabled.");
        }
        UserCommand::Lock { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.set_user_state(tenant, &user, UserState::Locked, &by).await?;
            say("The account is locked, and every session has ended.");
        }
        UserCommand::Credentials(command) => credentials(engine, tenant, command, &by).await?,
    }
    engine.installation().close().await;
    Ok(())
}

/// The commands about how a user signs in, and about the account as a whole.
async fn credentials(
    engine: &Engine,
    tenant: &Tenant,
    command: CredentialCommand,
    by: &Authority,
) -> Done {
    match command {
        CredentialCommand::Factors { username } => factors(engine, tenant, &username).await?,
        CredentialCommand::ResetFactors { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.reset_factors(tenant, &user, by).await?;
            say("All second factors are removed; sessions started with one have ended.");
        }
        CredentialCommand::EndWait { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.end_wait(tenant, &user, by).await?;
            say("The account doesn't wait any longer.");
        }
        CredentialCommand::Invite { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.invite(tenant, &user, by).await?;
            say("The invitation is queued; a running server sends it. It is valid for one week.");
        }
        CredentialCommand::Secure { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.secure_account(tenant, &user, by).await?;
            say("All sessions and tokens have ended, and new credentials are required.");
        }
        CredentialCommand::ExpirePassword { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.demand_new_password(tenant, &user, by).await?;
            say("A new password is required, and every session has ended.");
        }
        CredentialCommand::Remove { username } => {
            let user = engine.user_named(tenant, &username).await?;
            engine.remove_user(tenant, &user, by).await?;
            say("The account is removed, and every session has ended.");
        }
    }
    Ok(())
}

async fn list(engine: &Engine, tenant: &Tenant, prefix: &str) -> Done {
    let users = engine.reads(tenant.id).users_by_prefix(prefix, None, 1000).await?;
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            let state = match user.state {
                UserState::Active => "active",
                UserState::Disabled => "disabled",
                UserState::Locked => "locked",
            };
            vec![user.username.clone(), user.id.to_string(), state.to_owned()]
        })
        .collect();
    table(&["LOGIN NAME", "ID", "STATE"], &rows);
    Ok(())
}

async fn factors(engine: &Engine, tenant: &Tenant, username: &str) -> Done {
    let user = engine.user_named(tenant, username).await?;
    let found = engine.factors(tenant, user.id).await?;
    let row = |Listed { factor, .. }: &Listed| {
        let used = factor.used_at.map_or_else(|| "never".to_owned(), moment);
        let kind = factor.kind.as_str().to_owned();
        vec![factor.name.clone(), kind, moment(factor.added_at), used, factor.id.to_string()]
    };
    let rows: Vec<Vec<String>> = found.factors.iter().map(row).collect();
    table(&["NAME", "KIND", "ADDED", "LAST USED", "ID"], &rows);
    say(&format!("{} recovery codes left", found.codes_left));
    if let Some(until) = user.recovers_at.filter(|until| *until > engine.now()) {
        say(&format!("The account is being recovered and waits until {}", moment(until)));
    }
    Ok(())
}
