//! Session policies that an organisation sets for the tenant, applications, roles, groups and users.

use axum::body::Bytes;
use axum::extract::Path;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use sojourn_engine::{EngineError, Right};
use sojourn_model::{
    AtLimit, EffectivePolicy, Methods, OnAccessRemoved, OnAccount, OnFactorRemoved,
    OnPasswordChange, OnRoleChange, PolicyScope, RememberMe, SecondFactor, SessionPolicy,
};
use utoipa::ToSchema;

use super::types::ProblemJson;
use super::{Answer, Refusal, body, caller};
use crate::context::Context;
use crate::{request, respond};

/// The values that a policy sets for one scope. Omitted values aren't set; an empty policy removes the existing one.
#[derive(Serialize, Deserialize, ToSchema, Default, Clone)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PolicyJson {
    /// Idle timeout of a session in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    idle_timeout_ms: Option<i64>,
    /// Absolute lifetime of a session in milliseconds, even if it is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    absolute_lifetime_ms: Option<i64>,
    /// Lifetime of a remembered session ("stay signed in") in milliseconds, from the last authentication.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    remember_me_ms: Option<i64>,
    /// Whether users are asked if they want to stay signed in: `ask`, `always` (all do without being asked) or `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    remember_me: Option<RememberMe>,
    /// Maximum number of live sessions of one user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    max_sessions: Option<u32>,
    /// What happens at a sign-in when that limit is reached: `deny` (the sign-in is refused), `end_oldest` or `ask`
    /// (the user chooses which sessions to end).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    at_limit: Option<AtLimit>,
    /// Maximum age of the last authentication in milliseconds, after which a new one is required (step-up).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    max_authentication_age_ms: Option<i64>,
    /// Time in milliseconds, from when the policy began to require a second factor, for which users without one can still
    /// sign in. If it isn't set, they have to add one at the next sign-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    enrolment_grace_ms: Option<i64>,
    /// Time in milliseconds for which a user can trust a browser, in which the second factor isn't asked for. If no
    /// policy sets it, browsers can't be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    trust_browser_ms: Option<i64>,
    /// Waiting time in milliseconds after an administrator removed a user's factors, or a password was reset by mail:
    /// until it has passed, the account can be used only with a factor that it still has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1000)]
    recovery_wait_ms: Option<i64>,
    /// Methods that count at a sign-in: some of `password`, `passkey`, `security_key`, `totp` and `recovery_code`, with
    /// `password` or `passkey` among them. Proofs by other methods count for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    methods: Option<Methods>,
    /// Maximum age of the second factor in milliseconds where one is required, at least one minute. Then an application
    /// asks for it again, in the same session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60000)]
    second_factor_age_ms: Option<i64>,
    /// Whether users need a second factor: `optional`, `required` or `phishing_resistant` (a passkey or a security
    /// key).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    second_factor: Option<SecondFactor>,
    /// Which sessions end when the user changes the password: `keep_current` (all except the current one) or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_password_change: Option<OnPasswordChange>,
    /// Which changes of a user's roles end the user's sessions: `nothing`, `removed` or `any`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_role_change: Option<OnRoleChange>,
    /// What happens to the user's sessions when an administrator sets the password: `keep` or `end`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_password_reset: Option<OnAccount>,
    /// What happens to the user's sessions when the account is locked: `keep` or `end`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_lock: Option<OnAccount>,
    /// What happens to the user's sessions when the account is disabled: `keep` or `end`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_disable: Option<OnAccount>,
    /// What ends when a user revokes the access of an application: `tokens`, `application` or `session`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_access_removed: Option<OnAccessRemoved>,
    /// Which sessions end when a passkey or second factor is removed: `nothing`, `made_with_it` (those authenticated
    /// with it) or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    on_factor_removed: Option<OnFactorRemoved>,
}

impl From<SessionPolicy> for PolicyJson {
    fn from(from: SessionPolicy) -> Self {
        Self {
            idle_timeout_ms: from.idle_timeout_ms,
            absolute_lifetime_ms: from.absolute_lifetime_ms,
            remember_me_ms: from.remember_me_ms,
            remember_me: from.remember_me,
            max_sessions: from.max_sessions,
            at_limit: from.at_limit,
            max_authentication_age_ms: from.max_authentication_age_ms,
            enrolment_grace_ms: from.enrolment_grace_ms,
            trust_browser_ms: from.trust_browser_ms,
            recovery_wait_ms: from.recovery_wait_ms,
            methods: from.methods,
            second_factor: from.second_factor,
            second_factor_age_ms: from.second_factor_age_ms,
            on_password_change: from.on_password_change,
            on_role_change: from.on_role_change,
            on_password_reset: from.on_password_reset,
            on_lock: from.on_lock,
            on_disable: from.on_disable,
            on_access_removed: from.on_access_removed,
            on_factor_removed: from.on_factor_removed,
        }
    }
}

