//! Combines the results of the steps into the outcome of a change set.

use sojourn_model::{Applied, DeliveryState, Outcome};

use crate::compile::{Expect, Gather, Step};
use crate::error::StoreError;
use crate::read;
use crate::value::Row;

/// The result of one step: the number of affected rows, and the rows that the statement returned.
pub(crate) struct Answer {
    pub(crate) count: u64,
    pub(crate) rows: Vec<Row>,
}

/// Returns the outcome of the whole change set if the row count of a step isn't what the step expects.
pub(crate) fn unexpected(step: &Step, count: u64) -> Option<Outcome> {
    match step.expect {
        Expect::Any => None,
        Expect::Some => (count == 0).then_some(Outcome::Conflict),
        Expect::Administrator => (count == 0).then_some(Outcome::LastAdministrator),
        Expect::NoBoundTokens => (count > 0).then_some(Outcome::SessionBoundTokens),
    }
}

/// Adds the result of a step to the results of the change set.
pub(crate) fn add(applied: &mut Applied, step: &Step, answer: Answer) -> Result<(), StoreError> {
    match step.gather {
        Gather::Nothing => {}
        Gather::Sessions => applied.ended.sessions += answer.count,
        Gather::Grants => applied.ended.grants += answer.count,
        Gather::Consents => applied.ended.consents += answer.count,
        Gather::Deliveries => applied.ended.deliveries += answer.count,
        Gather::Purged => applied.purged += answer.count,
        Gather::HandedDeliveries => {
            applied.ended.deliveries += answer.count;
            for row in answer.rows {
                let delivery = read::delivery::delivery(row)?;
                if delivery.state == DeliveryState::Pending {
                    applied.deliveries.push(delivery);
                }
            }
        }
        Gather::ClaimedDeliveries => {
            for row in answer.rows {
                applied.deliveries.push(read::delivery::delivery(row)?);
            }
        }
        Gather::ClaimedJobs => {
            for row in answer.rows {
                applied.jobs.push(read::delivery::job(row)?);
            }
        }
        Gather::ClaimedMail => {
            for row in answer.rows {
                applied.mail.push(read::operation::mail(row)?);
            }
        }
        Gather::ClaimedTasks => {
            for row in answer.rows {
                applied.tasks.push(read::task::task(row)?);
            }
        }
        Gather::Attempts => {
            for mut row in answer.rows {
                applied.attempts.push(row.int()?);
            }
        }
    }
    Ok(())
}
