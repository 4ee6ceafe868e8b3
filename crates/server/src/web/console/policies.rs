//! Session policies: the tenant's policy, and those of applications, roles, groups and users that override it.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use serde::de::DeserializeOwned;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Methods, PolicyScope, SessionPolicy};
use sojourn_oidc::Params;

use super::{administrator, form};
use crate::context::Context;
use crate::language::Text;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// A selection field: its name and label, and its options with value, description and whether it is selected.
struct Choice {
    name: &'static str,
    label: &'static str,
    options: Vec<(&'static str, &'static str, bool)>,
}

/// A numeric field, in minutes or sessions; empty if the policy doesn't set it.
struct Number {
    name: &'static str,
    label: &'static str,
    value: String,
}

struct PolicyLine {
    scope: &'static str,
    /// Display name of the scope, such as "Role".
    kind: &'static str,
    id: String,
    name: String,
    sets: String,
}

#[derive(Template)]
#[template(path = "console/policies.html")]
struct PoliciesPage {
    frame: Frame,
    /// Name of the object that has the policy; `None` for the tenant's policy.
    of: Option<String>,
    action: String,
    numbers: Vec<Number>,
    choices: Vec<Choice>,
    /// Methods with name, description and whether the policy names them.
    methods: Vec<(&'static str, &'static str, bool)>,
    lines: Vec<PolicyLine>,
    may_set: bool,
    error: Option<Text>,
}

/// Options of a selection field: value and description.
type Words = &'static [(&'static str, &'static str)];
/// Selection fields of the form: name of the setting, label, and options.
const CHOICES: [(&str, &str, Words); 10] = [
    (
        "second_factor",
        "Second factor at sign-in",
        &[
            ("optional", "Required for users who have one"),
            ("required", "Required; users without one add one"),
            ("phishing_resistant", "Required: a passkey or a security key"),
        ],
    ),
    (
        "remember_me",
        "Staying signed in after the browser is closed",
        &[
            ("ask", "People decide at each sign-in"),
            ("always", "Everybody stays signed in"),
            ("never", "Nobody stays signed in"),
        ],
    ),
    (
        "at_limit",
        "When the session limit is reached",
        &[
            ("end_oldest", "The oldest ends"),
            ("ask", "The person chooses"),
            ("deny", "The sign-in is refused"),
        ],
    ),
    (
        "on_password_change",
        "When a person changes the password",
        &[("all", "All sessions end"), ("keep_current", "All others end")],
    ),
    (
        "on_password_reset",
        "When an administrator sets the password",
        &[("end", "Sessions end"), ("keep", "Sessions stay")],
    ),
    (
        "on_lock",
        "When an account is locked",
        &[("end", "Sessions end"), ("keep", "Sessions wait until it is unlocked")],
    ),
    (
        "on_disable",
        "When an account is switched off",
        &[("end", "Sessions end"), ("keep", "Sessions wait until it is switched on")],
    ),
    (
        "on_role_change",
        "When a role changes",
        &[
            ("nothing", "Event handlers decide"),
            ("removed", "Sessions end if a role is removed"),
            ("any", "Sessions end if a role is added or removed"),
        ],
    ),
    (
        "on_access_removed",
        "When a person withdraws an approval",
        &[
            ("tokens", "The application's tokens end"),
            ("application", "Its tokens end, and the person is signed out of it"),
            ("session", "All sessions end"),
        ],
    ),
    (
        "on_factor_removed",
        "When a passkey or second factor is removed",
        &[
            ("nothing", "Sessions stay"),
            ("made_with_it", "Sessions that were started with it end"),
            ("all", "All other sessions end"),
        ],
    ),
];

/// The methods of the form: name and description.
const METHODS: [(&str, &str); 5] = [
    ("password", "Password"),
    ("passkey", "Passkey"),
    ("security_key", "Security key"),
    ("totp", "Authenticator app"),
    ("recovery_code", "Recovery code"),
];

