//! Second factors of an account, and its recovery codes.

use crate::ids::{FactorId, UserId};
use crate::time::Millis;

/// What a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app with time-based one-time passwords (RFC 6238).
    Totp,
}

impl FactorKind {
    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Totp => 1,
        }
    }

    /// Reads the number; none for a kind that a newer program added.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Totp),
            _ => None,
        }
    }

    /// Its name in interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
        }
    }
}

/// A second factor of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Its id.
    pub id: FactorId,
    /// The account.
    pub user: UserId,
    /// What it is.
    pub kind: FactorKind,
    /// What its person calls it.
    pub name: String,
    /// The secret that both sides know, sealed under the master key.
    pub secret: Vec<u8>,
    /// The last time step whose code was used: no earlier one, nor itself, is accepted again.
    pub step: i64,
    /// When it was added.
    pub added_at: Millis,
    /// When it was used last.
    pub used_at: Option<Millis>,
}

/// A change of an account's factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorChange {
    /// Add one. A conflict when there is one with this id.
    Add(Factor),
    /// Note that a code was used. A conflict when this step, or a later one, was used already.
    Use {
        /// The account.
        user: UserId,
        /// Which of its factors.
        factor: FactorId,
        /// The time step of the code.
        step: i64,
        /// When.
        at: Millis,
    },
    /// Remove one, with the recovery codes where it was the last. A conflict when it isn't there.
    Remove {
        /// The account.
        user: UserId,
        /// Which of its factors.
        factor: FactorId,
    },
    /// Remove those that were added since a time, with the recovery codes that were made since; all codes where none is left.
    RemoveSince {
        /// The account.
        user: UserId,
        /// Since when.
        since: Millis,
    },
    /// Replace the recovery codes by others.
    PutRecoveryCodes {
        /// The account.
        user: UserId,
        /// Their keyed hashes.
        hashes: Vec<[u8; 32]>,
        /// When they were made.
        at: Millis,
    },
    /// Use up a recovery code. A conflict when it was used already.
    UseRecoveryCode {
        /// The account.
        user: UserId,
        /// Its keyed hash.
        hash: [u8; 32],
    },
}
