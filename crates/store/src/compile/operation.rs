//! Deliveries, attempt counters, keys and cleaning.

use sojourn_model::limits::FAILED_SIGN_INS;
use sojourn_model::operation::DeliveryChange;
use sojourn_model::operation::{Purge, REQUEST_KEPT_MS, SettleDelivery};
use sojourn_model::{Op, StoredKey, TenantId};

use super::{Expect, Gather, Steps, params};
use crate::sql::{delivery, operation as sql, saml, search};

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::Delivery(DeliveryChange::Claim { now, lease_until, limit }) => steps.push(
            &delivery::DELIVERY_CLAIM,
            params![now, lease_until, limit],
            Expect::Any,
            Gather::ClaimedDeliveries,
        ),
        Op::Delivery(DeliveryChange::Settle(settled)) => settle(steps, settled),
        Op::Delivery(DeliveryChange::GiveUp { session, sid, why }) => {
            steps.must(&delivery::DELIVERY_GIVE_UP, params![tenant, session, sid, why]);
        }
        Op::Delivery(DeliveryChange::Release { now }) => {
            steps.run(&delivery::DELIVERY_RELEASE, params![now]);
        }
        Op::Delivery(DeliveryChange::Resend { session, sid, now, expires_at }) => {
            steps.must(&delivery::DELIVERY_RESEND, params![tenant, session, sid, now, expires_at]);
        }
        Op::CountAttempt { key, now, window_ms } => steps.push(
            &sql::ATTEMPT_COUNT,
            params![tenant, key, now, window_ms],
            Expect::Any,
            Gather::Attempts,
        ),
        Op::ClearAttempts { key, one_of } => {
            if let Some(key) = key {
                steps.run(&sql::ATTEMPT_CLEAR, params![tenant, key]);
            }
            for key in one_of {
                steps.run(&sql::ATTEMPT_TAKE_BACK, params![tenant, key]);
            }
        }
        Op::AddKey(key) => add_key(steps, key),
        Op::RetireKey { alg, generation, at } => {
            steps.run(&sql::KEY_RETIRE, params![tenant, alg.as_str(), generation, at]);
        }
        Op::Tally { name, at } => {
            steps.run(&sql::TALLY, params![tenant, name, at.0.div_euclid(60_000)]);
        }
        Op::SetMeta { name, value } => steps.run(&sql::META_SET, params![name, value]),
        Op::PurgeGrants { grants, now } => {
            for grant in grants {
                let params = params![tenant, grant, now];
                steps.push(&sql::PURGE_GRANT, params, Expect::Any, Gather::Purged);
            }
        }
        op @ (Op::KeyAccount(_) | Op::KeyAddresses(_)) => keys(steps, tenant, op),
        Op::ForgetAddresses(sessions) => {
            for session in sessions {
                steps.run(&search::SESSION_FORGET_ADDRESS, params![tenant, session, Vec::new()]);
            }
        }
        Op::PlaceStays { limit } => steps.run(&search::STAYS_PLACE, params![limit]),
        Op::SetRight { now } => {
            let ahead = now.plus(CLOCKS_APART_MS);
            for statement in [&sql::RIGHT_DELIVERIES, &sql::RIGHT_TASKS, &sql::RIGHT_JOBS] {
                steps.run(statement, params![now, ahead]);
            }
            steps.run(&sql::RIGHT_MAIL, params![now, ahead, now.plus(LONGEST_PAUSE_MS)]);
            steps.run(&sql::RIGHT_SESSIONS, params![now, ahead, tenant]);
        }
        Op::Purge(what) => purge(steps, tenant, what),
        _ => {}
    }
}

/// Fills in keys that older versions left out.
fn keys(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::KeyAccount(of) => {
            let clash = of.username.is_none();
            let keys =
                params![tenant, of.user, of.version, of.username, of.email, of.display, clash];
            steps.run(&crate::sql::directory::ACCOUNT_KEY, keys);
        }
        Op::KeyAddresses(keys) => {
            for (session, key) in keys {
                steps.run(&search::SESSION_KEY, params![tenant, session, key]);
            }
        }
        _ => {}
    }
}

/// Maximum difference between the clocks of nodes in milliseconds, longer than any lease.
const CLOCKS_APART_MS: i64 = 120_000;
/// Longest pause between two attempts to send a mail plus [`CLOCKS_APART_MS`], in milliseconds.
const LONGEST_PAUSE_MS: i64 = 3_600_000 + CLOCKS_APART_MS;

fn purge(steps: &mut Steps, tenant: TenantId, what: Purge) {
    let Purge { now, history_before, events_before, audit_before, browsers_before, limit } = what;
    let mut purge = |statement, params| {
        steps.push(statement, params, Expect::Any, Gather::Purged);
    };
    purge(&sql::PURGE_REVOKED, params![now, limit]);
    purge(&sql::PURGE_THROTTLE, params![now, limit]);
    let week = now.0.div_euclid(60_000) - 8 * 24 * 60;
    purge(&sql::PURGE_TALLY, params![tenant, FAILED_SIGN_INS, week]);
    purge(&sql::PURGE_REQUESTS, params![now.plus(-REQUEST_KEPT_MS), limit]);
    purge(&sql::PURGE_JOBS, params![tenant, history_before, limit]);
    purge(&sql::PURGE_DELIVERIES, params![tenant, history_before, limit]);
    purge(&saml::PURGE_SAML_NAMES, params![tenant, history_before, limit]);
    purge(&saml::PURGE_SAML_REQUESTS, params![now, limit]);
    purge(&sql::PURGE_STAYS, params![tenant, history_before, limit]);
    purge(&sql::PURGE_LINKS, params![tenant, history_before, limit]);
    purge(&sql::PURGE_SESSIONS, params![tenant, history_before, limit]);
    purge(&sql::PURGE_EVENTS, params![events_before, limit]);
    purge(&sql::PURGE_AUDIT, params![tenant, audit_before, limit]);
    purge(&sql::PURGE_BROWSERS, params![browsers_before, limit]);
    purge(&crate::sql::factor::PURGE_TRUST, params![now, limit]);
    let settled = now.plus(-sojourn_model::UNDO_MS);
    purge(&crate::sql::directory::PURGE_ADDRESSES, params![settled, limit]);
}

fn settle(steps: &mut Steps, settled: SettleDelivery) {
    if !settled.attempted {
        let SettleDelivery { tenant, sid, attempts, due_at, created_at, .. } = settled;
        let params = params![tenant, sid, attempts, due_at, created_at];
        return steps.run(&delivery::DELIVERY_PUT_OFF, params);
    }
    steps.run(
        &delivery::DELIVERY_SETTLE,
        params![
            settled.tenant,
            settled.sid,
            settled.attempts,
            settled.state.as_str(),
            settled.due_at,
            settled.at,
            settled.status,
            settled.error,
            settled.jti,
            i64::from(settled.refused),
            settled.answer_lost,
            settled.created_at
        ],
    );
}

fn add_key(steps: &mut Steps, key: StoredKey) {
    steps.run(
        &sql::KEY_ADD,
        params![
            key.tenant,
            key.kid,
            key.alg.as_str(),
            key.sealed_private,
            key.created_at,
            key.generation,
            key.active_from
        ],
    );
    steps.must(&crate::sql::directory::CATALOG_CHANGED, params![key.tenant]);
}
