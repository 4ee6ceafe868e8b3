//! Proofs of a sign-in: which authentication methods succeeded, when, and which assurance level they reach.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::FactorId;
use crate::time::Millis;

/// An authentication method, which is stored by name and mapped to `amr` values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The password of the account.
    Password,
    /// A time-based one-time password of an authenticator app (RFC 6238).
    Totp,
    /// A recovery code, valid for one use.
    RecoveryCode,
    /// A passkey that is synced or can be synced, with user verification.
    Passkey,
    /// A passkey that is bound to its device, with user verification.
    BoundPasskey,
    /// A security key with a user-presence test only: bound to its device, and valid only as a second factor.
    SecurityKey,
    /// A browser that the user marked as trusted after proving a second factor in it. It satisfies the organisation's
    /// requirement of a second factor, but adds nothing to `amr` or `acr`, because nothing was proven in this sign-in.
    TrustedBrowser,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 7] = [
        Self::Password,
        Self::Totp,
        Self::RecoveryCode,
        Self::Passkey,
        Self::BoundPasskey,
        Self::SecurityKey,
        Self::TrustedBrowser,
    ];

    /// Returns the `amr` values of the method (RFC 8176 §2); none for a trusted browser.
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            // A recovery code is a one-time password as well.
            Self::Totp | Self::RecoveryCode => &["otp"],
            Self::Passkey => &[SOFTWARE_KEY, PRESENT],
            Self::BoundPasskey | Self::SecurityKey => &[HARDWARE_KEY, PRESENT],
            Self::TrustedBrowser => &[],
        }
    }

    /// Returns the first `amr` value, which identifies the kind of method; empty if there is none.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.amr() {
            [name, ..] => name,
            [] => "",
        }
    }

    /// Returns the name that is stored in the database and used in APIs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
            Self::BoundPasskey => "bound_passkey",
            Self::SecurityKey => "security_key",
            Self::TrustedBrowser => "trusted_browser",
        }
    }

    /// Returns whether the method is a second factor: something that the user has, while a password is something that
    /// the user knows.
    #[must_use]
    pub const fn is_second_factor(self) -> bool {
        match self {
            Self::Password | Self::TrustedBrowser => false,
            Self::Totp
            | Self::RecoveryCode
            | Self::Passkey
            | Self::BoundPasskey
            | Self::SecurityKey => true,
        }
    }

    /// Returns whether the method also verifies the user, by something that they know or are.
    const fn knows(self) -> bool {
        match self {
            Self::Password | Self::Passkey | Self::BoundPasskey => true,
            Self::Totp | Self::RecoveryCode | Self::SecurityKey | Self::TrustedBrowser => false,
        }
    }
}

/// A successful authentication by one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The method that succeeded.
    pub method: Method,
    /// Time of the authentication.
    pub at: Millis,
    /// The account's factor that was used, if an account can have several of the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<FactorId>,
}

impl Proof {
    fn read(text: &str) -> Option<Self> {
        let (what, at) = text.split_once('@')?;
        let (method, factor) = match what.split_once(':') {
            Some((method, factor)) => (method, Some(factor.parse().ok()?)),
            None => (what, None),
        };
        let method = Method::ALL.into_iter().find(|known| known.as_str() == method)?;
        Some(Self { method, at: Millis(at.parse().ok()?), factor })
    }
}

/// All proofs of a sign-in, in the order in which they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proofs(pub Vec<Proof>);

impl Proofs {
    /// Creates the proofs of a sign-in by a single method, without the id of a factor.
    #[must_use]
    pub fn of(method: Method, at: Millis) -> Self {
        Self(vec![Proof { method, at, factor: None }])
    }

    /// Adds a proof, which replaces an earlier one by the same method.
    #[must_use]
    pub fn with(mut self, proof: Proof) -> Self {
        self.0.retain(|one| one.method != proof.method);
        self.0.push(proof);
        self
    }

    /// Returns the time of the oldest proof: every proof was given at that time or later.
    #[must_use]
    pub fn oldest(&self) -> Option<Millis> {
        self.0.iter().map(|proof| proof.at).min()
    }

    /// Returns whether one of the proofs is by a second factor.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.0.iter().any(|proof| proof.method.is_second_factor())
    }

    /// Returns whether one of the proofs is by a trusted browser.
    #[must_use]
    pub fn trusts(&self) -> bool {
        self.0.iter().any(|proof| proof.method == Method::TrustedBrowser)
    }

    /// Returns whether the proofs reach a level that the organisation requires. A trusted browser satisfies
    /// [`Level::Two`].
    #[must_use]
    pub fn meet(&self, least: Level) -> bool {
        self.level().is_some_and(|level| level >= least) || (least == Level::Two && self.trusts())
    }

    /// Returns whether one of the proofs used this factor of the account.
    #[must_use]
    pub fn rest_on(&self, factor: FactorId) -> bool {
        self.0.iter().any(|proof| proof.factor == Some(factor))
    }

    /// Returns the level that the proofs reach; `None` if no proof has an `amr` value.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        Level::of(&self.amr())
    }

    /// Returns the distinct `amr` values of the methods, separated by spaces, and `mfa` if there are two factors.
    #[must_use]
    pub fn amr(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for proof in &self.0 {
            for name in proof.method.amr() {
                if !names.contains(name) {
                    names.push(name);
                }
            }
        }
        let knows = self.0.iter().any(|proof| proof.method.knows());
        if knows && self.has_second_factor() {
            names.push(MFA);
        }
        names.join(" ")
    }

    /// Parses the text stored for a session with these `amr` values. If an older version updated only `amr`, so that
    /// the two differ, the result is a password proof at `auth_time` if `amr` names the password, and empty otherwise.
    #[must_use]
    pub fn read(text: &str, amr: &str, auth_time: Millis) -> Self {
        let read: Option<Vec<Proof>> = text.split_whitespace().map(Proof::read).collect();
        match read.map(Self).filter(|proofs| proofs.amr() == amr) {
            Some(proofs) => proofs,
            None if amr.split(' ').any(|name| Method::Password.amr().contains(&name)) => {
                Self::of(Method::Password, auth_time)
            }
            None => Self::default(),
        }
    }
}

