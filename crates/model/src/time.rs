//! Time and randomness as explicit arguments.

use serde::{Deserialize, Serialize};

/// A point in time in milliseconds since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// Returns this time plus `ms` milliseconds, which can be negative. Saturates.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Returns whole seconds since 1970, rounded down: a `NumericDate` (RFC 7519 §2).
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Creates a time from seconds since 1970. Saturates.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns the milliseconds from `earlier` to this time; negative if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Source of the current time. Only `cli` and `server` use the real clock; tests set their own.
pub trait Clock: Send + Sync {
    /// Returns the current time.
    fn now(&self) -> Millis;
}

/// Source of unpredictable (cryptographically secure) random bytes.
pub trait Rng: Send + Sync {
    /// Fills the whole slice with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Returns `N` unpredictable bytes.
pub fn random<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut bytes = [0_u8; N];
    rng.fill(&mut bytes);
    bytes
}
