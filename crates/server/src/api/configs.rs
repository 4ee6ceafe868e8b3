//! `/api/server/v1/configs`: the session settings of WSO2's configuration endpoint.

use axum::body::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{EffectivePolicy, OnPasswordChange, PolicyScope, SessionPolicy};

use super::caller::caller;
use super::refusal::Answer;
use crate::api::object::{self, Object};
use crate::context::Context;
use crate::respond;

const READ: Right = Right::ConfigView;
const WRITE: Right = Right::ConfigUpdate;
const MINUTE: i64 = 60_000;
/// WSO2's maximum session lifetime if none is set: thirty days.
const LONGEST_MINUTES: i64 = 43_200;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ConfigJson {
    idle_session_timeout_period: String,
    remember_me_period: String,
    enable_maximum_session_timeout_period: bool,
    maximum_session_timeout_period: String,
    preserve_current_session_at_password_update: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    operation: String,
    path: String,
    value: Option<Value>,
}

/// `GET`: returns the session settings of the tenant.
pub(crate) async fn get(context: Context) -> Answer {
    caller(&context, READ).await?;
    let config = shown(&context).await?;
    Ok(respond::json(StatusCode::OK, &config))
}

async fn shown(context: &Context) -> Result<ConfigJson, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let policy = engine.policy_set(tenant, PolicyScope::Tenant).await?;
    let holds = EffectivePolicy::of(&engine.settings().lifetimes, &policy, &[], engine.now());
    let minutes = |ms: i64| (ms / MINUTE).max(1).to_string();
    let longest = holds.absolute_lifetime_ms.or(policy.absolute_lifetime_off_ms);
    Ok(ConfigJson {
        idle_session_timeout_period: minutes(holds.idle_timeout_ms),
        remember_me_period: minutes(holds.remember_me_ms),
        enable_maximum_session_timeout_period: holds.absolute_lifetime_ms.is_some(),
        maximum_session_timeout_period: minutes(longest.unwrap_or(LONGEST_MINUTES * MINUTE)),
        preserve_current_session_at_password_update: holds.on_password_change
            == OnPasswordChange::KeepCurrent,
    })
}

/// `PATCH`: changes the session settings; applies all operations of a request or none.
pub(crate) async fn patch(context: Context, body: Bytes) -> Answer {
    let caller = caller(&context, WRITE).await?;
    let patches = object::read::<Vec<Object<Patch>>>(&body).map_err(EngineError::Invalid)?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let mut policy = engine.policy_set(tenant, PolicyScope::Tenant).await?;
    for patch in &patches {
        apply(&mut policy, &patch.0).map_err(EngineError::Invalid)?;
    }
    engine.set_policy(tenant, PolicyScope::Tenant, policy, &caller).await?;
    Ok(respond::empty(StatusCode::OK))
}

fn apply(policy: &mut SessionPolicy, patch: &Patch) -> Result<(), String> {
    let remove = match patch.operation.as_str() {
        "ADD" | "REPLACE" => false,
        "REMOVE" => true,
        other => return Err(format!("'{other}' is not one of ADD, REPLACE, REMOVE")),
    };
    let text = match &patch.value {
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(Value::Bool(flag)) => Some(flag.to_string()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let wrong = |what: &str| format!("the value of {} must be a {what}", patch.path);
    let minutes = || -> Result<Option<i64>, String> {
        if remove {
            return Ok(None);
        }
        let number = text.as_ref().and_then(|text| text.parse::<i64>().ok());
        let number = number.filter(|minutes| (1..=LONGEST_MINUTES * 120).contains(minutes));
        number
            .map(|minutes| Some(minutes * MINUTE))
            .ok_or_else(|| wrong("number of minutes of at least 1"))
    };
    let flag = || match text.as_deref() {
        _ if remove => Ok(false),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(wrong("'true' or 'false'")),
    };
    match patch.path.as_str() {
        "/idleSessionTimeoutPeriod" => policy.idle_timeout_ms = minutes()?,
        "/rememberMePeriod" => policy.remember_me_ms = minutes()?,
        "/maximumSessionTimeoutPeriod" => {
            let value = minutes()?;
            if policy.absolute_lifetime_ms.is_some() {
                policy.absolute_lifetime_ms = value;
            } else {
                policy.absolute_lifetime_off_ms = value;
            }
        }
        "/enableMaximumSessionTimeoutPeriod" => {
            let set = policy.absolute_lifetime_ms.or(policy.absolute_lifetime_off_ms);
            (policy.absolute_lifetime_ms, policy.absolute_lifetime_off_ms) = if flag()? {
                (Some(set.unwrap_or(LONGEST_MINUTES * MINUTE)), None)
            } else {
                (None, set)
            };
        }
        "/preserveCurrentSessionAtPasswordUpdate" => {
            let keep = if flag()? { OnPasswordChange::KeepCurrent } else { OnPasswordChange::All };
            policy.on_password_change = (!remove).then_some(keep);
        }
        other => return Err(format!("there is no '{other}' here")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_checked_one_by_one() {
        let mut policy = SessionPolicy::default();
        for (operation, path, value, good) in [
            ("REPLACE", "/idleSessionTimeoutPeriod", "20", true),
            ("REPLACE", "/idleSessionTimeoutPeriod", "", false),
            ("REPLACE", "/idleSessionTimeoutPeriod", "0", false),
            ("REPLACE", "/idleSessionTimeoutPeriod", "-1", false),
            ("REPLACE", "/idleSessionTimeoutPeriod", "soon", false),
            ("REPLACE", "/rememberMePeriod", "99999999999999999999", false),
            ("REPLACE", "/maximumSessionTimeoutPeriod", "60", true),
            ("REPLACE", "/enableMaximumSessionTimeoutPeriod", "maybe", false),
            ("REPLACE", "/enableMaximumSessionTimeoutPeriod", "true", true),
            ("REPLACE", "/preserveCurrentSessionAtPasswordUpdate", "true", true),
            ("REPLACE", "/realmConfig", "true", false),
            ("DESTROY", "/rememberMePeriod", "1", false),
        ] {
            let patch = Patch {
                operation: operation.into(),
                path: path.into(),
                value: Some(Value::String(value.into())),
            };
            assert_eq!(apply(&mut policy, &patch).is_ok(), good, "{operation} {path} {value}");
        }
        assert_eq!(policy.idle_timeout_ms, Some(20 * MINUTE));
        assert_eq!(policy.absolute_lifetime_ms, Some(60 * MINUTE));
        assert_eq!(policy.on_password_change, Some(OnPasswordChange::KeepCurrent));
        let off = Patch {
            operation: "REMOVE".into(),
            path: "/enableMaximumSessionTimeoutPeriod".into(),
            value: None,
        };
        assert!(apply(&mut policy, &off).is_ok());
        assert_eq!(
            (policy.absolute_lifetime_ms, policy.absolute_lifetime_off_ms),
            (None, Some(60 * MINUTE))
        );
    }
}
