//! Orders of sessions, and positions in them.

use sojourn_model::{Millis, Session, SessionState};
use sojourn_store::Place;

use super::filter::Attribute;

/// Sort order of sessions, latest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By sign-in; the position of a session never changes.
    #[default]
    SignedIn,
    /// By stored last access. Best effort, because sessions move between pages.
    LastAccess,
    /// By the end; active sessions aren't included.
    Ended,
}

impl Sort {
    const ALL: [(Self, &'static str); 3] = [
        (Self::SignedIn, "signed_in_at"),
        (Self::LastAccess, "last_access"),
        (Self::Ended, "ended_at"),
    ];

    /// Parses the name of an order, as used in APIs.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(one, _)| *one)
    }

    /// The name of the order, as used in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    pub(super) const fn attribute(self) -> Attribute {
        match self {
            Self::SignedIn => Attribute::SignedIn,
            Self::LastAccess => Attribute::LastAccess,
            Self::Ended => Attribute::EndedAt,
        }
    }

    /// The position of a session in this order.
    pub(in crate::session) fn place(self, session: &Session) -> Place {
        let at = match (self, &session.state) {
            (Self::SignedIn, _) => session.signed_in_at,
            (Self::LastAccess, _) => session.last_access,
            (Self::Ended, SessionState::Ended { at, .. }) => *at,
            (Self::Ended, SessionState::Living) => Millis(i64::MAX),
        };
        Place { at, id: session.id.0.to_vec() }
    }
}

/// Position at which a page starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// At the latest session.
    Newest,
    /// Earlier than a given place.
    Before(Place),
    /// Later than a given place.
    From(Place),
}

/// A position in the order by sign-in as one number: the time and, within a millisecond, a part of the session's id.
/// It doesn't identify a session, so it may be shown to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignInStamp(pub i64);

/// Number of steps within a millisecond.
const STEPS: i64 = 1_000_000;
/// Number of values of the part of the id that is used.
const PARTS: i64 = 1 << 24;

impl SignInStamp {
    /// Converts a place to its stamp.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        let bytes = place.id.iter().copied().chain(std::iter::repeat(0)).take(3);
        let part = bytes.fold(0_i64, |part, byte| part << 8 | i64::from(byte));
        Self(place.at.0.saturating_mul(STEPS).saturating_add(part * STEPS / PARTS))
    }

    fn place(self) -> Place {
        let part = (self.0.rem_euclid(STEPS) * PARTS + STEPS - 1) / STEPS;
        let id = part.to_be_bytes().get(5..).unwrap_or_default().to_vec();
        Place { at: Millis(self.0.div_euclid(STEPS)), id }
    }

    /// The sessions earlier than the stamp.
    #[must_use]
    pub fn below(self) -> Position {
        Position::Before(self.place())
    }

    /// The sessions later than the stamp.
    #[must_use]
    pub fn above(self) -> Position {
        Position::From(Self(self.0.saturating_add(1)).place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_stand_between_what_is_below_and_what_is_above() {
        for (at, first) in [(5, [0, 0, 0]), (5, [0, 0, 1]), (5, [128, 0, 0]), (5, [255, 255, 255])]
        {
            let mut id = vec![7_u8; 32];
            id[..3].copy_from_slice(&first);
            let place = Place { at: Millis(at), id };
            let stamp = SignInStamp::of(&place);
            let (Position::Before(below), Position::From(above)) = (stamp.below(), stamp.above())
            else {
                panic!("places");
            };
            assert!(place >= below, "itself isn't below: {first:?}");
            assert!(place < above, "nor above: {first:?}");
        }
        assert_eq!(SignInStamp::of(&Place::LAST).0, i64::MAX);
    }
}