impl fmt::Display for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, proof) in self.0.iter().enumerate() {
            let gap = if at == 0 { "" } else { " " };
            write!(f, "{gap}{}", proof.method.as_str())?;
            if let Some(factor) = proof.factor {
                write!(f, ":{factor}")?;
            }
            write!(f, "@{}", proof.at.0)?;
        }
        Ok(())
    }
}

/// The `amr` value for multiple factors (RFC 8176 §2).
const MFA: &str = "mfa";
/// The `amr` value for a key that is kept in software.
const SOFTWARE_KEY: &str = "swk";
/// The `amr` value for a key that is kept in hardware.
const HARDWARE_KEY: &str = "hwk";
/// The `amr` value for a user-presence test.
const PRESENT: &str = "user";

/// The assurance level of an authentication. A higher level compares as greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A single factor, such as a password.
    One,
    /// Two factors; a passkey with user verification counts as two.
    Two,
    /// Two factors, one of which is phishing-resistant: it can't be used on another site.
    PhishingResistant,
    /// Like [`Level::PhishingResistant`], with a key that doesn't leave its device, as the authenticator reports.
    HardwareBound,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::PhishingResistant, Self::HardwareBound];
    /// The highest level, the last of [`Self::ALL`].
    pub const HIGHEST: Self = Self::HardwareBound;

    /// Returns the `acr` value of the level.
    #[must_use]
    pub const fn acr(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
            // OpenID Connect Extended Authentication Profile (EAP) ACR Values §4.
            Self::PhishingResistant => "phr",
            Self::HardwareBound => "phrh",
        }
    }

    /// Parses an `acr` value; `None` if it is unknown.
    #[must_use]
    pub fn parse(acr: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.acr() == acr)
    }

    /// Returns the level that the given `amr` values reach together; `None` if there are none.
    #[must_use]
    pub fn of(amr: &str) -> Option<Self> {
        let has = |wanted: &str| amr.split(' ').any(|name| name == wanted);
        match (has(MFA), has(HARDWARE_KEY), has(SOFTWARE_KEY)) {
            (true, true, _) => Some(Self::HardwareBound),
            (true, false, true) => Some(Self::PhishingResistant),
            (true, false, false) => Some(Self::Two),
            (false, ..) => (!amr.trim().is_empty()).then_some(Self::One),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels() {
        let password = Proofs::of(Method::Password, Millis(5));
        let code = |method| Proof { method, at: Millis(7), factor: None };
        for (proofs, amr, level) in [
            (Proofs::default(), "", None),
            (password.clone(), "pwd", Some("1")),
            (password.clone().with(code(Method::Totp)), "pwd otp mfa", Some("2")),
            (password.clone().with(code(Method::RecoveryCode)), "pwd otp mfa", Some("2")),
            (Proofs(vec![code(Method::Totp)]), "otp", Some("1")),
            (password.clone().with(code(Method::Password)), "pwd", Some("1")),
            (password.clone().with(code(Method::TrustedBrowser)), "pwd", Some("1")),
            (Proofs(vec![code(Method::Passkey)]), "swk user mfa", Some("phr")),
            (Proofs(vec![code(Method::BoundPasskey)]), "hwk user mfa", Some("phrh")),
            (Proofs(vec![code(Method::SecurityKey)]), "hwk user", Some("1")),
            (password.clone().with(code(Method::SecurityKey)), "pwd hwk user mfa", Some("phrh")),
            (password.clone().with(code(Method::Passkey)), "pwd swk user mfa", Some("phr")),
        ] {
            assert_eq!(proofs.amr(), amr);
            assert_eq!(Level::of(amr).map(Level::acr), level, "{amr}");
            assert_eq!(Proofs::read(&proofs.to_string(), amr, Millis(5)), proofs);
        }
        let trusted = password.with(code(Method::TrustedBrowser));
        assert!(trusted.meet(Level::Two) && !trusted.meet(Level::PhishingResistant));
        assert!(!trusted.has_second_factor() && !Proofs::default().meet(Level::One));
        assert!(Level::ALL.is_sorted() && Level::ALL.last() == Some(&Level::HIGHEST));
        assert!(Level::ALL.into_iter().all(|level| Level::parse(level.acr()) == Some(level)));
    }

    #[test]
    fn what_another_program_wrote_is_never_taken_for_more() {
        let two = Proofs::of(Method::Password, Millis(5)).with(Proof {
            method: Method::Totp,
            at: Millis(6),
            factor: Some(FactorId::from_slice(&[7; 16]).expect("an id")),
        });
        // A version that knows only passwords renewed the session and left this text unchanged.
        let read = Proofs::read(&two.to_string(), "pwd", Millis(9));
        assert_eq!(read, Proofs::of(Method::Password, Millis(9)));
        assert_eq!(Proofs::read("", "pwd", Millis(9)), read);
        assert_eq!(Proofs::read("telepathy@5", "tel", Millis(9)), Proofs::default());
        assert_eq!(Proofs::read(&two.to_string(), "pwd otp mfa", Millis(9)), two);
    }
}