fn word(policy: &serde_json::Value, name: &str) -> String {
    policy.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

fn fields(policy: &SessionPolicy) -> (Vec<Number>, Vec<Choice>) {
    let as_json = serde_json::to_value(policy).unwrap_or_default();
    let minutes =
        |ms: Option<i64>| ms.map(|ms| (ms / MINUTE).max(1).to_string()).unwrap_or_default();
    let number = |name, label, value| Number { name, label, value };
    let numbers = vec![
        number("idle", "Idle timeout of a session (minutes)", minutes(policy.idle_timeout_ms)),
        number(
            "absolute",
            "Maximum lifetime of a session (minutes)",
            minutes(policy.absolute_lifetime_ms),
        ),
        number(
            "remember",
            "Duration of “stay signed in” (minutes)",
            minutes(policy.remember_me_ms),
        ),
        number(
            "fresh",
            "Maximum age of a sign-in for an application (minutes)",
            minutes(policy.max_authentication_age_ms),
        ),
        number(
            "factor_age",
            "Maximum age of a required second factor (minutes)",
            minutes(policy.second_factor_age_ms),
        ),
        number(
            "trust",
            "Time that a browser can be trusted, without a second factor (minutes)",
            minutes(policy.trust_browser_ms),
        ),
        number(
            "grace",
            "Days in which users can still sign in without the second factor",
            policy.enrolment_grace_ms.map(|ms| days_of(ms).to_string()).unwrap_or_default(),
        ),
        number(
            "recovery_wait",
            "Waiting time before a recovered account can be used (minutes)",
            minutes(policy.recovery_wait_ms),
        ),
        number(
            "max_sessions",
            "Maximum number of concurrent sessions per person",
            policy.max_sessions.map(|max| max.to_string()).unwrap_or_default(),
        ),
    ];
    let choices = CHOICES
        .iter()
        .map(|(name, label, words)| {
            let set = word(&as_json, name);
            let options = words.iter().map(|(word, means)| (*word, *means, *word == set)).collect();
            Choice { name, label, options }
        })
        .collect();
    (numbers, choices)
}

/// A grace as the form shows it.
fn days_of(ms: i64) -> i64 {
    (ms / DAY).max(1)
}

fn chosen<T: DeserializeOwned>(params: &Params, name: &str) -> Result<Option<T>, EngineError> {
    match params.get(name) {
        None | Some("") => Ok(None),
        Some(word) => serde_json::from_value(word.into())
            .map(Some)
            .map_err(|_| EngineError::Invalid(format!("{name} can't be {word}"))),
    }
}

/// The methods that were ticked; `None` if none was.
fn methods(params: &Params) -> Result<Option<Methods>, EngineError> {
    let ticked = |(name, _): &&(&str, &str)| params.get(&format!("method_{name}")).is_some();
    let names: Vec<&str> = METHODS.iter().filter(ticked).map(|(name, _)| *name).collect();
    match names.is_empty() {
        true => Ok(None),
        false => Methods::named(names).map(Some).map_err(EngineError::Invalid),
    }
}

fn sent(params: &Params, before: &SessionPolicy) -> Result<SessionPolicy, EngineError> {
    let number = |name: &str| -> Result<Option<i64>, EngineError> {
        match params.get(name).map(str::trim) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse::<i64>()
                .ok()
                .filter(|number| (1..10_000_000).contains(number))
                .map(Some)
                .ok_or_else(|| {
                    EngineError::Invalid(format!("'{text}' is not a whole number of at least 1"))
                }),
        }
    };
    let minutes = |name: &str| Ok::<_, EngineError>(number(name)?.map(|count| count * MINUTE));
    Ok(SessionPolicy {
        idle_timeout_ms: minutes("idle")?,
        absolute_lifetime_ms: minutes("absolute")?,
        remember_me_ms: minutes("remember")?,
        max_authentication_age_ms: minutes("fresh")?,
        max_sessions: number("max_sessions")?.and_then(|max| u32::try_from(max).ok()),
        trust_browser_ms: minutes("trust")?,
        recovery_wait_ms: minutes("recovery_wait")?,
        // A time that isn't of whole days stays as it is unless the number changes.
        enrolment_grace_ms: match number("grace")? {
            Some(days) if before.enrolment_grace_ms.map(days_of) == Some(days) => {
                before.enrolment_grace_ms
            }
            days => days.map(|days| days.saturating_mul(DAY)),
        },
        second_factor_since: None,
        second_factor_before: None,
        methods: methods(params)?,
        second_factor: chosen(params, "second_factor")?,
        second_factor_age_ms: minutes("factor_age")?,
        remember_me: chosen(params, "remember_me")?,
        at_limit: chosen(params, "at_limit")?,
        on_password_change: chosen(params, "on_password_change")?,
        on_password_reset: chosen(params, "on_password_reset")?,
        on_lock: chosen(params, "on_lock")?,
        on_disable: chosen(params, "on_disable")?,
        on_role_change: chosen(params, "on_role_change")?,
        on_access_removed: chosen(params, "on_access_removed")?,
        on_factor_removed: chosen(params, "on_factor_removed")?,
        absolute_lifetime_off_ms: before.absolute_lifetime_off_ms,
    })
}

fn scope(kind: &str, id: &str) -> Option<PolicyScope> {
    Some(match kind {
        "applications" => PolicyScope::Application(id.parse().ok()?),
        "roles" => PolicyScope::Role(id.parse().ok()?),
        "groups" => PolicyScope::Group(id.parse().ok()?),
        "users" => PolicyScope::User(id.parse().ok()?),
        _ => return None,
    })
}

async fn name(context: &Context, scope: PolicyScope) -> Result<String, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant().id);
    let store = engine.reads(tenant);
    Ok(match scope {
        PolicyScope::Tenant => context.tenant().name.clone(),
        PolicyScope::Application(id) => {
            engine.application(tenant, id).await?.map(|app| app.name.clone()).unwrap_or_default()
        }
        PolicyScope::Role(id) => store.role(id).await?.map(|r| r.name).unwrap_or_default(),
        PolicyScope::Group(id) => {
            store.group(id).await?.map(|group| group.name).unwrap_or_default()
        }
        PolicyScope::User(id) => {
            store.user(id).await?.map(|user| user.username).unwrap_or_default()
        }
    })
}

