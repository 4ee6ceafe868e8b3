//! The state that an account is to get.

use sojourn_model::{Millis, UserState};

/// What an account is to become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateChange {
    pub(crate) state: UserState,
    /// When a lock opens by itself.
    pub(crate) unlock_at: Option<Millis>,
    /// Only if nothing has happened to the account since it had this epoch.
    pub(crate) epoch: Option<i64>,
}
