//! What an event does to the sessions of the people that it affects.

use sojourn_model::{Effects, EndReason};

use crate::settings::Termination;

/// What happens to the sessions of the users that an event affects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reaction {
    /// What ends; `None` if nothing does.
    pub(crate) effects: Option<Effects>,
    /// Whether users must sign in again.
    pub(crate) sign_in: bool,
    pub(crate) reason: EndReason,
}

impl Reaction {
    pub(crate) fn of(termination: &Termination, reason: EndReason) -> Self {
        if termination.sign_in {
            return Self { effects: termination.effects, sign_in: true, reason };
        }
        let effects = termination.effects.unwrap_or_else(|| Effects::for_reason(&reason));
        Self { effects: Some(effects), sign_in: false, reason }
    }

    /// Merges two reactions: everything that either one ends, ends.
    pub(crate) fn and(self, other: Self) -> Self {
        let effects = match (self.effects, other.effects) {
            (Some(a), Some(b)) => Some(Effects {
                session: a.session || b.session,
                tokens: a.tokens || b.tokens,
                offline: a.offline || b.offline,
                consents: a.consents || b.consents,
                notify: a.notify || b.notify,
            }),
            (a, b) => a.or(b),
        };
        Self { effects, sign_in: self.sign_in || other.sign_in, reason: self.reason }
    }
}
