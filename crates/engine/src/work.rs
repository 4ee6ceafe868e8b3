//! What jobs have to do, as the database stores it.

use serde::{Deserialize, Serialize};
use sojourn_model::{
    Actor, AppId, Effects, EndSummary, GroupId, Job, JobAdvance, JobState, Millis, RoleId,
    SessionId, UserId,
};

use crate::engine::Engine;

/// How long a worker owns a claimed job, in milliseconds. One step takes far less.
pub(crate) const LEASE_MS: i64 = 30_000;

/// The work of a job; stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Work {
    /// Revoke a role from all members, each in the transaction that ends the user's sessions, then delete the role.
    /// The memberships are the work list.
    RemoveRole {
        /// The role that is being removed.
        role: RoleId,
        /// The actor who requested the removal.
        actor: Actor,
    },
    /// End the sessions that an administrator selected.
    EndSessions(EndWork),
    /// Delete everything that belongs to a tenant, and the tenant.
    EraseTenant {
        /// The tenant's name, for people who read the job.
        tenant: String,
    },
}

/// The work of a bulk sign-out; stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndWork {
    /// Id of the end that all of the job's ends share.
    pub(crate) end: String,
    pub(crate) whom: Whom,
    pub(crate) effects: Effects,
    pub(crate) applications: Option<Vec<AppId>>,
    pub(crate) actor: Actor,
    pub(crate) rights: String,
    pub(crate) rate: Option<u32>,
    /// Sessions that started later aren't affected, in milliseconds since 1970.
    pub(crate) begun_at: i64,
    /// Reason of the end; `None` means an administrator's request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Whether users must sign in again.
    #[serde(default)]
    pub(crate) sign_in: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
/// The users and sessions that a bulk sign-out concerns.
pub(crate) enum Whom {
    /// All members of a role.
    Role(RoleId),
    /// All members of a group.
    Group(GroupId),
    /// Every user of the tenant.
    Everyone,
    /// The sessions that match a filter.
    Filter(String),
    /// The listed sessions and users.
    Named { users: Vec<UserId>, except: Option<SessionId>, sessions: Vec<(UserId, SessionId)> },
}

impl Engine {
    /// Returns the update after a step that stored its progress; the next step is due immediately.
    pub(crate) fn goes_on(&self, job: &Job, ended: EndSummary) -> JobAdvance {
        let now = self.now();
        JobAdvance {
            id: job.id,
            done: 0,
            ended,
            state: JobState::Pending,
            progress: None,
            at: now,
            due_at: now,
            lease_until: Millis(0),
            error: None,
        }
    }
}
