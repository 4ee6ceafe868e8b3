//! Mail addresses of accounts: proved, replaced, given back.

use crate::ids::UserId;
use crate::time::Millis;

/// For how long an address that was replaced can be had back, in milliseconds.
pub const UNDO_MS: i64 = 72 * 3_600_000;

/// The proved address that an account had before its present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressBefore {
    /// The address.
    pub address: String,
    /// When it was replaced; of several changes within [`UNDO_MS`] the first.
    pub replaced_at: Millis,
}

/// What happens to an account's address besides its being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressChange {
    /// Note that the account's address was proved. A conflict when it has another one by now, or when something else
    /// happened to the account since it was read.
    Prove {
        /// The account.
        user: UserId,
        /// The address that was proved.
        address: String,
        /// When.
        at: Millis,
        /// The account's epoch as it was read.
        epoch: i64,
    },
    /// Store the confirmed address that is replaced. After several changes within [`UNDO_MS`] the first stored address stays, so
    /// that an intruder can't overwrite the address of the account's owner.
    Replace {
        /// The account.
        user: UserId,
        /// The address that it had.
        before: String,
        /// When it is replaced.
        at: Millis,
    },
    /// Give the address back that was replaced. A conflict when that was given back already, or settled.
    Undo {
        /// The account.
        user: UserId,
        /// The address.
        address: String,
    },
    /// An administrator decided which address the account has: the one before can't be had back.
    Settle {
        /// The account.
        user: UserId,
    },
}