impl From<PolicyJson> for SessionPolicy {
    fn from(from: PolicyJson) -> Self {
        Self {
            idle_timeout_ms: from.idle_timeout_ms,
            absolute_lifetime_ms: from.absolute_lifetime_ms,
            absolute_lifetime_off_ms: None,
            second_factor_since: None,
            second_factor_before: None,
            remember_me_ms: from.remember_me_ms,
            remember_me: from.remember_me,
            max_sessions: from.max_sessions,
            at_limit: from.at_limit,
            max_authentication_age_ms: from.max_authentication_age_ms,
            enrolment_grace_ms: from.enrolment_grace_ms,
            trust_browser_ms: from.trust_browser_ms,
            recovery_wait_ms: from.recovery_wait_ms,
            methods: from.methods,
            second_factor: from.second_factor,
            second_factor_age_ms: from.second_factor_age_ms,
            on_password_change: from.on_password_change,
            on_role_change: from.on_role_change,
            on_password_reset: from.on_password_reset,
            on_lock: from.on_lock,
            on_disable: from.on_disable,
            on_access_removed: from.on_access_removed,
            on_factor_removed: from.on_factor_removed,
        }
    }
}

/// A policy with the scope that it applies to.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScopedPolicyJson {
    /// Kind of the scope: `tenant`, `applications`, `roles`, `groups` or `users`.
    scope: &'static str,
    /// Id of the application, role, group or user; missing for the tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The values that the policy sets for the scope.
    policy: PolicyJson,
}

/// All policies that are set in the tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct PoliciesJson {
    /// Policies of all scopes; those of users up to a limit.
    items: Vec<ScopedPolicyJson>,
}

/// The policy in effect for a session, merged from all scopes and the defaults.
#[derive(Serialize, ToSchema)]
pub(crate) struct EffectivePolicyJson {
    /// Idle timeout of the session in milliseconds.
    idle_timeout_ms: i64,
    /// Absolute lifetime of the session in milliseconds; missing if it is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute_lifetime_ms: Option<i64>,
    /// Lifetime of a remembered session ("stay signed in") in milliseconds, from the last authentication.
    remember_me_ms: i64,
    /// Whether users are asked if they want to stay signed in: `ask`, `always` or `never`.
    #[schema(value_type = String)]
    remember_me: RememberMe,
    /// Maximum number of live sessions of the user; missing if there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_sessions: Option<u32>,
    /// What happens at a sign-in when that limit is reached: `deny`, `end_oldest` or `ask`.
    #[schema(value_type = String)]
    at_limit: AtLimit,
    /// Maximum age of the last authentication in milliseconds, after which a new one is required; missing if unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_authentication_age_ms: Option<i64>,
    /// Time in milliseconds for which a user can trust a browser; missing if browsers can't be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_browser_ms: Option<i64>,
    /// Waiting time of a recovery in milliseconds; missing if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_wait_ms: Option<i64>,
    /// Methods that count at a sign-in; empty if the policies contradict each other, so that the user can't sign in.
    #[schema(value_type = Vec<String>)]
    methods: Methods,
    /// Maximum age of the second factor in milliseconds where one is required; missing if unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    second_factor_age_ms: Option<i64>,
    /// Whether the user needs a second factor: `optional`, `required` or `phishing_resistant`.
    #[schema(value_type = String)]
    second_factor: SecondFactor,
    /// Time until which a user without one can still sign in; missing if there is no grace.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    grace_until: Option<String>,
    /// Which sessions end when the user changes the password: `keep_current` (all except the current one) or `all`.
    #[schema(value_type = String)]
    on_password_change: OnPasswordChange,
    /// Which changes of the user's roles end the user's sessions: `nothing`, `removed` or `any`.
    #[schema(value_type = String)]
    on_role_change: OnRoleChange,
    /// What happens to the user's sessions when an administrator sets the password: `keep` or `end`.
    #[schema(value_type = String)]
    on_password_reset: OnAccount,
    /// What happens to the user's sessions when the account is locked: `keep` or `end`.
    #[schema(value_type = String)]
    on_lock: OnAccount,
    /// What happens to the user's sessions when the account is disabled: `keep` or `end`.
    #[schema(value_type = String)]
    on_disable: OnAccount,
    /// What ends when the user revokes the access of an application: `tokens`, `application` or `session`.
    #[schema(value_type = String)]
    on_access_removed: OnAccessRemoved,
    /// Which sessions end when a passkey or second factor is removed: `nothing`, `made_with_it` or `all`.
    #[schema(value_type = String)]
    on_factor_removed: OnFactorRemoved,
}

