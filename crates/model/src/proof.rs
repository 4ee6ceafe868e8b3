//! How a person proved who they are: by which methods, when, and what level of assurance that reaches.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::FactorId;
use crate::time::Millis;

/// A way to prove who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A password.
    Password,
    /// A time-based one-time password of an authenticator app (RFC 6238).
    Totp,
    /// A recovery code, which works once.
    RecoveryCode,
    /// A passkey that is synced, or may be, with its person verified.
    Passkey,
    /// A passkey that doesn't leave its device, with its person verified.
    BoundPasskey,
    /// A security key that its person touched: bound to its device, and a second factor alone.
    SecurityKey,
    /// A browser in which a second factor was proven before, and which its person trusts. It stands for one where the
    /// organisation demands one, and says nothing to applications: nothing was proven now.
    TrustedBrowser,
}

impl Method {
    const ALL: [Self; 7] = [
        Self::Password,
        Self::Totp,
        Self::RecoveryCode,
        Self::Passkey,
        Self::BoundPasskey,
        Self::SecurityKey,
        Self::TrustedBrowser,
    ];

    /// Its names in `amr` (RFC 8176 §2).
    #[must_use]
    pub const fn amr(self) -> &'static [&'static str] {
        match self {
            Self::Password => &["pwd"],
            // A recovery code is a password for one use as well.
            Self::Totp | Self::RecoveryCode => &["otp"],
            Self::Passkey => &[SOFTWARE_KEY, PRESENT],
            Self::BoundPasskey | Self::SecurityKey => &[HARDWARE_KEY, PRESENT],
            Self::TrustedBrowser => &[],
        }
    }

    /// The first of its names in `amr`: what it is.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.amr() {
            [name, ..] => name,
            [] => "",
        }
    }

    /// Its name in the database and in interfaces.
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

    /// Whether it is a second factor: something that the person has, where a password is something that they know.
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

    /// Whether it shows as well that it is its person who uses it: by something that they know or are.
    const fn knows(self) -> bool {
        match self {
            Self::Password | Self::Passkey | Self::BoundPasskey => true,
            Self::Totp | Self::RecoveryCode | Self::SecurityKey | Self::TrustedBrowser => false,
        }
    }
}

/// A method that succeeded, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// By what.
    pub method: Method,
    /// When.
    pub at: Millis,
    /// Which factor of the account it was, where the account has several of the kind.
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

/// All proofs of a sign-in, the first one first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proofs(pub Vec<Proof>);

impl Proofs {
    /// One proof.
    #[must_use]
    pub fn of(method: Method, at: Millis) -> Self {
        Self(vec![Proof { method, at, factor: None }])
    }

    /// With one more, which replaces an earlier one by the same method.
    #[must_use]
    pub fn with(mut self, proof: Proof) -> Self {
        self.0.retain(|one| one.method != proof.method);
        self.0.push(proof);
        self
    }

    /// When the first of them was given: everything has been proven since.
    #[must_use]
    pub fn oldest(&self) -> Option<Millis> {
        self.0.iter().map(|proof| proof.at).min()
    }

    /// Whether there is a second factor among them.
    #[must_use]
    pub fn has_second_factor(&self) -> bool {
        self.0.iter().any(|proof| proof.method.is_second_factor())
    }

    /// Whether a trusted browser is among them.
    #[must_use]
    pub fn trusts(&self) -> bool {
        self.0.iter().any(|proof| proof.method == Method::TrustedBrowser)
    }

    /// Whether they are enough where the organisation demands a level: a trusted browser stands for a second factor.
    #[must_use]
    pub fn meet(&self, least: Level) -> bool {
        self.level().is_some_and(|level| level >= least) || (least == Level::Two && self.trusts())
    }

    /// Whether one of them was given by this factor of the account.
    #[must_use]
    pub fn rest_on(&self, factor: FactorId) -> bool {
        self.0.iter().any(|proof| proof.factor == Some(factor))
    }

    /// The level that they reach; none where there is no proof.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        Level::of(&self.amr())
    }

    /// The names of the methods in `amr`, each once, separated by spaces, with `mfa` where there are two factors.
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

    /// Reads what the database keeps, in a session with these methods. Where a program before this one wrote the methods
    /// alone, the password is known from them.
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

/// Among the names of methods: several factors (RFC 8176 §2).
const MFA: &str = "mfa";
/// A key that software keeps.
const SOFTWARE_KEY: &str = "swk";
/// A key that hardware keeps.
const HARDWARE_KEY: &str = "hwk";
/// Someone was present.
const PRESENT: &str = "user";

/// The level of assurance of an authentication; a higher one compares as greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// One factor.
    One,
    /// Two factors, or a passkey whose person is verified.
    Two,
    /// Two factors, one of which can't be used on another site than this.
    PhishingResistant,
    /// The same, with a key that doesn't leave its device, as the authenticator says.
    HardwareBound,
}

impl Level {
    /// All of them, lowest first.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::PhishingResistant, Self::HardwareBound];
    /// The highest one.
    pub const HIGHEST: Self = Self::HardwareBound;

    /// Its name in `acr`.
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

    /// Reads a name.
    #[must_use]
    pub fn parse(acr: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.acr() == acr)
    }

    /// The level that methods reach together, from their names in `amr`; none where there is no method.
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
        // A program that knows passwords alone renewed the session, and left this as it was.
        let read = Proofs::read(&two.to_string(), "pwd", Millis(9));
        assert_eq!(read, Proofs::of(Method::Password, Millis(9)));
        assert_eq!(Proofs::read("", "pwd", Millis(9)), read);
        assert_eq!(Proofs::read("telepathy@5", "tel", Millis(9)), Proofs::default());
        assert_eq!(Proofs::read(&two.to_string(), "pwd otp mfa", Millis(9)), two);
    }
}
