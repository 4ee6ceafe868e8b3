//! Allowed values, maxima and lengths in the OpenAPI description, taken from the types and limits that enforce them.

use serde_json::{Value, json};
use sojourn_model::limits::{
    BODY_BYTES_MAX, PARAM_BYTES_MAX, POLICY_MS_MAX, POLICY_MS_MIN, SESSION_LIST_MAX,
    USERNAME_BYTES_MAX,
};
use sojourn_model::{
    AtLimit, DeliveryState, Methods, OnAccessRemoved, OnAccount, OnFactorRemoved, OnPasswordChange,
    OnRoleChange, RememberMe, SecondFactor, TaskState,
};

/// The largest integer that JSON clients read exactly (RFC 8259 §6).
const EXACT_MAX: u64 = (1 << 53) - 1;
/// Pattern of session ids: 64 lower-case hexadecimal digits.
const SESSION_ID: &str = "^[0-9a-f]{64}$";

/// Lists the values of an enumeration. A new variant doesn't compile until it is listed here.
macro_rules! words {
    ($type:ident: $($variant:ident),+) => {{
        const fn _complete(one: $type) {
            match one { $($type::$variant => {}),+ }
        }
        json!([$($type::$variant),+])
    }};
}

/// Returns the constraints on members and parameters with this name, wherever they occur.
fn rule(name: &str) -> Option<Value> {
    let account = || words!(OnAccount: Keep, End);
    let milliseconds = || json!({ "minimum": POLICY_MS_MIN, "maximum": POLICY_MS_MAX });
    let allowed = match name {
        "at_limit" => words!(AtLimit: EndOldest, Ask, Deny),
        "second_factor" => words!(SecondFactor: Optional, Required, PhishingResistant),
        "remember_me" => words!(RememberMe: Ask, Always, Never),
        "on_password_change" => words!(OnPasswordChange: KeepCurrent, All),
        "on_role_change" => words!(OnRoleChange: Nothing, Removed, Any),
        "on_password_reset" | "on_lock" | "on_disable" => account(),
        "on_access_removed" => words!(OnAccessRemoved: Tokens, Application, Session),
        "on_factor_removed" => words!(OnFactorRemoved: Nothing, MadeWithIt, All),
        "sort" => json!(["signed_in_at", "last_access", "ended_at"]),
        "include" => json!(["grants"]),
        "binding" => json!(["none", "cookie", "sso-session"]),
        "idle_timeout_ms"
        | "absolute_lifetime_ms"
        | "remember_me_ms"
        | "trust_browser_ms"
        | "enrolment_grace_ms"
        | "recovery_wait_ms"
        | "second_factor_age_ms"
        | "max_authentication_age_ms" => return Some(milliseconds()),
        "max_sessions" => return Some(json!({ "minimum": 1, "maximum": 1000 })),
        "limit" => return Some(json!({ "minimum": 1, "maximum": SESSION_LIST_MAX })),
        "filter" | "cursor" | "results_token" => {
            // All three fit into one query.
            return Some(json!({ "maxLength": PARAM_BYTES_MAX / 2 }));
        }
        "Idempotency-Key" => return Some(json!({ "minLength": 1, "maxLength": 255 })),
        "session_id" | "except" => return Some(json!({ "pattern": SESSION_ID })),
        "username" => return Some(json!({ "maxLength": USERNAME_BYTES_MAX })),
        _ => return None,
    };
    Some(json!({ "enum": allowed }))
}

/// Returns the constraints on a member of one schema or a parameter of one path.
fn own_rule(of: &str, name: &str) -> Option<Value> {
    let tasks: Vec<&str> = TaskState::ALL.iter().map(|(_, name)| *name).collect();
    let deliveries: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
    let effects = json!({ "enum": ["session", "tokens", "offline", "consents", "notify"] });
    Some(match (of, name) {
        ("SessionJson", "state") => json!({ "enum": ["active", "expired", "ended"] }),
        ("DeliveryJson" | "/deliveries", "state") => json!({ "enum": deliveries }),
        ("JobJson", "state") => json!({ "enum": ["pending", "done", "failed", "cancelled"] }),
        ("JobJson", "kind") => json!({ "enum": ["remove_role", "end_sessions", "erase_tenant"] }),
        ("TaskJson" | "/handlers/{handler}/tasks", "state") => json!({ "enum": tasks }),
        ("HandlerJson", "kind") => json!({ "enum": ["sessionTermination", "webhook"] }),
        ("ScopedPolicyJson", "scope") => {
            json!({ "enum": ["tenant", "applications", "roles", "groups", "users"] })
        }
        ("/policies/{scope}/{id}", "scope") => {
            json!({ "enum": ["applications", "roles", "groups", "users"] })
        }
        ("EndedJson" | "ForecastJson", "effects") => json!({ "items": effects }),
        ("BrowserJson", "device") => {
            json!({ "enum": ["pc", "smartphone", "mobilephone", "appliance", "crawler", "misc", ""] })
        }
        ("PolicyJson", "methods") => {
            json!({ "items": { "enum": Methods::NAMES }, "minItems": 1 })
        }
        ("EffectivePolicyJson", "methods") => json!({ "items": { "enum": Methods::NAMES } }),
        ("SessionJson", "id") => json!({ "pattern": SESSION_ID }),
        ("EndBody", "sessions") => json!({ "items": { "pattern": SESSION_ID } }),
        ("EndBody", "rate") => json!({ "minimum": 1, "maximum": u32::MAX }),
        // One entry takes at least four bytes of the body.
        ("EndBody", "users" | "grants") => json!({ "maxItems": BODY_BYTES_MAX / 4 }),
        ("EndBody", "role" | "group" | "application" | "network") => {
            json!({ "maxLength": BODY_BYTES_MAX })
        }
        _ => return None,
    })
}

