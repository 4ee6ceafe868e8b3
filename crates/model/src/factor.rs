//! Factors of an account beside its password, and its recovery codes.

use crate::ids::{FactorId, SessionId, UserId};
use crate::time::Millis;

/// What a factor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app with time-based one-time passwords (RFC 6238).
    Totp,
    /// A passkey (Web Authentication): it signs in by itself.
    Passkey,
    /// A security key (Web Authentication) that is a second factor alone.
    SecurityKey,
}

impl FactorKind {
    /// The number that the database keeps.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Totp => 1,
            Self::Passkey => 2,
            Self::SecurityKey => 3,
        }
    }

    /// Reads the number; none for a kind that a newer program added.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Totp),
            2 => Some(Self::Passkey),
            3 => Some(Self::SecurityKey),
            _ => None,
        }
    }

    /// Its name in interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::SecurityKey => "security_key",
        }
    }

    /// Whether it is proven by a signature of a key (Web Authentication).
    #[must_use]
    pub const fn is_key(self) -> bool {
        matches!(self, Self::Passkey | Self::SecurityKey)
    }
}

/// A factor of an account.
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
    /// What proves it, sealed under the master key: the secret that both sides know, or a credential with its public key.
    pub secret: Vec<u8>,
    /// The last time step whose code was used: no earlier one, nor itself, is accepted again. The signature counter of a key.
    pub step: i64,
    /// When it was added.
    pub added_at: Millis,
    /// When it was used last.
    pub used_at: Option<Millis>,
}

/// A browser in which its person isn't asked for the second factor for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedBrowser {
    /// The account.
    pub user: UserId,
    /// The hash of the browser's secret.
    pub browser: [u8; 32],
    /// What it calls itself.
    pub user_agent: String,
    /// Since when it is trusted.
    pub since: Millis,
    /// Until when.
    pub until: Millis,
    /// When it stood for a second factor last.
    pub used_at: Option<Millis>,
}

/// A change of an account's factors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorChange {
    /// Add a factor. A conflict if any account has a factor with this id, if the account has the maximum number, or if the
    /// account's epoch changed since it was read.
    Add {
        /// The factor.
        factor: Factor,
        /// The account's epoch as it was read.
        epoch: i64,
        /// The session in which it is added, which has to be alive.
        session: Option<SessionId>,
    },
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
    /// Note that a key was used. A conflict when it isn't there.
    UseKey {
        /// The account.
        user: UserId,
        /// Which of its factors.
        factor: FactorId,
        /// Its signature counter, wherever it stood.
        counter: i64,
        /// When.
        at: Millis,
        /// What proves it from now on, where something about it has changed.
        secret: Option<Vec<u8>>,
    },
    /// Give one another name. A conflict when it isn't there.
    Rename {
        /// The account.
        user: UserId,
        /// Which of its factors.
        factor: FactorId,
        /// The name.
        name: String,
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
        /// And these, as far as they are there.
        named: Vec<FactorId>,
    },
    /// Trust a browser from now on, as long as nothing happens to the account. A conflict when something did since it was read.
    Trust {
        /// The browser.
        trusted: TrustedBrowser,
        /// The account's epoch as it was read.
        epoch: i64,
    },
    /// Note that a trusted browser stood for a second factor. A conflict when it isn't trusted any more.
    UseTrust {
        /// The account.
        user: UserId,
        /// The hash of the browser's secret.
        browser: [u8; 32],
        /// When.
        at: Millis,
    },
    /// Trust a browser no longer; none, where none is named.
    Untrust {
        /// The account.
        user: UserId,
        /// The hash of the browser's secret.
        browser: Option<[u8; 32]>,
    },
    /// Replace the recovery codes by others.
    PutRecoveryCodes {
        /// The account.
        user: UserId,
        /// Their keyed hashes.
        hashes: Vec<[u8; 32]>,
        /// When they were made.
        at: Millis,
        /// The account's epoch as it was read; something that happened to it since is a conflict.
        epoch: i64,
    },
    /// Use up a recovery code. A conflict when it was used already.
    UseRecoveryCode {
        /// The account.
        user: UserId,
        /// Its keyed hash.
        hash: [u8; 32],
    },
}
