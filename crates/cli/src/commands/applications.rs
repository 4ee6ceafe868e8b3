//! `sojourn application`: manages applications, their settings and secrets.

use sojourn_engine::Authority;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Map, Value, json};
use sojourn_engine::directory::application_document;
use sojourn_model::limits::SECRET_OVERLAP_MS;
use sojourn_model::{AppOwner, Application, Millis};

use super::{is_json, moment, opened, table};
use crate::config::Duration;
use crate::open::Opened;
use crate::{Done, Failure, say};

/// Commands for applications. Settings have the names of registered metadata (RFC 7591 §2).
#[derive(Debug, Subcommand)]
pub(crate) enum ApplicationCommand {
    /// Add an application and print its secret
    Add {
        /// Client id; optional with '--saml-metadata', which contains the entity id
        #[arg(required_unless_present = "saml_metadata")]
        client_id: Option<String>,
        /// Name that is shown to people [default: the client id]
        #[arg(long)]
        name: Option<String>,
        /// XML file with the metadata of a SAML service provider
        #[arg(long, value_name = "FILE", conflicts_with_all = ["redirect_uris", "public"])]
        saml_metadata: Option<PathBuf>,
        /// Attributes that the SAML service provider receives: none, basic, oid or microsoft
        #[arg(long, value_name = "PRESET", requires = "saml_metadata")]
        saml_attributes: Option<String>,
        /// Allowed redirect URI; repeat for more
        #[arg(long = "redirect-uri")]
        redirect_uris: Vec<String>,
        /// Create a public client, which has no secret
        #[arg(long)]
        public: bool,
        /// Mark the application as the organisation's own, so that users aren't asked for consent
        #[arg(long)]
        first_party: bool,
        /// Any other setting, such as backchannel_logout_uri=https://… or 'grant_types=["client_credentials"]'; repeat
        /// for more
        #[arg(long = "set", value_name = "NAME=VALUE")]
        settings: Vec<String>,
    },
    /// List applications
    List,
    /// Show an application with all its settings and its secrets
    Show {
        /// Client id of the application
        client_id: String,
    },
    /// Change settings of an application
    Set {
        /// Client id of the application
        client_id: String,
        /// Setting and its value, as JSON or text; 'name=' restores the default; repeat for more
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
    },
    /// Create a new secret and print it
    Secret {
        /// Client id of the application
        client_id: String,
        /// How long the previous secret stays valid, at most 90d; 0s revokes it immediately [default: 24h]
        #[arg(long, value_name = "TIME")]
        keep_previous: Option<Duration>,
        /// Only revoke the previous secret
        #[arg(long, conflicts_with = "keep_previous")]
        drop_previous: bool,
    },
    /// Remove an application; its tokens are revoked, and it is notified of the sessions that end in it
    Remove {
        /// Client id of the application
        client_id: String,
    },
}

/// Parses `name=value`: the value is JSON if it can be parsed as JSON, and text otherwise; an empty value is `null`.
fn setting(text: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Failure(format!("'{text}' isn't of the form name=value")));
    };
    let value = match value {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    };
    Ok((name.to_owned(), value))
}

async fn named(opened: &Opened, client_id: &str) -> Result<Application, Failure> {
    let found = opened.engine.applications(&opened.tenant).await?;
    let found = found.into_iter().find(|app| app.client_id == client_id);
    found.ok_or_else(|| Failure(format!("there is no application '{client_id}'")))
}

/// Prints an application that was created or changed, with its new secret if there is one.
fn tell(app: &Application, secret: Option<&str>, previous_until: Option<Millis>) {
    if is_json() {
        let body = json!({
            "client_id": app.client_id,
            "client_secret": secret,
            "previous_valid_until": previous_until.map(Millis::seconds),
        });
        say(&body.to_string());
        return;
    }
    say(&format!("{} {}", app.client_id, app.id));
    if let Some(secret) = secret {
        say(&format!("Secret (shown only once): {secret}"));
    }
    if let Some(until) = previous_until {
        say(&format!("The previous secret is valid until {}.", moment(until)));
    }
}

