//! Jobs, mail, and requests with idempotency keys.

use sojourn_model::{JobAdvance, JobState, Op, TenantId};

use super::{Expect, Gather, Steps, params};
use crate::sql::{delivery, operation as sql};

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::AddJob(job) => steps.run(
            &delivery::JOB_ADD,
            params![
                tenant,
                job.id,
                job.payload,
                job.total,
                job.kind.as_str(),
                job.actor.to_string(),
                job.at
            ],
        ),
        Op::ClaimJob { now, lease_until } => steps.push(
            &delivery::JOB_CLAIM,
            params![now, lease_until],
            Expect::Any,
            Gather::ClaimedJobs,
        ),
        Op::AdvanceJob(advance) => advance_job(steps, tenant, advance),
        Op::ReleaseJobs => steps.run(&delivery::JOBS_RELEASE, params![]),
        Op::CancelJob { id, at } => steps.must(&delivery::JOB_CANCEL, params![tenant, id, at]),
        Op::KeepRequest { key, hash, answer, at } => {
            steps.run(&sql::REQUEST_KEEP, params![tenant, key, hash.to_vec(), answer, at]);
        }
        Op::AnswerRequest { key, answer } => {
            steps.run(&sql::REQUEST_ANSWER, params![tenant, key, answer]);
        }
        Op::AddMail(mail) => steps.run(
            &sql::MAIL_ADD,
            params![
                mail.tenant,
                mail.id.to_vec(),
                mail.recipient,
                mail.subject,
                mail.body,
                mail.created_at
            ],
        ),
        Op::ClaimMail { now, lease_until, limit } => steps.push(
            &sql::MAIL_CLAIM,
            params![now, lease_until, limit],
            Expect::Any,
            Gather::ClaimedMail,
        ),
        Op::SettleMail { id, retry_at: None } => {
            steps.run(&sql::MAIL_SENT, params![tenant, id.to_vec()]);
        }
        Op::SettleMail { id, retry_at: Some(at) } => {
            steps.run(&sql::MAIL_LATER, params![tenant, id.to_vec(), at]);
        }
        _ => {}
    }
}

fn advance_job(steps: &mut Steps, tenant: TenantId, advance: JobAdvance) {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let finished = (advance.state != JobState::Pending).then_some(advance.at);
    steps.must(
        &delivery::JOB_ADVANCE,
        params![
            tenant,
            advance.id,
            advance.done,
            advance.state.as_str(),
            advance.due_at,
            advance.error,
            advance.progress,
            finished,
            advance.lease_until,
            count(advance.ended.sessions),
            count(advance.ended.grants),
            count(advance.ended.consents),
            count(advance.ended.deliveries)
        ],
    );
}
