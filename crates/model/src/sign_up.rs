//! Accounts that people make themselves: who may, under which terms, and the codes that let them.

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::time::Millis;

/// A tenant's rules for accounts that people make and delete themselves. By default nobody can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUp {
    /// Who may make an account.
    #[serde(default)]
    pub open_to: OpenTo,
    /// What a person has to agree to, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// Whether the browser has to do some work before a mail is sent, which makes a flood of them expensive.
    #[serde(default)]
    pub proof_of_work: bool,
    /// Whether people delete their own accounts.
    #[serde(default)]
    pub leaving: Leaving,
}

/// Who may make an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenTo {
    /// Nobody.
    #[default]
    Nobody,
    /// Everybody who has a mail address.
    Everybody,
    /// People with an address in one of these domains, in lower case.
    Domains(Vec<String>),
    /// People who have a code.
    Codes,
}

impl OpenTo {
    /// Its name in interfaces.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Everybody => "everybody",
            Self::Domains(_) => "domains",
            Self::Codes => "codes",
        }
    }

    /// Whether it lets in somebody with this mail address; a code is looked at elsewhere.
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

/// Whether people delete their own accounts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// Nobody does.
    #[default]
    Never,
    /// The account is gone at once.
    AtOnce,
    /// The account is deleted after this number of days; until then its owner can cancel.
    AfterDays(u16),
    /// It is gone once an administrator agrees.
    ByApproval,
}

impl Leaving {
    /// Its name in interfaces.
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

/// That a person wants to delete their account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedDeletion {
    /// The account to delete.
    pub user: UserId,
    /// When its owner asked for it.
    pub at: Millis,
    /// When it is deleted; none: once an administrator agrees.
    pub due: Option<Millis>,
}

/// Terms of use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What they are called when they change: a date, or a number.
    pub version: String,
    /// Where they can be read.
    pub url: String,
}

/// Terms that a person accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedTerms {
    /// Their version.
    pub version: String,
    /// When.
    pub at: Millis,
}

/// A code that lets people make accounts. What is typed isn't kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignUpCode {
    /// A keyed hash of what is typed.
    pub hash: [u8; 32],
    /// What the administrator calls it.
    pub label: String,
    /// How many more accounts it makes.
    pub uses_left: i64,
    /// Until when it counts.
    pub expires_at: Millis,
    /// When it was made.
    pub created_at: Millis,
}

/// What changes about accounts that people make themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignUpChange {
    /// Set the tenant's rules.
    Set(SignUp),
    /// Change nothing, and conflict when the tenant lets nobody make an account by now.
    Open,
    /// Add a code.
    AddCode(SignUpCode),
    /// Remove a code. A conflict when it is gone.
    RemoveCode {
        /// By its hash.
        hash: [u8; 32],
    },
    /// Use a code once. A conflict when it is gone, used up or too old.
    UseCode {
        /// By its hash.
        hash: [u8; 32],
        /// The present time.
        now: Millis,
    },
    /// Note that a person wants to delete their account. A conflict when that was noted already, or when something
    /// happened to the account since it was read.
    AskDeletion {
        /// The account, when the owner asked, and when it is due.
        asked: AskedDeletion,
        /// The account's epoch as it was read.
        epoch: i64,
    },
    /// The person thought again, or it is being done. A conflict when nothing was noted.
    SettleDeletion {
        /// The account.
        user: UserId,
    },
    /// Note the terms that a person accepted.
    AcceptTerms {
        /// The account.
        user: UserId,
        /// The version, and when it was accepted.
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
