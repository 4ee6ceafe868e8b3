//! Ids with a type for each kind, so that they can't be confused.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::{Millis, Rng};

/// Error for a text or a byte string that isn't an id of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed id")]
pub struct MalformedId;

/// Number of a tenant in its installation. The default tenant is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TenantId(pub i64);

impl TenantId {
    /// The tenant of paths without a `/t/…` prefix.
    pub const DEFAULT: Self = Self(1);
}

/// Returns the nil UUID, which no object has as its id.
#[must_use]
pub const fn nil() -> Uuid {
    Uuid::nil()
}

/// Encodes bytes as lower-case hex digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.extend(DIGITS.get(usize::from(nibble)));
        }
    }
    out
}

/// Decodes exactly `N` bytes from hex digits of either case.
///
/// # Errors
/// [`MalformedId`] if the length or a digit is wrong.
pub fn unhex<const N: usize>(text: &str) -> Result<[u8; N], MalformedId> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return Err(MalformedId);
    }
    let value = |digit: u8| char::from(digit).to_digit(16).ok_or(MalformedId);
    let mut out = [0_u8; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = u8::try_from(value(*high)? * 16 + value(*low)?).map_err(|_| MalformedId)?;
        }
    }
    Ok(out)
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Generates a new random id.
            pub fn random(rng: &dyn Rng) -> Self {
                let mut bytes = [0_u8; $len];
                rng.fill(&mut bytes);
                Self(bytes)
            }

            /// Returns the bytes that are stored in the database.
            #[must_use]
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }

            /// Converts the bytes stored in the database.
            ///
            /// # Errors
            /// [`MalformedId`] if the length is wrong.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, MalformedId> {
                bytes.try_into().map(Self).map_err(|_| MalformedId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex(&self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                unhex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

byte_id!(
    /// Public id of a session, shown as 64 hex digits. It grants no access: the secret is in the cookie.
    SessionId,
    32
);

impl SessionId {
    /// Generates an id for a session of `user`. It begins with half of the user's id, so that what ends together (the
    /// sessions of a user, with their participations and deliveries) is stored together on disk; 24 random bytes
    /// follow.
    pub fn of_user(user: UserId, rng: &dyn Rng) -> Self {
        Self::of_user_from(user, Self::random(rng).0)
    }

    /// Creates the same kind of id from given bytes, of which the last 24 are used.
    #[must_use]
    pub fn of_user_from(user: UserId, bytes: [u8; 32]) -> Self {
        let mut id = Self(bytes);
        for (byte, of_user) in id.0.iter_mut().zip(user.0.as_bytes().iter().take(8)) {
            *byte = *of_user;
        }
        id
    }
}
byte_id!(
    /// The `sid` of one participation of a session in an application. Never reused.
    Sid,
    16
);
byte_id!(
    /// Id of a grant; every code and token belongs to one.
    GrantId,
    16
);
impl GrantId {
    /// Generates a new id. It begins with the time, so that grants issued together are on few database pages; the
    /// eighty random bits after it make it unique. Only administrators see it.
    pub fn new(now: Millis, rng: &dyn Rng) -> Self {
        let mut bytes = Self::random(rng).0;
        for (byte, of_time) in bytes.iter_mut().zip(now.0.to_be_bytes().into_iter().skip(2)) {
            *byte = of_time;
        }
        Self(bytes)
    }

    /// Returns the time at which it was generated, in milliseconds since 1970.
    #[must_use]
    pub fn drawn_at(self) -> Millis {
        Millis(self.0.iter().take(6).fold(0, |time, byte| time << 8 | i64::from(*byte)))
    }
}

byte_id!(
    /// Id of an end: everything that ended together carries the same id. Also the id of a change set.
    EndId,
    16
);
byte_id!(
    /// Id of a durable job.
    JobId,
    16
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Generates a new random id.
            pub fn random(rng: &dyn Rng) -> Self {
                let mut bytes = [0_u8; 16];
                rng.fill(&mut bytes);
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// Returns the bytes that are stored in the database.
            #[must_use]
            pub fn to_vec(self) -> Vec<u8> {
                self.0.as_bytes().to_vec()
            }

            /// Converts the bytes stored in the database.
            ///
            /// # Errors
            /// [`MalformedId`] if the length is wrong.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, MalformedId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| MalformedId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                // Only the hyphenated form is accepted: other spellings of the same id would break comparisons of text.
                if text.len() != 36 {
                    return Err(MalformedId);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| MalformedId)
            }
        }
    };
}

uuid_id!(
    /// Id of a user; also the `sub` of tokens with public subjects.
    UserId
);
uuid_id!(
    /// Id of a role.
    RoleId
);
uuid_id!(
    /// Id of a group.
    GroupId
);
uuid_id!(
    /// Id of an account's factor.
    FactorId
);
uuid_id!(
    /// Internal id of an application, which is independent of its `client_id`.
    AppId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip_and_refusals() {
        let id = SessionId([0xab; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 64);
        for bad in ["", "ab", &"g".repeat(64), &"a".repeat(63), &"a".repeat(65), &"é".repeat(32)] {
            assert_eq!(bad.parse::<SessionId>(), Err(MalformedId), "{bad}");
        }
    }

    #[test]
    fn uuid_takes_the_hyphenated_form_alone() {
        let text = "447c646f-4271-4782-a00a-da995d21d16b";
        assert_eq!(text.parse::<UserId>().map(|id| id.to_string()), Ok(text.to_owned()));
        assert!(text.replace('-', "").parse::<UserId>().is_err());
    }
}