impl From<EffectivePolicy> for EffectivePolicyJson {
    fn from(from: EffectivePolicy) -> Self {
        Self {
            idle_timeout_ms: from.idle_timeout_ms,
            absolute_lifetime_ms: from.absolute_lifetime_ms,
            remember_me_ms: from.remember_me_ms,
            remember_me: from.remember_me,
            max_sessions: from.max_sessions,
            at_limit: from.at_limit,
            max_authentication_age_ms: from.max_authentication_age_ms,
            trust_browser_ms: from.trust_browser_ms,
            recovery_wait_ms: from.recovery_wait_ms,
            methods: from.methods,
            second_factor: from.second_factor,
            second_factor_age_ms: from.second_factor_age_ms,
            grace_until: from.grace_until.map(super::types::time),
            on_password_change: from.on_password_change,
            on_role_change: from.on_role_change,
            on_password_reset: from.on_password_reset,
            on_lock: from.on_lock,
            on_disable: from.on_disable,
            on_access_removed: from.on_access_removed,
            on_factor_removed: from.on_factor_removed,
        }
    }
}

fn scope(kind: &str, id: &str) -> Result<PolicyScope, EngineError> {
    let unknown = || EngineError::NotFound("subject of a policy");
    match kind {
        "applications" => id.parse().map(PolicyScope::Application).map_err(|_| unknown()),
        "roles" => id.parse().map(PolicyScope::Role).map_err(|_| unknown()),
        "groups" => id.parse().map(PolicyScope::Group).map_err(|_| unknown()),
        "users" => id.parse().map(PolicyScope::User).map_err(|_| unknown()),
        _ => Err(unknown()),
    }
}

fn scoped((scope, policy): (PolicyScope, SessionPolicy)) -> ScopedPolicyJson {
    let (scope, id) = match scope {
        PolicyScope::Tenant => ("tenant", None),
        PolicyScope::Application(id) => ("applications", Some(id.to_string())),
        PolicyScope::Role(id) => ("roles", Some(id.to_string())),
        PolicyScope::Group(id) => ("groups", Some(id.to_string())),
        PolicyScope::User(id) => ("users", Some(id.to_string())),
    };
    ScopedPolicyJson { scope, id, policy: policy.into() }
}

