//! Email addresses of accounts: verification, replacement and undo.

use crate::ids::UserId;
use crate::time::Millis;

/// Time within which the replacement of an address can be undone, in milliseconds: 72 hours.
pub const UNDO_MS: i64 = 72 * 3_600_000;

/// The verified address that an account had before its current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBefore {
    /// The previous email address.
    pub address: String,
    /// Time of the replacement; of the first one if there were several within [`UNDO_MS`].
    pub replaced_at: Millis,
}

/// A verified address that an account has besides its main one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherAddress {
    /// The email address.
    pub address: String,
    /// Time of the verification.
    pub proved_at: Millis,
}

/// A change of an account's email address, apart from writing the address itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChange {
    /// Marks the account's address as verified. A conflict if the account has another address by now, or if its epoch
    /// has changed since it was read.
    Prove {
        /// The account that has the address.
        user: UserId,
        /// The address that was verified.
        address: String,
        /// Time of the verification.
        at: Millis,
        /// The account's epoch when it was read.
        epoch: i64,
    },
    /// Stores the verified address that is replaced. After several changes within [`UNDO_MS`] the first stored address
    /// stays, so that an intruder can't overwrite the address of the account's owner.
    Replace {
        /// The account that has the address.
        user: UserId,
        /// The verified address that is replaced.
        before: String,
        /// Time of the replacement.
        at: Millis,
    },
    /// Consumes the stored address when it is restored. A conflict if it was already restored, or settled.
    Undo {
        /// The account that has the address.
        user: UserId,
        /// The stored address that is restored.
        address: String,
    },
    /// Removes the stored address because an administrator set the account's address: the previous one can no longer be
    /// restored.
    Settle {
        /// The account that has the address.
        user: UserId,
    },
    /// Adds a verified address besides the main one; no change if the account has it already. A conflict if the
    /// account's epoch has changed since it was read.
    Add {
        /// The account that gets the address.
        user: UserId,
        /// The address that was verified.
        address: String,
        /// Time of the verification.
        at: Millis,
        /// The account's epoch when it was read.
        epoch: i64,
    },
    /// Removes an address other than the main one. A conflict if the account doesn't have it.
    Remove {
        /// The account that has the address.
        user: UserId,
        /// The address to remove.
        address: String,
    },
    /// Removes the addresses other than the main one that were verified at a time or later, and forgets the time of the
    /// verification of the main one if it is such an address.
    RemoveSince {
        /// The account that has the addresses.
        user: UserId,
        /// Time of the verification of the oldest address to remove.
        since: Millis,
    },
}