async fn lines(context: &Context) -> Result<Vec<PolicyLine>, EngineError> {
    let mut lines = Vec::new();
    for (of, policy) in context.engine().policies_set(context.tenant()).await? {
        let (scope, kind, id) = match of {
            PolicyScope::Tenant => continue,
            PolicyScope::Application(id) => ("applications", "Application", id.to_string()),
            PolicyScope::Role(id) => ("roles", "Role", id.to_string()),
            PolicyScope::Group(id) => ("groups", "Group", id.to_string()),
            PolicyScope::User(id) => ("users", "User", id.to_string()),
        };
        // The record of a grace isn't something that anybody sets.
        let policy =
            SessionPolicy { second_factor_since: None, second_factor_before: None, ..policy };
        let set = serde_json::to_value(policy).unwrap_or_default();
        let names: Vec<String> =
            set.as_object().map(|set| set.keys().cloned().collect()).unwrap_or_default();
        let name = name(context, of).await?;
        lines.push(PolicyLine { scope, kind, id, name, sets: names.join(", ") });
    }
    Ok(lines)
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    of: PolicyScope,
    path: &str,
    (notice, error): (Option<Text>, Option<Text>),
) -> Answer {
    let found = async {
        let policy = context.engine().policy_set(context.tenant(), of).await?;
        Ok::<_, EngineError>((policy, lines(context).await?, name(context, of).await?))
    };
    let (policy, lines, name) = found.await?;
    let (numbers, choices) = fields(&policy);
    let mut frame = visitor.frame(context, "policies");
    frame.notice = notice;
    let page = PoliciesPage {
        frame,
        of: (of != PolicyScope::Tenant).then_some(name),
        action: context.link(path),
        numbers,
        choices,
        methods: METHODS
            .iter()
            .map(|(name, means)| {
                let named = policy.methods.is_some_and(|set| set.names().any(|one| one == *name));
                (*name, *means, named)
            })
            .collect(),
        lines,
        may_set: visitor.by.may(Right::SessionPolicyUpdate),
        error,
    };
    let status = if page.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(render::page(context, status, &page))
}

fn notice(uri: &Uri) -> Option<Text> {
    let params = request::query(uri.query()).ok()?;
    params
        .get("done")
        .map(|_| "The policy is set. Active sessions keep the settings they started with.".into())
}

/// Serves `GET /console/policies`: the tenant's policy, and the policies that override it.
pub(crate) async fn list(context: Context, uri: Uri) -> Answer {
    match administrator(&context, "/console/policies", Right::SessionView).await {
        Ok(visitor) => {
            let told = (notice(&uri), None);
            show(&context, &visitor, PolicyScope::Tenant, "/console/policies", told).await
        }
        Err(elsewhere) => Err(elsewhere),
    }
}

/// Serves `GET /console/policies/{scope}/{id}`: the policy of an application, role, group or user.
pub(crate) async fn one(
    context: Context,
    Path((kind, id)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let visitor = administrator(&context, "/console/policies", Right::SessionView).await?;
    let of = scope(&kind, &id).ok_or_else(|| Refusal::missing("There is no such policy."))?;
    let path = format!("/console/policies/{kind}/{id}");
    show(&context, &visitor, of, &path, (notice(&uri), None)).await
}

async fn write(
    context: &Context,
    visitor: &Visitor,
    of: PolicyScope,
    path: &str,
    params: &Params,
) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let done = async {
        if let PolicyScope::User(user) = of {
            engine.must_cover(tenant, &visitor.by, user).await?;
        }
        let before = engine.policy_set(tenant, of).await?;
        let policy = sent(params, &before)?;
        engine.set_policy(tenant, of, policy, &visitor.by).await
    };
    match done.await {
        Ok(()) => Ok(respond::see_other(&context.link(&format!("{path}?done=1")))),
        Err(EngineError::Invalid(why)) => {
            show(context, visitor, of, path, (None, Some(words::sentence(why)))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Serves `POST /console/policies`: sets the tenant's policy.
pub(crate) async fn set(context: Context, body: Bytes) -> Answer {
    match form(&context, &body, "/console/policies", Right::SessionPolicyUpdate).await {
        Ok((visitor, params)) => {
            write(&context, &visitor, PolicyScope::Tenant, "/console/policies", &params).await
        }
        Err(refused) => Err(refused),
    }
}

/// Serves `POST /console/policies/{scope}/{id}`: sets the policy of an application, role, group or user.
pub(crate) async fn set_one(
    context: Context,
    Path((kind, id)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (visitor, params) =
        form(&context, &body, "/console/policies", Right::SessionPolicyUpdate).await?;
    let of = scope(&kind, &id).ok_or_else(|| Refusal::missing("There is no such policy."))?;
    let path = format!("/console/policies/{kind}/{id}");
    write(&context, &visitor, of, &path, &params).await
}
