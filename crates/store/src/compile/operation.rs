//! Deliveries, throttles, keys, jobs and cleaning.

use sojourn_model::change::SettleDelivery;
use sojourn_model::{Op, StoredKey, TenantId};

use super::{Expect, Gather, Steps, params};
use crate::sql::{delivery, operation as sql};

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::ClaimDeliveries { now, lease_until, limit } => steps.push(
            &delivery::DELIVERY_CLAIM,
            params![now, lease_until, limit],
            Expect::Any,
            Gather::ClaimedDeliveries,
        ),
        Op::SettleDelivery(settled) => settle(steps, settled),
        Op::ReleaseDeliveries { now } => {
            steps.run(&delivery::DELIVERY_RELEASE, params![now]);
        }
        Op::ResendDelivery { session, sid, now, expires_at } => {
            steps.must(&delivery::DELIVERY_RESEND, params![tenant, session, sid, now, expires_at]);
        }
        Op::CountAttempt { key, now, window_ms } => steps.push(
            &sql::ATTEMPT_COUNT,
            params![tenant, key, now, window_ms],
            Expect::Any,
            Gather::Attempts,
        ),
        Op::ClearAttempts { key } => steps.run(&sql::ATTEMPT_CLEAR, params![tenant, key]),
        Op::AddKey(key) => add_key(steps, key),
        Op::RetireKey { alg, generation, at } => {
            steps.run(&sql::KEY_RETIRE, params![tenant, alg.as_str(), generation, at]);
        }
        Op::SetMeta { name, value } => steps.run(&sql::META_SET, params![name, value]),
        Op::AddJob(job) => steps
            .run(&delivery::JOB_ADD, params![tenant, job.id, job.payload, job.total, job.due_at]),
        Op::ClaimJob { now, lease_until } => steps.push(
            &delivery::JOB_CLAIM,
            params![now, lease_until],
            Expect::Any,
            Gather::ClaimedJobs,
        ),
        Op::AdvanceJob { id, done, finished, due_at, error } => steps.must(
            &delivery::JOB_ADVANCE,
            params![tenant, id, done, if finished { "done" } else { "pending" }, due_at, error],
        ),
        Op::PurgeGrants { grants, now } => {
            for grant in grants {
                let params = params![tenant, grant, now];
                steps.push(&sql::PURGE_GRANT, params, Expect::Any, Gather::Purged);
            }
        }
        Op::Purge { now, history_before, limit } => {
            let mut purge = |statement, params| {
                steps.push(statement, params, Expect::Any, Gather::Purged);
            };
            purge(&sql::PURGE_REVOKED, params![now, limit]);
            purge(&sql::PURGE_THROTTLE, params![now, limit]);
            purge(&sql::PURGE_DELIVERIES, params![tenant, history_before, limit]);
            purge(&sql::PURGE_STAYS, params![tenant, history_before, limit]);
            purge(&sql::PURGE_LINKS, params![tenant, history_before, limit]);
            purge(&sql::PURGE_SESSIONS, params![tenant, history_before, limit]);
        }
        _ => {}
    }
}

fn settle(steps: &mut Steps, settled: SettleDelivery) {
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
    steps.run(&crate::sql::directory::CATALOG_CHANGED, params![key.tenant]);
}
