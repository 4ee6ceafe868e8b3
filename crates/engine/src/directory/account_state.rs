//! A requested change of an account's state.

use sojourn_model::{Millis, UserState};

/// The requested state, with its conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StateChange {
    pub(crate) state: UserState,
    /// Time at which a lock expires; `None` if it doesn't.
    pub(crate) unlock_at: Option<Millis>,
    /// Applies the change only if the account still has this epoch, that is, if nothing has happened to it since.
    pub(crate) epoch: Option<i64>,
}
