//! Factors of an account other than its password, its recovery codes and trusted browsers.

use crate::ids::{FactorId, SessionId, UserId};
use crate::time::Millis;

/// The kind of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app with time-based one-time passwords (RFC 6238).
    Totp,
    /// A passkey (Web Authentication), which is sufficient to sign in by itself.
    Passkey,
    /// A security key (Web Authentication), which is only a second factor.
    SecurityKey,
}

impl FactorKind {
    /// Returns the number that is stored in the database.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            Self::Totp => 1,
            Self::Passkey => 2,
            Self::SecurityKey => 3,
        }
    }

    /// Converts the number stored in the database; `None` for a kind that a newer version added.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(Self::Totp),
            2 => Some(Self::Passkey),
            3 => Some(Self::SecurityKey),
            _ => None,
        }
    }

    /// Returns the name that is used in APIs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::SecurityKey => "security_key",
        }
    }

    /// Returns whether it is proven by the signature of a key (Web Authentication).
    #[must_use]
    pub const fn is_key(self) -> bool {
        matches!(self, Self::Passkey | Self::SecurityKey)
    }
}

/// A factor of an account, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Id of the factor.
    pub id: FactorId,
    /// The account that the factor belongs to.
    pub user: UserId,
    /// Kind of the factor.
    pub kind: FactorKind,
    /// Name that the user gave it.
    pub name: String,
    /// Verification data, sealed under the master key: the shared secret, or a credential with its public key.
    pub secret: Vec<u8>,
    /// The last time step of which a code was used: this step and earlier ones are no longer accepted. For a key, its
    /// signature counter.
    pub step: i64,
    /// Time at which it was added.
    pub added_at: Millis,
    /// Time of its last use.
    pub used_at: Option<Millis>,
}

/// A browser in which the user isn't asked for the second factor until a certain time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedBrowser {
    /// The account that trusts the browser.
    pub user: UserId,
    /// Hash of the browser's secret.
    pub browser: [u8; 32],
    /// User agent of the browser.
    pub user_agent: String,
    /// Time from which it is trusted.
    pub since: Millis,
    /// Time until which it is trusted.
    pub until: Millis,
    /// Time at which it last replaced a second factor.
    pub used_at: Option<Millis>,
}

/// A change of an account's factors, recovery codes or trusted browsers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorChange {
    /// Adds a factor. A conflict if any account has a factor with this id, if the account has the maximum number, or if
    /// the account's epoch has changed since it was read.
    Add {
        /// The factor that is added.
        factor: Factor,
        /// The account's epoch when it was read.
        epoch: i64,
        /// The session in which it is added; a conflict if that has ended.
        session: Option<SessionId>,
    },
    /// Records the use of a code. A conflict if this step, or a later one, was used already.
    Use {
        /// The account that has the factor.
        user: UserId,
        /// The factor that was used.
        factor: FactorId,
        /// Time step of the code.
        step: i64,
        /// Time of the use.
        at: Millis,
    },
    /// Records the use of a key. A conflict if the key doesn't exist.
    UseKey {
        /// The account that has the key.
        user: UserId,
        /// The key that was used.
        factor: FactorId,
        /// The new signature counter, which is stored even if it went back.
        counter: i64,
        /// Time of the use.
        at: Millis,
        /// New sealed verification data, if it has changed.
        secret: Option<Vec<u8>>,
    },
    /// Renames a factor. A conflict if it doesn't exist.
    Rename {
        /// The account that has the factor.
        user: UserId,
        /// The factor that is renamed.
        factor: FactorId,
        /// New name of the factor.
        name: String,
    },
    /// Removes a factor, and the recovery codes if it was the last one. A conflict if it doesn't exist.
    Remove {
        /// The account that has the factor.
        user: UserId,
        /// The factor that is removed.
        factor: FactorId,
    },
    /// Removes the factors that were added since a time and the recovery codes that were generated since. Removes all
    /// recovery codes if no factor is left.
    RemoveSince {
        /// The account that has the factors.
        user: UserId,
        /// Time from which factors and recovery codes are removed.
        since: Millis,
        /// Further factors to remove, if they exist.
        named: Vec<FactorId>,
    },
    /// Records that an account is being recovered: until then, it opens only with a factor that it still has.
    Recover {
        /// The account that is recovered.
        user: UserId,
        /// End of the waiting time.
        at: Millis,
        /// The end that it must have before, or the change conflicts; `None`: any.
        was: Option<Millis>,
    },
    /// Trusts a browser until the account's epoch changes. A conflict if that has changed since it was read.
    Trust {
        /// The browser that is trusted.
        trusted: TrustedBrowser,
        /// The account's epoch when it was read.
        epoch: i64,
    },
    /// Records that a trusted browser replaced a second factor. A conflict if it is no longer trusted.
    UseTrust {
        /// The account that trusts the browser.
        user: UserId,
        /// Hash of the browser's secret.
        browser: [u8; 32],
        /// Time of the use.
        at: Millis,
    },
    /// Revokes the trust in a browser, or in all browsers of the account if none is named.
    Untrust {
        /// The account that trusted the browser.
        user: UserId,
        /// Hash of the browser's secret.
        browser: Option<[u8; 32]>,
    },
    /// Replaces the recovery codes and revokes the trust in all browsers.
    PutRecoveryCodes {
        /// The account that gets the codes.
        user: UserId,
        /// Keyed hashes of the codes.
        hashes: Vec<[u8; 32]>,
        /// Time at which they were generated.
        at: Millis,
        /// The account's epoch when it was read; a conflict if it has changed since.
        epoch: i64,
    },
    /// Consumes a recovery code. A conflict if it was used already.
    UseRecoveryCode {
        /// The account that has the code.
        user: UserId,
        /// Keyed hash of the code.
        hash: [u8; 32],
    },
}
