//! `/api/users/v1/me/factors` and `/api/users/v1/{user-id}/factors`: passkeys, security keys and authenticator apps;
//! and what an administrator can do with an account's credentials.
//!
//! Users add and remove their own factors in My Account, because that requires fresh authentication, which a token
//! doesn't provide.

use axum::extract::Path;
use http::{StatusCode, Uri};
use serde::Serialize;
use sojourn_engine::Right;
use sojourn_engine::directory::{Advice, SecurityCheck};
use sojourn_engine::factors::{Factors, Listed};
use sojourn_model::UserId;

use super::caller::person;
use super::json::moment;
use super::refusal::Answer;
use super::user_sessions::arrive;
use crate::context::Context;
use crate::{request, respond};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactorJson {
    id: String,
    kind: &'static str,
    name: String,
    added_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    /// Whether the key is synced or can be synced between devices; only present for keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    synced: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FactorsJson {
    factors: Vec<FactorJson>,
    recovery_codes_left: i64,
    /// Time before which the password or a recovery code doesn't open the account, if it is being recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovers_at: Option<String>,
}

fn factor(Listed { factor, key }: &Listed) -> FactorJson {
    FactorJson {
        id: factor.id.to_string(),
        kind: factor.kind.as_str(),
        name: factor.name.clone(),
        added_at: moment(factor.added_at),
        last_used_at: factor.used_at.map(moment),
        synced: key.as_ref().map(|key| key.may_sync),
    }
}

async fn list_of(context: &Context, uri: &Uri, user: UserId) -> Answer {
    request::api_query(uri.query())?;
    let engine = context.engine();
    let Factors { factors, codes_left } = engine.factors(context.tenant(), user).await?;
    let user = engine.reads(context.tenant().id).user(user).await?;
    let recovers_at = user.and_then(|user| user.recovers_at);
    let factors = factors.iter().map(factor).collect();
    let recovers_at = recovers_at.filter(|until| *until > engine.now()).map(moment);
    let all = FactorsJson { factors, recovery_codes_left: codes_left, recovers_at };
    Ok(respond::json(StatusCode::OK, &all))
}

/// `GET /api/users/v1/me/factors`: lists the caller's own factors.
pub(crate) async fn mine(context: Context, uri: Uri) -> Answer {
    let user = person(&context).await?;
    list_of(&context, &uri, user).await
}

/// `GET /api/users/v1/{user-id}/factors`: lists a user's factors.
pub(crate) async fn list(context: Context, Path(user_id): Path<String>, uri: Uri) -> Answer {
    let (_, user) = arrive(&context, Right::UserFactorView, &user_id).await?;
    list_of(&context, &uri, user.id).await
}

/// `DELETE /api/users/v1/{user-id}/factors`: removes all factors and recovery codes of a user, and ends the sessions
/// that were created with one of them.
pub(crate) async fn reset(context: Context, Path(user_id): Path<String>) -> Answer {
    let (by, user) = arrive(&context, Right::UserFactorReset, &user_id).await?;
    context.engine().reset_factors(context.tenant(), &user, &by).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

/// `DELETE /api/users/v1/{user-id}/recovery-wait`: ends the waiting time of an account that is being recovered.
pub(crate) async fn end_wait(context: Context, Path(user_id): Path<String>) -> Answer {
    let (by, user) = arrive(&context, Right::UserFactorReset, &user_id).await?;
    context.engine().end_wait(context.tenant(), &user, &by).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

/// `POST /api/users/v1/{user-id}/secure`: ends everything of a user's account and requires new credentials.
pub(crate) async fn secure(context: Context, Path(user_id): Path<String>) -> Answer {
    let (by, user) = arrive(&context, Right::UserSecure, &user_id).await?;
    context.engine().secure_account(context.tenant(), &user, &by).await?;
    Ok(respond::empty(StatusCode::NO_CONTENT))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    email_verified: bool,
    /// Verified addresses besides `email`.
    other_emails: Vec<String>,
    password: bool,
    passkeys: usize,
    second_factors: usize,
    recovery_codes_left: i64,
    sessions: usize,
    trusted_browsers: usize,
    offline_applications: usize,
    /// Recommended next steps, most important first.
    advice: Vec<&'static str>,
}

const fn advice(advice: Advice) -> &'static str {
    match advice {
        Advice::AddAddress => "add_address",
        Advice::ConfirmAddress => "confirm_address",
        Advice::AddFactor => "add_factor",
        Advice::RenewRecoveryCodes => "renew_recovery_codes",
    }
}

fn check_json(check: SecurityCheck) -> CheckJson {
    let todo = check.advice().into_iter().map(advice).collect();
    let (email, email_verified) = check.address.map_or((None, false), |(a, v)| (Some(a), v));
    CheckJson {
        email,
        email_verified,
        other_emails: check.other_addresses,
        password: check.password,
        passkeys: check.passkeys,
        second_factors: check.second_factors,
        recovery_codes_left: check.recovery_codes,
        sessions: check.sessions,
        trusted_browsers: check.trusted_browsers,
        offline_applications: check.offline_applications,
        advice: todo,
    }
}

/// `GET /api/users/v1/me/security-check`: returns the security check of the caller's own account.
pub(crate) async fn check(context: Context, uri: Uri) -> Answer {
    request::api_query(uri.query())?;
    let user = person(&context).await?;
    let check = context.engine().security_check(context.tenant(), user).await?;
    Ok(respond::json(StatusCode::OK, &check_json(check)))
}
