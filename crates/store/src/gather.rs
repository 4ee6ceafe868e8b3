//! From what the steps answered to the outcome of a change set.

use sojourn_model::{Applied, DeliveryState, Outcome};

use crate::compile::{Expect, Gather, Step};
use crate::error::StoreError;
use crate::read;
use crate::value::Row;

/// What one step answered: rows hit, and rows returned by those that return some.
pub(crate) struct Answer {
    pub(crate) count: u64,
    pub(crate) rows: Vec<Row>,
}

/// The outcome of the whole change set when an answer isn't what its step expects.
pub(crate) fn unexpected(step: &Step, count: u64) -> Option<Outcome> {
    match step.expect {
        Expect::Any => None,
        Expect::Some => (count == 0).then_some(Outcome::Conflict),
        Expect::Administrator => (count == 0).then_some(Outcome::LastAdministrator),
        Expect::NoBoundTokens => (count > 0).then_some(Outcome::SessionBoundTokens),
    }
}

/// Adds an answer to what the change set answers.
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
