//! Which step comes next: named checks over what is known, in the order in which they are asked.

use sojourn_model::{AtLimit, Level, PasswordDue, Session, User};

use super::{Pending, Proven, SignInError};

/// A step that a person still has to take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Prove a second factor:
    /// [`Engine::sign_in_with_second_factor`](crate::Engine::sign_in_with_second_factor).
    SecondFactor {
        /// The level that has to be reached with it.
        least: Level,
    },
    /// Add a factor, because a level is demanded that the account has none for:
    /// [`Engine::sign_in_by_enrolment`](crate::Engine::sign_in_by_enrolment).
    Enrolment {
        /// The level that has to be reached with it.
        least: Level,
    },
    /// Choose another password: [`Engine::sign_in_with_new_password`](crate::Engine::sign_in_with_new_password).
    NewPassword,
    /// Choose which sessions to end, so that one more may begin:
    /// [`Engine::sign_in_after_choice`](crate::Engine::sign_in_after_choice).
    EndSessions {
        /// The person's live sessions, newest sign-in first.
        live: Vec<Session>,
        /// How many sessions are allowed, the new one included.
        max: usize,
    },
}

impl Step {
    /// Whether what is missing is a second factor, there or not.
    #[must_use]
    pub const fn is_second_factor(&self) -> bool {
        matches!(self, Self::SecondFactor { .. } | Self::Enrolment { .. })
    }
}

/// What is known when a step is done.
pub(super) struct Situation<'s> {
    /// Who the person is, and how they proved it.
    pub(super) proven: &'s Proven,
    /// Their account, as it is now.
    pub(super) user: &'s User,
    /// What the organisation asks of them.
    pub(super) asked: Asked,
    /// Their sessions, where one more is to begin and a policy limits them.
    pub(super) room: Option<Room<'s>>,
}

/// A level that is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// At least.
    pub(super) least: Level,
    /// What the person can reach with the factors of the account; no less than what is proven.
    pub(super) reach: Level,
}

impl Situation<'_> {
    /// Whether more has to be proven.
    fn is_short(&self) -> bool {
        !self.proven.proofs.meet(self.asked.least)
    }
}

/// The sessions of a person, against the limit.
pub(super) struct Room<'s> {
    /// Those that live.
    pub(super) live: &'s [Session],
    /// How many of them the person chose to end.
    pub(super) going: usize,
    /// How many are allowed.
    pub(super) max: usize,
    /// What happens at the limit.
    pub(super) at_limit: AtLimit,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// A password by mail: the person said that a sign-in was not theirs.
    PasswordByMail,
    /// A second factor.
    SecondFactor,
    /// A second factor that isn't there yet.
    Enrolment,
    /// Another password.
    NewPassword,
    /// Room for one more session, which the person can make.
    Room,
    /// Room for one more session, which nobody makes here.
    Refused,
}