/// Whether a type is one of the types that a schema allows.
fn is(schema: &Value, name: &str) -> bool {
    let types = schema.get("type");
    types.is_some_and(|types| {
        types == name || types.as_array().is_some_and(|types| types.contains(&json!(name)))
    })
}

/// Adds the keywords of a rule to a schema. A schema that allows null still allows it.
fn add(schema: &mut Value, rule: &Value) {
    let nullable = is(schema, "null");
    let (Some(schema), Some(rule)) = (schema.as_object_mut(), rule.as_object()) else { return };
    for (key, value) in rule {
        match (key.as_str(), schema.get_mut(key)) {
            ("items", Some(items)) => add(items, value),
            ("enum", _) if nullable => {
                let mut all = value.as_array().cloned().unwrap_or_default();
                all.push(Value::Null);
                schema.insert(key.clone(), all.into());
            }
            _ => {
                schema.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Adds a minimum and a maximum to an integer schema that has none.
fn bound(schema: &mut Value) {
    if !is(schema, "integer") {
        return;
    }
    let small = schema.get("format").is_some_and(|format| format == "int32");
    let Some(schema) = schema.as_object_mut() else { return };
    let most = if small { i32::MAX.unsigned_abs().into() } else { EXACT_MAX };
    schema.entry("maximum").or_insert(most.into());
    schema.entry("minimum").or_insert(0.into());
}

/// Adds allowed values, maxima and lengths to a description.
pub(super) fn put(description: &mut Value) {
    let schemas = description.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (of, schema) in schemas.into_iter().flatten() {
        let members = schema.get_mut("properties").and_then(Value::as_object_mut);
        for (name, member) in members.into_iter().flatten() {
            if let Some(rule) = own_rule(of, name).or_else(|| rule(name)) {
                add(member, &rule);
            }
            bound(member);
        }
    }
    let paths = description.get_mut("paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for operation in methods.as_object_mut().into_iter().flat_map(|all| all.values_mut()) {
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten() {
                let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default();
                let name = name.to_owned();
                let Some(schema) = parameter.get_mut("schema") else { continue };
                if let Some(rule) = own_rule(path, &name).or_else(|| rule(&name)) {
                    add(schema, &rule);
                }
                bound(schema);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_have_bounds() {
        let description = crate::openapi();
        let at = |pointer: &str| description.pointer(pointer).cloned().unwrap_or_default();
        let policy = "/components/schemas/PolicyJson/properties";
        assert_eq!(
            at(&format!("{policy}/at_limit/enum")),
            json!(["end_oldest", "ask", "deny", null])
        );
        assert_eq!(at(&format!("{policy}/idle_timeout_ms/maximum")), POLICY_MS_MAX);
        let state = "/components/schemas/DeliveryJson/properties/state/enum";
        assert_eq!(at(state).as_array().map(Vec::len), Some(DeliveryState::ALL.len()));
        // No list of allowed values is only in a description, and every number has a maximum.
        // Examples ("such as") and patterns (`user:<id>`) are no such list.
        let mut stack = vec![&description];
        let mut wrong = Vec::new();
        while let Some(value) = stack.pop() {
            if let Value::Object(object) = value {
                let words = object.get("description").and_then(Value::as_str).unwrap_or_default();
                let open_ended = words.contains('<') || words.contains("such as");
                let listed = words.contains("` or `") && !open_ended;
                let schema = object.get("schema").unwrap_or(value);
                let open = schema["maxLength"].is_number() || schema["items"]["enum"].is_array();
                let unbounded = schema["type"] == "integer" && !schema["maximum"].is_number();
                if listed && !open && !schema["enum"].is_array() || unbounded {
                    wrong.push(value);
                }
                stack.extend(object.values());
            } else if let Value::Array(array) = value {
                stack.extend(array);
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
