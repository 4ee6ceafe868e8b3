//! Tasks of handlers, and the erasure of a tenant.

use sojourn_model::operation::TaskChange;
use sojourn_model::{Op, SettleTask, TenantId};

use super::{Expect, Gather, Steps, params};
use crate::sql::{operation, task as sql};

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::Task(TaskChange::Claim { handler, now, lease_until, limit }) => steps.push(
            &sql::TASK_CLAIM,
            params![now, lease_until, limit, handler],
            Expect::Any,
            Gather::ClaimedTasks,
        ),
        Op::Task(TaskChange::Release { handler }) => {
            steps.run(&sql::TASKS_RELEASE, params![handler])
        }
        Op::Task(TaskChange::Purge { handler, before, limit }) => {
            let params = params![tenant, handler, before, limit];
            steps.push(&sql::PURGE_TASKS, params, super::Expect::Any, super::Gather::Purged);
        }
        Op::Task(TaskChange::Settle(settled)) => settle(steps, settled),
        Op::Task(TaskChange::Redo { subject, handler, n, due_at }) => {
            let key = params![tenant, subject.kind(), subject.id(), handler, n];
            match due_at {
                Some(at) => {
                    let mut key = key;
                    key.push(at.into());
                    steps.must(&sql::TASK_REDO, key);
                }
                None => steps.must(&sql::TASK_SKIP, key),
            }
        }
        Op::EraseUsers { users } => {
            let users = super::many(&users, |user| user.to_vec());
            for statement in operation::ERASURE_OF_USERS {
                steps.run(statement, params![tenant, users.as_str()]);
            }
        }
        Op::EraseTenant => {
            for statement in operation::ERASURE_OF_TENANT {
                steps.run(statement, params![tenant]);
            }
        }
        _ => {}
    }
}

fn settle(steps: &mut Steps, settled: SettleTask) {
    steps.run(
        &sql::TASK_SETTLE,
        params![
            settled.tenant,
            settled.subject.kind(),
            settled.subject.id(),
            settled.handler,
            settled.n,
            settled.attempts,
            settled.state.as_str(),
            settled.due_at,
            settled.at,
            settled.status,
            settled.error
        ],
    );
}