/// Lists all policies that are set, those of users up to a limit.
#[utoipa::path(
    get, path = "/policies", tag = "Policies", operation_id = "listPolicies",
    responses(
        (status = 200, description = "The policies; at most 500 of users", body = PoliciesJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn list(context: Context) -> Answer {
    caller(&context, &[Right::SessionView]).await?;
    let all = context.engine().policies_set(context.tenant()).await?;
    let items = all.into_iter().map(scoped).collect();
    Ok(respond::json(StatusCode::OK, &PoliciesJson { items }))
}

async fn read(context: &Context, scope: Result<PolicyScope, EngineError>) -> Answer {
    caller(context, &[Right::SessionView]).await?;
    let policy = context.engine().policy_set(context.tenant(), scope?).await?;
    Ok(respond::json(StatusCode::OK, &PolicyJson::from(policy)))
}

async fn write(
    context: &Context,
    scope: Result<PolicyScope, EngineError>,
    bytes: &Bytes,
) -> Answer {
    let caller = caller(context, &[Right::SessionPolicyUpdate]).await?;
    let policy: PolicyJson = body(context, bytes)?;
    let scope = scope?;
    let (engine, tenant) = (context.engine(), context.tenant());
    if let PolicyScope::User(user) = scope {
        engine.must_cover(tenant, &caller, user).await?;
    }
    engine.set_policy(tenant, scope, policy.clone().into(), &caller).await?;
    Ok(respond::json(StatusCode::OK, &policy))
}

/// Returns the tenant's policy.
#[utoipa::path(
    get, path = "/policies/tenant", tag = "Policies", operation_id = "getTenantPolicy",
    responses(
        (status = 200, description = "The policy", body = PolicyJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn get_tenant(context: Context) -> Answer {
    read(&context, Ok(PolicyScope::Tenant)).await
}

/// Sets the tenant's policy.
///
/// Active sessions keep the limits that they started with.
#[utoipa::path(
    put, path = "/policies/tenant", tag = "Policies", operation_id = "setTenantPolicy",
    request_body(content = PolicyJson, content_type = "application/json"),
    responses(
        (status = 200, description = "The policy", body = PolicyJson),
        (status = 400, description = "The policy is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 413, description = "The request is too large"),
    ),
    security(("bearer" = ["internal_session_policy_update"]), ("basic" = []))
)]
pub(crate) async fn put_tenant(context: Context, bytes: Bytes) -> Answer {
    write(&context, Ok(PolicyScope::Tenant), &bytes).await
}

/// Returns the policy of an application, role, group or user.
#[utoipa::path(
    get, path = "/policies/{scope}/{id}", tag = "Policies", operation_id = "getPolicy",
    params(
        ("scope" = String, Path, description = "`applications`, `roles`, `groups` or `users`"),
        ("id" = String, Path, description = "Id of the application, role, group or user"),
    ),
    responses(
        (status = 200, description = "The policy; empty if nothing is set", body = PolicyJson),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The application, role, group or user doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn get(context: Context, Path((kind, id)): Path<(String, String)>) -> Answer {
    read(&context, scope(&kind, &id)).await
}

/// Sets the policy of an application, role, group or user.
///
/// It overrides the tenant's policy; if several such policies apply, the strictest value wins.
#[utoipa::path(
    put, path = "/policies/{scope}/{id}", tag = "Policies", operation_id = "setPolicy",
    params(
        ("scope" = String, Path, description = "`applications`, `roles`, `groups` or `users`"),
        ("id" = String, Path, description = "Id of the application, role, group or user"),
    ),
    request_body(content = PolicyJson, content_type = "application/json"),
    responses(
        (status = 200, description = "The policy", body = PolicyJson),
        (status = 400, description = "The policy is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The application, role, group or user doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
        (status = 413, description = "The request is too large"),
    ),
    security(("bearer" = ["internal_session_policy_update"]), ("basic" = []))
)]
pub(crate) async fn put(
    context: Context,
    Path((kind, id)): Path<(String, String)>,
    bytes: Bytes,
) -> Answer {
    write(&context, scope(&kind, &id), &bytes).await
}

/// Returns the policy in effect for a user's sessions, optionally in one application.
#[utoipa::path(
    get, path = "/policies/effective", tag = "Policies", operation_id = "getEffectivePolicy",
    params(
        ("user" = String, Query, description = "The user's id"),
        ("application" = Option<String>, Query, description = "The application's id"),
    ),
    responses(
        (status = 200, description = "The effective policy", body = EffectivePolicyJson),
        (status = 400, description = "A parameter is malformed", body = ProblemJson, content_type = "application/problem+json"),
        (status = 401, description = "Authentication is missing or invalid", body = ProblemJson, content_type = "application/problem+json"),
        (status = 403, description = "The caller lacks a required permission", body = ProblemJson, content_type = "application/problem+json"),
        (status = 404, description = "The user or application doesn't exist", body = ProblemJson, content_type = "application/problem+json"),
    ),
    security(("bearer" = ["internal_session_view"]), ("basic" = []))
)]
pub(crate) async fn effective(context: Context, uri: Uri) -> Answer {
    let caller = caller(&context, &[Right::SessionView]).await?;
    let params = request::api_query(uri.query())?;
    params.no_doubles()?;
    let user = params.get("user").ok_or_else(|| Refusal::bad("Specify a user."))?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let user = user.parse().map_err(|_| EngineError::NotFound("user"))?;
    let there = engine.reads(tenant.id).user(user).await?;
    if there.is_none() {
        return Err(EngineError::NotFound("user").into());
    }
    engine.must_cover(tenant, &caller, user).await?;
    let app = match params.get("application") {
        None => None,
        Some(id) => {
            let id = id.parse().map_err(|_| EngineError::NotFound("application"))?;
            let app = engine.application(tenant.id, id).await?;
            Some(app.ok_or(EngineError::NotFound("application"))?.id)
        }
    };
    let policy = engine.policy(tenant, user, app).await?;
    Ok(respond::json(StatusCode::OK, &EffectivePolicyJson::from(policy)))
}
