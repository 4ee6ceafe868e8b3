//! Jobs, mail, and requests with idempotency keys.

use sojourn_model::operation::JobChange;
use sojourn_model::operation::MailChange;
use sojourn_model::{JobAdvance, JobState, Op, TenantId};

use super::{Expect, Gather, Steps, params};
use crate::sql::{delivery, operation as sql};

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::Job(JobChange::Add(job)) => steps.run(
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
        Op::Job(JobChange::Claim { now, lease_until }) => steps.push(
            &delivery::JOB_CLAIM,
            params![now, lease_until],
            Expect::Any,
            Gather::ClaimedJobs,
        ),
        Op::Job(JobChange::Advance(advance)) => advance_job(steps, tenant, advance),
        Op::Job(JobChange::Release) => steps.run(&delivery::JOBS_RELEASE, params![]),
        Op::Job(JobChange::Cancel { id, at }) => {
            steps.must(&delivery::JOB_CANCEL, params![tenant, id, at])
        }
        Op::KeepRequest { key, hash, answer, at } => {
            steps.run(&sql::REQUEST_KEEP, params![tenant, key, hash.to_vec(), answer, at]);
        }
        Op::AnswerRequest { key, answer } => {
            steps.run(&sql::REQUEST_ANSWER, params![tenant, key, answer]);
        }
        Op::Mail(MailChange::Add(mail)) => steps.run(
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
        Op::Mail(MailChange::Claim { now, lease_until, limit }) => steps.push(
            &sql::MAIL_CLAIM,
            params![now, lease_until, limit],
            Expect::Any,
            Gather::ClaimedMail,
        ),
        Op::Mail(MailChange::Settle { id, retry_at: None }) => {
            steps.run(&sql::MAIL_SENT, params![tenant, id.to_vec()]);
        }
        Op::Mail(MailChange::Settle { id, retry_at: Some(at) }) => {
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
