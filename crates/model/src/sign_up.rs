//! Self-service sign-up: who can create an account, under which terms and with which codes, and account deletion.

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::time::Millis;

/// A tenant's rules for self-service sign-up and account deletion. By default both are disabled.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// Who can create an account.
    #[serde(default)]
    pub open_to: OpenTo,
    /// Terms that users have to accept, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// Whether the browser has to compute a proof of work before a mail is sent, which makes floods of mails expensive.
    #[serde(default)]
    pub proof_of_work: bool,
    /// Whether and how users can delete their own accounts.
    #[serde(default)]
    pub leaving: Leaving,
}

/// Who can create an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenTo {
    /// Nobody: sign-up is disabled.
    #[default]
    Nobody,
    /// Everybody who has an email address.
    Everybody,
    /// Everybody with an email address in one of these domains, which are in lower case.
    Domains(Vec<String>),
    /// Everybody who has a sign-up code.
    Codes,
}

impl OpenTo {
    /// Returns the name that is used in APIs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Everybody => "everybody",
            Self::Domains(_) => "domains",
            Self::Codes => "codes",
        }
    }

    /// Returns whether an email address is allowed to sign up. Codes are checked elsewhere.
    #[must_use]
    pub fn admits(&self, address: &str) -> bool {
        match self {
            Self::Nobody => false,
            Self::Everybody | Self::Codes => true,
            Self::Domains(domains) => {
                let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
                domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))
            }
        }
    }
}

/// Whether and how users can delete their own accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Users can't delete their accounts.
    #[default]
    Never,
    /// The account is deleted immediately.
    AtOnce,
    /// The account is deleted after this number of days; until then its owner can cancel.
    AfterDays(u16),
    /// The account is deleted after an administrator approves.
    ByApproval,
}

impl Leaving {
    /// Returns the name that is used in APIs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::AtOnce => "at_once",
            Self::AfterDays(_) => "after_days",
            Self::ByApproval => "by_approval",
        }
    }
}

/// A user's request to delete their account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedDeletion {
    /// The account to delete.
    pub user: UserId,
    /// Time of the request.
    pub at: Millis,
    /// Time at which it is deleted; `None` if an administrator has to approve.
    pub due: Option<Millis>,
}

/// Terms of use of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Version, which changes with the text: a date or a number.
    pub version: String,
    /// URL of the text.
    pub url: String,
}

/// Terms that a user accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedTerms {
    /// Version that was accepted.
    pub version: String,
    /// Time of the acceptance.
    pub at: Millis,
}

/// A sign-up code. The code itself isn't stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpCode {
    /// Keyed hash of the code.
    pub hash: [u8; 32],
    /// Label that the administrator gave it.
    pub label: String,
    /// Number of accounts that can still be created with it.
    pub uses_left: i64,
    /// Time at which it expires.
    pub expires_at: Millis,
    /// Time at which it was created.
    pub created_at: Millis,
}

/// A change of self-service sign-up, account deletion or accepted terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignUpChange {
    /// Sets the tenant's rules.
    Set(SignUp),
    /// Changes nothing; a conflict if the tenant has disabled sign-up by now.
    Open,
    /// Adds a sign-up code.
    AddCode(SignUpCode),
    /// Removes a code. A conflict if it doesn't exist.
    RemoveCode {
        /// Keyed hash of the code.
        hash: [u8; 32],
    },
    /// Uses a code once. A conflict if it doesn't exist, is used up or has expired.
    UseCode {
        /// Keyed hash of the code.
        hash: [u8; 32],
        /// Current time, from the caller's clock.
        now: Millis,
    },
    /// Records a request to delete an account. A conflict if there already is one, or if the account's epoch has
    /// changed since it was read.
    AskDeletion {
        /// The request, with the account and the times.
        asked: AskedDeletion,
        /// The account's epoch when it was read.
        epoch: i64,
    },
    /// Removes the request, because the user cancelled it or it is carried out. A conflict if there is none.
    SettleDeletion {
        /// The account that has the request.
        user: UserId,
    },
    /// Records the terms that a user accepted.
    AcceptTerms {
        /// The account that accepted the terms.
        user: UserId,
        /// The accepted version, and the time.
        accepted: AcceptedTerms,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_match_whole_and_in_any_case() {
        let domains = OpenTo::Domains(vec!["example.org".into()]);
        for (address, admitted) in [
            ("ann@example.org", true),
            ("ann@EXAMPLE.org", true),
            ("ann@sub.example.org", false),
            ("ann@badexample.org", false),
            ("example.org", false),
            ("ann@example.org@evil.example", false),
        ] {
            assert_eq!(domains.admits(address), admitted, "{address}");
        }
        assert!(!OpenTo::Nobody.admits("ann@example.org"));
    }
}
