//! `[[event_handler]]`: what the server does when an event occurs.

use base64::Engine as _;
use serde::Deserialize;
use sojourn_engine::{HandlerKind, HandlerSettings, Termination, Webhook};
use sojourn_model::{Effects, EventName};

use super::values::{Direction, Duration, Event};

/// Number of attempts at a webhook before its task is parked: about nine hours with pauses that double.
const ATTEMPTS: i64 = 20;
/// Minimum length of a webhook's secret, in bytes (Standard Webhooks).
const SECRET_BYTES_MIN: usize = 24;

/// `[[event_handler]]`: a handler that reacts to events.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct HandlerSection {
    /// Type of the handler: "sessionTermination" (ends sessions) or "webhook" (posts events to a URL). `subscriptions`
    /// lists the events that it reacts to, at least one.
    name: HandlerName,
    settings: HandlerSettings,
}

/// The types of handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum HandlerName {
    #[serde(rename = "sessionTermination")]
    SessionTermination,
    #[serde(rename = "webhook")]
    Webhook,
}

/// A handler as the file declares it, before its settings are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// `sessionTermination` or `webhook`.
    name: HandlerName,
    /// Events that the handler reacts to, at least one.
    subscriptions: Vec<Event>,
    /// Parameters of the handler.
    #[serde(default)]
    properties: Properties,
}

/// `[event_handler.properties]`: parameters of a handler.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Properties {
    /// Unique id of the handler in logs and APIs. Defaults to its `name`, with a number if several handlers have the
    /// same one.
    id: Option<String>,
    /// Direction of the role changes that a `sessionTermination` handler reacts to: "removed", "added" or "any" (the
    /// default).
    on: Option<Direction>,
    /// Names of the roles that a `sessionTermination` handler reacts to. Defaults to all roles.
    roles: Vec<String>,
    /// What a `sessionTermination` handler does: "session", "tokens", "offline", "consents" and "notify". Defaults to
    /// all of them except "consents", or to none if `action` is "sign_in".
    effects: Option<Vec<Effect>>,
    /// "end" (the default) ends sessions. "sign_in" keeps them, but requires their users to sign in again; `effects`
    /// can't contain "session" then.
    action: Action,
    /// Time between the event and the reaction of a `sessionTermination` handler. If left out, it reacts immediately.
    delay: Option<Duration>,
    /// Whether a `sessionTermination` handler only logs what it would end. Defaults to `false`.
    dry_run: bool,
    /// URL to which a webhook posts events, required for a webhook. Private addresses need `allow_private_addresses` in
    /// `[outgoing]`.
    url: Option<String>,
    /// Secret with which a webhook signs its requests (Standard Webhooks): `whsec_` and base64 of at least 24 bytes. A
    /// webhook requires `secret` or `secrets`.
    secret: Option<String>,
    /// Several secrets of a webhook, newest first, while one replaces another. Each request is signed with all of them.
    secrets: Vec<String>,
    /// Number of failed attempts after which a webhook's task is parked, from 1 to 100. Defaults to 20.
    attempts: Option<i64>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    #[default]
    End,
    SignIn,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Effect {
    Session,
    Tokens,
    Offline,
    Consents,
    Notify,
}

impl TryFrom<Written> for HandlerSection {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { name, subscriptions, properties } = written;
        let subscriptions: Vec<EventName> = subscriptions.iter().map(|event| event.0).collect();
        if subscriptions.is_empty() {
            return Err("'subscriptions' must name at least one event".into());
        }
        let id = properties.id.clone().unwrap_or_default();
        let kind = match name {
            HandlerName::SessionTermination => {
                let of_sessions = subscriptions.iter().find(|event| {
                    matches!(
                        event,
                        EventName::SessionTerminate
                            | EventName::SessionExpire
                            | EventName::SessionCreate
                            | EventName::SessionUpdate
                    )
                });
                if let Some(event) = of_sessions {
                    let event = event.as_str();
                    return Err(format!(
                        "sessionTermination can't subscribe to {event}: it would trigger itself"
                    ));
                }
                HandlerKind::SessionTermination(termination(&properties)?)
            }
            HandlerName::Webhook => HandlerKind::Webhook(webhook(&properties)?),
        };
        Ok(Self { name, settings: HandlerSettings { id, subscriptions, kind } })
    }
}

fn termination(properties: &Properties) -> Result<Termination, String> {
    if properties.url.is_some() || properties.secret.is_some() || !properties.secrets.is_empty() {
        return Err("'url' and 'secret' belong to the handler 'webhook'".into());
    }
    let effects = properties.effects.as_ref().map(|list| {
        let has = |effect| list.contains(&effect);
        Effects {
            session: has(Effect::Session),
            tokens: has(Effect::Tokens),
            consents: has(Effect::Consents),
            notify: has(Effect::Notify),
            offline: has(Effect::Offline),
        }
    });
    if properties.action == Action::SignIn && effects.is_some_and(|effects| effects.session) {
        return Err(
            "with action = \"sign_in\" sessions stay: leave 'session' out of 'effects'".into()
        );
    }
    if effects.is_some_and(|effects| effects.is_empty()) {
        return Err("'effects' must name at least one of session, tokens, consents, notify".into());
    }
    Ok(Termination {
        on: properties.on.unwrap_or_default().0,
        roles: properties.roles.clone(),
        effects,
        sign_in: properties.action == Action::SignIn,
        delay_ms: properties.delay.map_or(0, |delay| delay.0),
        dry_run: properties.dry_run,
    })
}

fn webhook(properties: &Properties) -> Result<Webhook, String> {
    let url = properties.url.clone().ok_or("a webhook needs 'url'")?;
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err("'url' begins with https:// or http://".into());
    }
    let written = properties.secret.iter().chain(&properties.secrets);
    let secrets: Vec<Vec<u8>> = written.map(|text| secret(text)).collect::<Result<_, _>>()?;
    if secrets.is_empty() {
        return Err("a webhook needs 'secret': whsec_ and base64 of 24 bytes or more".into());
    }
    let attempts_max = properties.attempts.unwrap_or(ATTEMPTS);
    if !(1..=100).contains(&attempts_max) {
        return Err("'attempts' is between 1 and 100".into());
    }
    Ok(Webhook { url, secrets, attempts_max })
}

fn secret(text: &str) -> Result<Vec<u8>, String> {
    let plain = text.strip_prefix("whsec_").unwrap_or(text);
    base64::engine::general_purpose::STANDARD
        .decode(plain)
        .ok()
        .filter(|bytes| bytes.len() >= SECRET_BYTES_MIN)
        .ok_or_else(|| "a webhook's secret is whsec_ and base64 of 24 bytes or more".into())
}

/// Returns the handlers with unique ids: the type's name, numbered if necessary, for those without an id.
pub(super) fn handlers(sections: &[HandlerSection]) -> Vec<HandlerSettings> {
    let mut all: Vec<HandlerSettings> = Vec::new();
    for section in sections {
        let base = match (&*section.settings.id, section.name) {
            ("", HandlerName::SessionTermination) => "sessionTermination",
            ("", HandlerName::Webhook) => "webhook",
            (id, _) => id,
        };
        let mut id = base.to_owned();
        let mut number = 1;
        while all.iter().any(|handler| handler.id == id) {
            number += 1;
            id = format!("{base}-{number}");
        }
        all.push(HandlerSettings { id, ..section.settings.clone() });
    }
    all
}
