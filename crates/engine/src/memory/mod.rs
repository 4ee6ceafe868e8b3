//! What a process keeps in memory: nothing of it is needed after a restart, and nothing here knows the engine.

pub(crate) mod breaker;
pub(crate) mod catalog;
pub(crate) mod fetched;
pub(crate) mod key_sets;
pub(crate) mod outbox;
pub(crate) mod policies;
pub(crate) mod present;
pub(crate) mod secret_uses;
pub(crate) mod tended;
pub(crate) mod throttle;
pub(crate) mod touches;
pub(crate) mod verified;
