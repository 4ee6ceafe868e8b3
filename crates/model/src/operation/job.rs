//! Operations on jobs.

use crate::ids::JobId;
use crate::job::JobAdvance;
use crate::job::NewJob;
use crate::time::Millis;

/// Changes a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobChange {
    /// Enqueues a durable job.
    Add(NewJob),
    /// Claims one due job under a lease. [`Applied::jobs`](crate::change::Applied::jobs) has it.
    Claim {
        /// Current time, from the caller's clock.
        now: Millis,
        /// End of the lease: no other worker can claim it before.
        lease_until: Millis,
    },
    /// Records the progress of a job; a conflict if it is no longer pending.
    Advance(JobAdvance),
    /// Releases leases on jobs held by workers that are gone. Only valid if this process is the only server.
    Release,
    /// Cancels a job; a conflict if it is no longer pending.
    Cancel {
        /// The job that is cancelled.
        id: JobId,
        /// Current time, which is stored.
        at: Millis,
    },
}
