//! The authentication methods that a policy allows.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::proof::{Level, Method, Proof, Proofs};
use crate::time::Millis;

/// A set of kinds of authentication methods, stored and shown as a list of [`Methods::NAMES`]. One that is
/// read is never empty; what several have in common ([`Methods::and`]) may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Methods(u8);

impl Methods {
    /// The kinds, in the order in which they are shown. `passkey` stands for synced and for device-bound passkeys.
    pub const NAMES: [&'static str; 5] =
        ["password", "passkey", "security_key", "totp", "recovery_code"];
    /// All kinds, which is what applies if no policy sets anything.
    pub const ALL: Self = Self(0b1_1111);

    /// Creates a set from the names of its kinds.
    ///
    /// # Errors
    /// A sentence that names the value that isn't known, or says that there is none.
    pub fn named<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, String> {
        let mut bits = 0;
        for name in names {
            let at = Self::NAMES.iter().position(|known| *known == name);
            let known = Self::NAMES.join(", ");
            bits |= 1 << at.ok_or_else(|| format!("'{name}' is not one of {known}"))?;
        }
        match bits {
            0 => Err(format!("methods must name at least one of {}", Self::NAMES.join(", "))),
            bits => Ok(Self(bits)),
        }
    }

    /// Returns the names of the kinds in the set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let all = Self::NAMES.into_iter().enumerate();
        all.filter(move |(at, _)| self.0 >> at & 1 == 1).map(|(_, name)| name)
    }

    /// Returns whether proofs by a method count. A trusted browser stands for an earlier proof, and has a policy of its
    /// own.
    #[must_use]
    pub fn allow(self, method: Method) -> bool {
        let name = match method {
            Method::BoundPasskey => Method::Passkey.as_str(),
            Method::TrustedBrowser => return true,
            method => method.as_str(),
        };
        self.names().any(|one| one == name)
    }

    /// The kinds that are in both sets; may be empty, and then no proof counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns whether a sign-in can begin with one of the methods: a second factor alone identifies nobody.
    #[must_use]
    pub fn can_begin(self) -> bool {
        self.allow(Method::Password) || self.allow(Method::Passkey)
    }

    /// Returns the proofs that count for the organisation: by these methods, and not by a second factor before `since`.
    #[must_use]
    pub fn counted(self, proofs: &Proofs, since: Option<Millis>) -> Proofs {
        let recent = |proof: &Proof| match proof.method {
            Method::Password => true,
            _ => since.is_none_or(|since| proof.at >= since),
        };
        let counts = |proof: &&Proof| self.allow(proof.method) && recent(proof);
        Proofs(proofs.0.iter().filter(counts).copied().collect())
    }

    /// The highest level that the methods can reach together; `None` if none of them is allowed.
    #[must_use]
    pub fn reach(self, methods: impl IntoIterator<Item = Method>) -> Option<Level> {
        let proof = |method| Proof { method, at: Millis(0), factor: None };
        let allowed = methods.into_iter().filter(|method| self.allow(*method));
        Proofs(allowed.map(proof).collect()).level()
    }
}

impl Serialize for Methods {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for Methods {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Self::named(names.iter().map(String::as_str)).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_what_they_reach() {
        use Method::{BoundPasskey, Passkey, Password, SecurityKey, Totp, TrustedBrowser};
        let set = |names: &str| serde_json::from_str::<Methods>(names);
        assert!(set("[]").is_err() && set("[\"face\"]").is_err() && set("\"totp\"").is_err());
        let keys = set("[\"security_key\",\"passkey\"]").expect("a set");
        assert_eq!(serde_json::to_string(&keys).expect("text"), r#"["passkey","security_key"]"#);
        assert!(keys.allow(BoundPasskey) && keys.allow(TrustedBrowser) && !keys.allow(Totp));
        assert_eq!(
            set(&serde_json::to_string(&Methods::ALL).expect("text")).ok(),
            Some(Methods::ALL)
        );
        for (names, methods, begins, want) in [
            ("[\"password\"]", vec![Password, Passkey], true, Some(Level::One)),
            ("[\"passkey\"]", vec![Password, Passkey], true, Some(Level::PhishingResistant)),
            ("[\"passkey\"]", vec![Password, Totp], true, None),
            ("[\"totp\"]", vec![Password, Totp], false, Some(Level::One)),
            ("[\"password\",\"totp\"]", vec![Password, Totp], true, Some(Level::Two)),
            (
                "[\"password\",\"security_key\"]",
                vec![Password, SecurityKey],
                true,
                Some(Level::HardwareBound),
            ),
        ] {
            let set = set(names).expect(names);
            assert_eq!((set.can_begin(), set.reach(methods)), (begins, want), "{names}");
        }
        let none = keys.and(set("[\"password\"]").expect("a set"));
        assert!(!none.can_begin() && none.reach([Password, Passkey]).is_none());
    }
}
