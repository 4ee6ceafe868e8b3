//! Determines the next step of a sign-in: named checks in a fixed order.

use sojourn_model::{AtLimit, Level, Method, Methods, Millis, PasswordDue, Session, User};

use super::{Pending, Proven, SignInError};
use crate::factors::is_recovering;

/// A step that is still required.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Prove a second factor: [`Engine::sign_in_with_second_factor`](crate::Engine::sign_in_with_second_factor).
    SecondFactor {
        /// Minimum level that the factor must lead to.
        least: Level,
    },
    /// Add a factor, because the account's factors can't reach the required level:
    /// [`Engine::sign_in_by_enrolment`](crate::Engine::sign_in_by_enrolment).
    Enrolment {
        /// Minimum level that the factor must lead to.
        least: Level,
    },
    /// Choose a new password: [`Engine::sign_in_with_new_password`](crate::Engine::sign_in_with_new_password).
    NewPassword,
    /// Select the sessions to end, so that one more can start:
    /// [`Engine::sign_in_after_choice`](crate::Engine::sign_in_after_choice).
    EndSessions {
        /// The user's active sessions, sorted by newest sign-in first.
        live: Vec<Session>,
        /// Maximum number of sessions, including the new one.
        max: usize,
    },
}

impl Step {
    /// Returns whether the step requires a second factor, existing or new.
    #[must_use]
    pub const fn is_second_factor(&self) -> bool {
        matches!(self, Self::SecondFactor { .. } | Self::Enrolment { .. })
    }
}

/// The facts that the checks use.
pub(super) struct Situation<'s> {
    /// The proofs that the user has given so far.
    pub(super) proven: &'s Proven,
    /// The current state of the account.
    pub(super) user: &'s User,
    /// The level that the organisation requires.
    pub(super) asked: Asked,
    /// Current time.
    pub(super) now: Millis,
    /// The user's sessions, if a new one is to start and a policy limits their number.
    pub(super) room: Option<Room<'s>>,
}

/// A required level of authentication.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Minimum level that is required.
    pub(super) least: Level,
    /// The level that the account's factors can reach; at least the level that is proven. `None` if the organisation
    /// allows none of the account's methods.
    pub(super) reach: Option<Level>,
    /// The methods that count.
    pub(super) methods: Methods,
    /// The time before which a second factor is too old to count.
    pub(super) since: Option<Millis>,
}

impl Situation<'_> {
    /// Returns whether further proofs are required.
    fn is_short(&self) -> bool {
        let Asked { least, methods, since, .. } = self.asked;
        !methods.counted(&self.proven.proofs, since).meet(least)
    }
}

/// A user's sessions, compared with the limit.
pub(super) struct Room<'s> {
    /// The user's active sessions at the moment.
    pub(super) live: &'s [Session],
    /// Number of these sessions that the user selected to end.
    pub(super) going: usize,
    /// Maximum number of sessions.
    pub(super) max: usize,
    /// What the policy does at the limit.
    pub(super) at_limit: AtLimit,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// A password reset by mail: the user reported a sign-in as not theirs.
    PasswordByMail,
    /// A password, because passkeys don't count.
    Password,
    /// A second factor that the account has.
    SecondFactor,
    /// A second factor that the account lacks.
    Enrolment,
    /// The end of a waiting time, because the account is being recovered.
    Time,
    /// A new password that the user chooses.
    NewPassword,
    /// Room for one more session, which the user can create by ending others.
    Room,
    /// Room for one more session, which the policy doesn't let the user create.
    Refused,
}