async fn show(opened: &Opened, client_id: &str) -> Done {
    let app = named(opened, client_id).await?;
    let mut document = application_document(&app);
    let secrets = opened.engine.application_secrets(&app).await?;
    if is_json() {
        let secrets: Vec<Value> = secrets
            .iter()
            .map(|secret| {
                json!({
                    "ends_with": secret.ends_with,
                    "last_used_at": secret.last_used_at.map(Millis::seconds),
                    "valid_until": secret.valid_until.map(Millis::seconds),
                })
            })
            .collect();
        document.insert("secrets".into(), secrets.into());
        say(&serde_json::to_string_pretty(&document)?);
        return Ok(());
    }
    for (name, value) in &document {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        say(&format!("{name} = {value}"));
    }
    for secret in secrets {
        let end = secret.ends_with.as_deref().unwrap_or("(unknown)");
        let used =
            secret.last_used_at.map_or("never used".into(), |at| format!("used {}", moment(at)));
        let until = secret.valid_until.map(|at| format!(", valid until {}", moment(at)));
        say(&format!("secret …{end}: {used}{}", until.unwrap_or_default()));
    }
    Ok(())
}

async fn list(opened: &Opened) -> Done {
    let rows: Vec<Vec<String>> = opened
        .engine
        .applications(&opened.tenant)
        .await?
        .into_iter()
        .map(|app| {
            let owner = match app.owner {
                AppOwner::File => "file",
                AppOwner::Database => "database",
                AppOwner::Program => "program",
            };
            let state = if app.enabled { "active" } else { "disabled" };
            vec![app.client_id, app.name, state.into(), owner.into(), app.id.to_string()]
        })
        .collect();
    table(&["CLIENT-ID", "NAME", "STATE", "OWNER", "ID"], &rows);
    Ok(())
}

pub(crate) async fn application(config_file: &Path, command: ApplicationCommand) -> Done {
    let opened = opened(config_file).await?;
    let done = run(&opened, command).await;
    opened.engine.installation().close().await;
    done
}

/// Adds the metadata of a SAML service provider to the application's document.
fn add_metadata(document: &mut Map<String, Value>, path: &Path, preset: Option<String>) -> Done {
    let xml = std::fs::read_to_string(path)
        .map_err(|error| Failure(format!("{}: {error}", path.display())))?;
    let mut saml = match document.remove("saml") {
        Some(Value::Object(given)) => given,
        _ => Map::new(),
    };
    saml.insert("metadata".into(), xml.into());
    if let Some(preset) = preset {
        saml.insert("attribute_preset".into(), preset.into());
    }
    document.insert("saml".into(), saml.into());
    Ok(())
}

async fn run(opened: &Opened, command: ApplicationCommand) -> Done {
    let (engine, tenant, caller) = (&opened.engine, &opened.tenant, Authority::operator());
    match command {
        ApplicationCommand::Add {
            client_id,
            name,
            redirect_uris,
            public,
            first_party,
            settings,
            saml_metadata,
            saml_attributes,
        } => {
            let mut document: Map<String, Value> =
                settings.iter().map(|text| setting(text)).collect::<Result<_, _>>()?;
            if let Some(client_id) = client_id {
                document.insert("client_id".into(), client_id.into());
            }
            if let Some(path) = saml_metadata {
                add_metadata(&mut document, &path, saml_attributes)?;
            }
            if let Some(name) = name {
                document.insert("client_name".into(), name.into());
            }
            if !redirect_uris.is_empty() {
                document.insert("redirect_uris".into(), redirect_uris.into());
            }
            if public {
                document.insert("token_endpoint_auth_method".into(), "none".into());
            }
            if first_party {
                document.insert("first_party".into(), true.into());
            }
            let (app, secret) = engine.create_application(tenant, &document, &caller).await?;
            tell(&app, secret.as_deref(), None);
        }
        ApplicationCommand::List => list(opened).await?,
        ApplicationCommand::Show { client_id } => show(opened, &client_id).await?,
        ApplicationCommand::Set { client_id, settings } => {
            let document: Map<String, Value> =
                settings.iter().map(|text| setting(text)).collect::<Result<_, _>>()?;
            let app = named(opened, &client_id).await?;
            let changed = engine.change_application(tenant, app.id, (&document, true), &caller);
            let (app, secret) = changed.await?;
            tell(&app, secret.as_deref(), None);
        }
        ApplicationCommand::Secret { client_id, keep_previous, drop_previous } => {
            let app = named(opened, &client_id).await?;
            if drop_previous {
                engine.drop_previous_secret(tenant, (app.id, None), &caller).await?;
                tell(&app, None, None);
            } else {
                let overlap = keep_previous.map_or(SECRET_OVERLAP_MS, |time| time.0);
                let new = engine
                    .rotate_application_secret(tenant, app.id, (overlap, None), &caller)
                    .await?;
                tell(&app, Some(&new.secret), new.previous_until);
            }
        }
        ApplicationCommand::Remove { client_id } => {
            let app = named(opened, &client_id).await?;
            engine.remove_application(tenant, app.id, &caller).await?;
            say("Removed.");
        }
    }
    Ok(())
}