type Check = fn(&Situation<'_>) -> Option<Missing>;

// Nothing is shown or changed before everything is proven.
const CHECKS: &[(&str, Check)] = &[
    ("a password by mail", by_mail),
    ("a second factor", second_factor),
    ("another password", new_password),
    ("a factor to be added", enrolment),
    ("room", room),
];

fn by_mail(situation: &Situation<'_>) -> Option<Missing> {
    (situation.user.password_due == PasswordDue::ByMail).then_some(Missing::PasswordByMail)
}

fn second_factor(situation: &Situation<'_>) -> Option<Missing> {
    let proofs = &situation.proven.proofs;
    // A trusted browser stands for a factor where that is enough, and adds none in its place.
    let trusts = proofs.trusts() && !situation.is_short();
    let unproven = situation.user.factors > 0 && !proofs.has_second_factor() && !trusts;
    let can = situation.is_short() && situation.asked.reach >= situation.asked.least;
    (unproven || can).then_some(Missing::SecondFactor)
}

fn new_password(situation: &Situation<'_>) -> Option<Missing> {
    (situation.user.password_due == PasswordDue::AtSignIn).then_some(Missing::NewPassword)
}

fn enrolment(situation: &Situation<'_>) -> Option<Missing> {
    // Who could prove more was asked for it.
    situation.is_short().then_some(Missing::Enrolment)
}

fn room(situation: &Situation<'_>) -> Option<Missing> {
    let room = situation.room.as_ref()?;
    if room.live.len().saturating_sub(room.going) < room.max {
        return None;
    }
    match room.at_limit {
        AtLimit::EndOldest => None,
        AtLimit::Ask => Some(Missing::Room),
        AtLimit::Deny => Some(Missing::Refused),
    }
}

fn missing(situation: &Situation<'_>) -> Option<Missing> {
    CHECKS.iter().find_map(|(_, check)| check(situation))
}

/// Nothing where a session may begin.
///
/// # Errors
/// [`SignInError::Needs`] with the next step; [`SignInError::PasswordDue`] and [`SignInError::TooManySessions`] where there is
/// no step that the person could take here.
pub(super) fn next(situation: &Situation<'_>) -> Result<(), SignInError> {
    let needs = |step| {
        let proven = situation.proven.clone();
        Err(SignInError::Needs(Box::new(Pending { proven, step })))
    };
    let (room, least) = (situation.room.as_ref(), situation.asked.least);
    let max = room.map_or(0, |room| room.max);
    match missing(situation) {
        None => Ok(()),
        Some(Missing::PasswordByMail) => Err(SignInError::PasswordDue),
        // Who can't reach the level yet proves what there is, and adds what is missing afterwards.
        Some(Missing::SecondFactor) => {
            needs(Step::SecondFactor { least: least.min(situation.asked.reach) })
        }
        Some(Missing::Enrolment) => needs(Step::Enrolment { least }),
        Some(Missing::NewPassword) => needs(Step::NewPassword),
        Some(Missing::Room) => {
            let live = room.map(|room| room.live.to_vec()).unwrap_or_default();
            needs(Step::EndSessions { live, max })
        }
        Some(Missing::Refused) => Err(SignInError::TooManySessions { max }),
    }
}

#[cfg(test)]
mod tests {
    use sojourn_model::{Method, Millis, Proof, Proofs, SessionId, SessionState, TenantId, UserId};

    use super::*;

    fn session(user: UserId) -> Session {
        Session {
            tenant: TenantId::DEFAULT,
            id: SessionId([1; 32]),
            user,
            secret_hash: [0; 32],
            signed_in_at: Millis(0),
            auth_time: Millis(0),
            amr: "pwd".into(),
            proofs: Proofs::of(Method::Password, Millis(0)),
            remember: false,
            ip: String::new(),
            user_agent: String::new(),
            last_access: Millis(0),
            idle_timeout_ms: 1_000,
            idle_deadline: Millis(1_000),
            absolute_deadline: None,
            state: SessionState::Living,
            sign_in_due: false,
        }
    }

    #[test]
    fn the_order_of_steps() {
        let id = UserId::from_slice(&[1; 16]).expect("an id");
        let live = [session(id), session(id)];
        let password = Proofs::of(Method::Password, Millis(1));
        let code = Proof { method: Method::Totp, at: Millis(2), factor: None };
        let found = |due, factors, second, limit: Option<(usize, usize, AtLimit)>| {
            let proofs = if second { password.clone().with(code) } else { password.clone() };
            let proven = Proven { user: id, epoch: 3, proofs };
            let user = User { password_due: due, factors, ..User::deleted(TenantId::DEFAULT, id) };
            let room =
                limit.map(|(max, going, at_limit)| Room { live: &live, going, max, at_limit });
            let reach = if factors > 0 || second { Level::Two } else { Level::One };
            let asked = Asked { least: Level::One, reach };
            let one = Situation { proven: &proven, user: &user, asked, room };
            let found = missing(&one);
            let asked = Asked { least: Level::Two, reach };
            let demanded = Situation { asked, ..one };
            let lacks = factors == 0
                && !second
                && !matches!(found, Some(Missing::PasswordByMail | Missing::NewPassword));
            let want = if lacks { Some(Missing::Enrolment) } else { found };
            assert_eq!(missing(&demanded), want, "{due:?} {factors} where one is demanded");
            found
        };
        let full = Some((2, 0, AtLimit::Ask));
        for (due, factors, second, limit, want) in [
            (PasswordDue::No, 0, false, None, None),
            (PasswordDue::ByMail, 1, false, full, Some(Missing::PasswordByMail)),
            (PasswordDue::AtSignIn, 1, false, full, Some(Missing::SecondFactor)),
            (PasswordDue::AtSignIn, 1, true, full, Some(Missing::NewPassword)),
            (PasswordDue::AtSignIn, 0, false, full, Some(Missing::NewPassword)),
            (PasswordDue::No, 2, false, None, Some(Missing::SecondFactor)),
            (PasswordDue::No, 2, true, None, None),
            (PasswordDue::No, 1, true, full, Some(Missing::Room)),
            (PasswordDue::No, 0, false, Some((2, 1, AtLimit::Ask)), None),
            (PasswordDue::No, 0, false, Some((1, 1, AtLimit::Ask)), Some(Missing::Room)),
            (PasswordDue::No, 0, false, Some((3, 0, AtLimit::Deny)), None),
            (PasswordDue::No, 0, false, Some((2, 0, AtLimit::Deny)), Some(Missing::Refused)),
            (PasswordDue::No, 0, false, Some((1, 0, AtLimit::EndOldest)), None),
        ] {
            assert_eq!(found(due, factors, second, limit), want, "{due:?} {factors} {limit:?}");
        }
    }

    #[test]
    fn levels_that_are_demanded() {
        let id = UserId::from_slice(&[1; 16]).expect("an id");
        let at = |method| Proof { method, at: Millis(2), factor: None };
        let password = Proofs::of(Method::Password, Millis(1));
        let (key, none) = (Level::PhishingResistant, None);
        let asks = Some(Missing::SecondFactor);
        for (proofs, factors, least, reach, want) in [
            // A passkey that is there isn't asked for where a password is enough.
            (password.clone(), 0, Level::One, key, none),
            (password.clone(), 0, Level::Two, key, asks),
            (password.clone(), 0, key, key, asks),
            (password.clone(), 1, key, Level::Two, asks),
            (password.clone().with(at(Method::Totp)), 1, key, Level::Two, Some(Missing::Enrolment)),
            (password.clone().with(at(Method::Totp)), 1, key, key, asks),
            (password.clone().with(at(Method::TrustedBrowser)), 1, Level::Two, Level::Two, none),
            (password.clone().with(at(Method::TrustedBrowser)), 1, key, key, asks),
            // Nobody adds a key by a browser that is trusted.
            (password.clone().with(at(Method::TrustedBrowser)), 1, key, Level::Two, asks),
            (Proofs(vec![at(Method::Passkey)]), 0, key, key, none),
            // Who signs in by a passkey has proven two factors.
            (Proofs(vec![at(Method::Passkey)]), 1, Level::Two, key, none),
            (
                Proofs(vec![at(Method::Passkey)]),
                0,
                Level::HardwareBound,
                key,
                Some(Missing::Enrolment),
            ),
        ] {
            let proven = Proven { user: id, epoch: 3, proofs };
            let user = User { factors, ..User::deleted(TenantId::DEFAULT, id) };
            let asked = Asked { least, reach };
            let one = Situation { proven: &proven, user: &user, asked, room: None };
            assert_eq!(missing(&one), want, "{:?} {least:?} {reach:?}", proven.proofs);
        }
    }
}