type Check = fn(&Situation<'_>) -> Option<Missing>;

// Nothing is displayed or changed before all proofs are given.
const CHECKS: &[(&str, Check)] = &[
    ("a password by mail", by_mail),
    ("a password instead of a passkey", password),
    ("a second factor", second_factor),
    ("the end of a recovery", recovery),
    ("another password", new_password),
    ("a factor to be added", enrolment),
    ("room", room),
];

fn by_mail(situation: &Situation<'_>) -> Option<Missing> {
    (situation.user.password_due == PasswordDue::ByMail).then_some(Missing::PasswordByMail)
}

fn password(situation: &Situation<'_>) -> Option<Missing> {
    let methods = situation.asked.methods;
    let proven = situation.proven.proofs.0.first()?.method;
    let other = proven != Method::Password && !methods.allow(proven);
    (other && methods.allow(Method::Password)).then_some(Missing::Password)
}

fn second_factor(situation: &Situation<'_>) -> Option<Missing> {
    let proofs = &situation.proven.proofs;
    // A trusted browser replaces a second factor if that is sufficient, but isn't a basis for adding one.
    let trusts = proofs.trusts() && !situation.is_short();
    let unproven = situation.user.factors > 0 && !proofs.has_second_factor() && !trusts;
    let can = situation.is_short() && situation.asked.reach >= Some(situation.asked.least);
    (unproven || can).then_some(Missing::SecondFactor)
}

fn recovery(situation: &Situation<'_>) -> Option<Missing> {
    let Situation { user, proven, now, .. } = situation;
    is_recovering(user, &proven.proofs, *now).then_some(Missing::Time)
}

fn new_password(situation: &Situation<'_>) -> Option<Missing> {
    (situation.user.password_due == PasswordDue::AtSignIn).then_some(Missing::NewPassword)
}

fn enrolment(situation: &Situation<'_>) -> Option<Missing> {
    // A user who can reach the level was asked for a second factor by an earlier check.
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

/// Succeeds if a session can start.
///
/// # Errors
/// [`SignInError::Needs`] with the next step; [`SignInError::PasswordDue`] or [`SignInError::TooManySessions`] if the
/// user can't continue here.
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
        Some(Missing::Time) => {
            Err(SignInError::Waiting { until: situation.user.recovers_at.unwrap_or(situation.now) })
        }
        Some(Missing::Password) => Err(SignInError::PasskeyNotAllowed),
        // A user who can't reach the level yet proves the existing factor first, and adds the missing one afterwards.
        Some(Missing::SecondFactor) => {
            let least = situation.asked.reach.map_or(Level::One, |reach| least.min(reach));
            needs(Step::SecondFactor { least })
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
    use sojourn_model::{Proof, Proofs, SessionId, SessionState, TenantId, UserId};

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
            let reach = Some(if factors > 0 || second { Level::Two } else { Level::One });
            let (methods, since) = (Methods::ALL, None);
            let asked = Asked { least: Level::One, reach, methods, since };
            let one = Situation { proven: &proven, user: &user, asked, now: Millis(9), room };
            let found = missing(&one);
            let asked = Asked { least: Level::Two, ..asked };
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
            // An existing passkey isn't required if a password is sufficient.
            (password.clone(), 0, Level::One, key, none),
            (password.clone(), 0, Level::Two, key, asks),
            (password.clone(), 0, key, key, asks),
            (password.clone(), 1, key, Level::Two, asks),
            (password.clone().with(at(Method::Totp)), 1, key, Level::Two, Some(Missing::Enrolment)),
            (password.clone().with(at(Method::Totp)), 1, key, key, asks),
            (password.clone().with(at(Method::TrustedBrowser)), 1, Level::Two, Level::Two, none),
            (password.clone().with(at(Method::TrustedBrowser)), 1, key, key, asks),
            // A trusted browser isn't a basis for adding a key.
            (password.clone().with(at(Method::TrustedBrowser)), 1, key, Level::Two, asks),
            (Proofs(vec![at(Method::Passkey)]), 0, key, key, none),
            // A sign-in by passkey proves two factors.
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
            let asked = Asked { least, reach: Some(reach), methods: Methods::ALL, since: None };
            let one = Situation { proven: &proven, user: &user, asked, now: Millis(9), room: None };
            assert_eq!(missing(&one), want, "{:?} {least:?} {reach:?}", proven.proofs);
        }
    }

    #[test]
    fn what_is_not_allowed_or_too_old_counts_for_nothing() {
        use Method::{Passkey, Password, Totp};
        let id = UserId::from_slice(&[1; 16]).expect("an id");
        let (asks, enrols) = (Some(Missing::SecondFactor), Some(Missing::Enrolment));
        let (key, one, two) = (Level::PhishingResistant, Level::One, Level::Two);
        for (given, factors, names, least, reach, since, want) in [
            // Passwords only lead to a passkey, existing or new.
            (vec![(Password, 5)], 0, vec!["passkey"], one, Some(key), None, asks),
            (vec![(Password, 5)], 0, vec!["passkey"], one, None, None, enrols),
            (vec![(Password, 5), (Passkey, 5)], 0, vec!["passkey"], one, Some(key), None, None),
            (
                vec![(Passkey, 5)],
                0,
                vec!["password"],
                one,
                Some(one),
                None,
                Some(Missing::Password),
            ),
            // Who has a second factor proves it, even if it isn't allowed, before another one is added.
            (vec![(Password, 5)], 1, vec!["passkey"], one, None, None, asks),
            (vec![(Password, 5), (Totp, 5)], 1, vec!["passkey"], one, None, None, enrols),
            // An old second factor is asked for again, an old password isn't.
            (
                vec![(Password, 1), (Totp, 5)],
                1,
                vec!["password", "totp"],
                two,
                Some(two),
                Some(5),
                None,
            ),
            (
                vec![(Password, 1), (Totp, 4)],
                1,
                vec!["password", "totp"],
                two,
                Some(two),
                Some(5),
                asks,
            ),
        ] {
            let proof = |(method, at): &(Method, i64)| Proof {
                method: *method,
                at: Millis(*at),
                factor: None,
            };
            let proven =
                Proven { user: id, epoch: 3, proofs: Proofs(given.iter().map(proof).collect()) };
            let user = User { factors, ..User::deleted(TenantId::DEFAULT, id) };
            let methods = Methods::named(names.iter().copied()).expect("methods");
            let asked = Asked { least, reach, methods, since: since.map(Millis) };
            let one = Situation { proven: &proven, user: &user, asked, now: Millis(9), room: None };
            assert_eq!(missing(&one), want, "{given:?} {names:?}");
        }
    }
}
