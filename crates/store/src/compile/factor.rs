//! Factors, recovery codes and trusted browsers.

use sojourn_model::limits::FACTORS_MAX;
use sojourn_model::{FactorChange, Millis, TenantId, TrustedBrowser, UserId};

use super::{Steps, params};
use crate::sql::factor as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, change: FactorChange) {
    match change {
        FactorChange::Add { factor, epoch, session } => {
            let user = factor.user;
            steps.must(&sql::FACTORS_LOCK_AT, params![tenant, user, epoch]);
            if let Some(session) = session {
                steps.must(&crate::sql::grant::CONSENT_GATE, params![tenant, user, session]);
            }
            steps.must(
                &sql::FACTOR_ADD,
                params![
                    tenant,
                    user,
                    factor.id,
                    factor.kind.code(),
                    factor.name,
                    factor.secret,
                    factor.step,
                    factor.added_at,
                    i64::try_from(FACTORS_MAX).unwrap_or(i64::MAX)
                ],
            );
            steps.must(&sql::FACTORS_COUNT, params![tenant, user, 0]);
            // A user who adds a factor expects to be asked for it.
            steps.run(&sql::TRUST_CLEAR, params![tenant, user]);
        }
        FactorChange::Use { user, factor, step, at } => {
            steps.must(&sql::FACTOR_USE, params![tenant, user, factor, step, at]);
        }
        FactorChange::UseKey { user, factor, counter, at, secret } => {
            steps.must(&sql::FACTOR_USE_KEY, params![tenant, user, factor, counter, at]);
            if let Some(secret) = secret {
                steps.must(&sql::FACTOR_RESEAL, params![tenant, user, factor, secret]);
            }
        }
        FactorChange::Rename { user, factor, name } => {
            steps.must(&sql::FACTOR_RENAME, params![tenant, user, factor, name]);
        }
        FactorChange::Remove { user, factor } => {
            steps.must(&sql::FACTORS_LOCK, params![tenant, user]);
            steps.must(&sql::FACTOR_REMOVE, params![tenant, user, factor]);
            fewer(steps, tenant, user);
        }
        FactorChange::RemoveSince { user, since, named } => {
            steps.must(&sql::FACTORS_LOCK, params![tenant, user]);
            for factor in named {
                steps.run(&sql::FACTOR_REMOVE, params![tenant, user, factor]);
            }
            steps.run(&sql::FACTORS_REMOVE, params![tenant, user, since]);
            steps.run(&sql::CODES_SINCE, params![tenant, user, since]);
            fewer(steps, tenant, user);
        }
        FactorChange::Recover { .. }
        | FactorChange::Trust { .. }
        | FactorChange::UseTrust { .. }
        | FactorChange::Untrust { .. } => {
            without_factor(steps, tenant, change);
        }
        FactorChange::PutRecoveryCodes { user, hashes, at, epoch } => {
            put_codes(steps, (tenant, user), &hashes, (at, epoch));
        }
        FactorChange::UseRecoveryCode { user, hash } => {
            steps.must(&sql::CODE_USE, params![tenant, user, hash.to_vec()]);
        }
    }
}

/// Compiles what concerns an account and none of its factors: a recovery, and browsers in which a second factor isn't
/// asked for.
fn without_factor(steps: &mut Steps, tenant: TenantId, change: FactorChange) {
    match change {
        FactorChange::Recover { user, at, was } => {
            steps.must(&sql::ACCOUNT_RECOVERS, params![tenant, user, at, was]);
        }
        FactorChange::Trust { trusted, epoch } => {
            let TrustedBrowser { user, browser, user_agent, since, until, .. } = trusted;
            let browser = browser.to_vec();
            steps.must(
                &sql::TRUST_PUT,
                params![tenant, user, browser, user_agent, since, until, epoch],
            );
        }
        FactorChange::UseTrust { user, browser, at } => {
            steps.must(&sql::TRUST_USE, params![tenant, user, browser.to_vec(), at]);
        }
        FactorChange::Untrust { user, browser: Some(browser) } => {
            steps.run(&sql::TRUST_REMOVE, params![tenant, user, browser.to_vec()]);
        }
        FactorChange::Untrust { user, browser: None } => {
            steps.run(&sql::TRUST_CLEAR, params![tenant, user]);
        }
        _ => {}
    }
}

fn put_codes(
    steps: &mut Steps,
    (tenant, user): (TenantId, UserId),
    hashes: &[[u8; 32]],
    (at, epoch): (Millis, i64),
) {
    steps.must(&sql::FACTORS_LOCK_AT, params![tenant, user, epoch]);
    steps.run(&sql::CODES_REMOVE, params![tenant, user]);
    steps.run(&sql::TRUST_CLEAR, params![tenant, user]);
    for hash in hashes {
        steps.run(&sql::CODE_PUT, params![tenant, user, hash.to_vec(), at]);
    }
}

/// Runs after a removal. It increments the epoch, so that a sign-in that began with a removed factor can't complete.
fn fewer(steps: &mut Steps, tenant: TenantId, user: UserId) {
    steps.run(&sql::CODES_IDLE, params![tenant, user]);
    steps.must(&sql::FACTORS_COUNT, params![tenant, user, 1]);
}
