//! The first step of a sign-in: a name and a password.

use sojourn_model::limits::{HASH_QUEUE_MAX, USERNAME_BYTES_MAX};
use sojourn_model::{
    Actor, AppId, ChangeSet, EventName, Method, NewEvent, Op, Proofs, Subject, Tenant, User,
    UserState,
};

use super::begin::By;
use super::steps::{self, Situation};
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::directory::plain_name;
use crate::directory::{StateChange, looked_for};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::throttle::{Attempt, Guess};

/// A name and a password, as the user typed them.
#[derive(Clone)]
pub struct Credentials {
    /// Login name; `name@tenant` is the same as `name`.
    pub username: String,
    /// Password in plain text.
    pub password: String,
}

impl Credentials {
    /// Creates credentials from a login name and a password.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: password.into() }
    }
}

/// Logs one line for each failed sign-in, for programs such as fail2ban. The address comes before everything that the
/// client chooses, and the name is escaped, so that a line can't be forged.
pub(super) fn log_failure(tenant: &Tenant, username: &str, ip: &str, reason: &'static str) {
    let login = cut(username, LOGGED_NAME_BYTES_MAX);
    tracing::info!(
        target: "sojourn::sign_in",
        "sign-in failed address={ip} tenant={} reason={reason} login={login:?}",
        tenant.name
    );
}

/// Truncates a text at a character boundary, to at most `bytes_max` bytes.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// The event for a wrong name or password.
const WRONG: EventName = EventName::AuthenticationFailure;
/// Maximum length of a login name in the log, in bytes.
const LOGGED_NAME_BYTES_MAX: usize = 64;

impl Engine {
    /// Signs a user in by name and password: starts a session, or renews the session that the same user has in this
    /// browser. Another user's session in this browser ends. If the user has the maximum number of sessions, the
    /// policy decides.
    ///
    /// # Errors
    /// [`SignInError`] if the sign-in fails; [`SignInError::Needs`] if another step is required.
    pub async fn sign_in(
        &self,
        tenant: &Tenant,
        typed: &Credentials,
        visit: &Visit,
    ) -> Result<SignedIn, SignInError> {
        let from = (&*visit.ip, visit.browser);
        let checked = self.check_password(tenant, typed, from).await?;
        let checked = self.recognised(tenant, checked, visit).await?;
        self.begin(tenant, checked, visit, By::Password(&typed.password)).await
    }

    /// Verifies a name and a password where no further step is possible: for APIs and token requests.
    ///
    /// # Errors
    /// The same as [`Engine::sign_in`]; [`SignInError::Needs`] if the password alone isn't sufficient.
    pub(crate) async fn check_password_alone(
        &self,
        tenant: &Tenant,
        typed: &Credentials,
        (ip, app): (&str, Option<AppId>),
    ) -> Result<Checked, SignInError> {
        let checked = self.check_password(tenant, typed, (ip, None)).await?;
        let Checked { user, proven, also } = &checked;
        let policy = self.policy(tenant, user.id, app).await?;
        let asked = self.asked(tenant, user, proven, &policy).await?;
        let Err(stopped) =
            steps::next(&Situation { proven, user, asked, now: self.now(), room: None })
        else {
            return Ok(checked);
        };
        // The password was correct, so this doesn't count as a failure of the address.
        self.must_apply(also.clone()).await?;
        Err(stopped)
    }

    /// Verifies a name and a password. Counts the attempt before it verifies the password.
    pub(crate) async fn check_password(
        &self,
        tenant: &Tenant,
        Credentials { username, password }: &Credentials,
        (ip, browser): (&str, Option<[u8; 32]>),
    ) -> Result<Checked, SignInError> {
        let looked_for = looked_for(username);
        let name = looked_for.as_ref();
        let failed = |reason| log_failure(tenant, username, ip, reason);
        if name.is_empty() || name.len() > USERNAME_BYTES_MAX {
            failed("malformed_name");
            return Err(SignInError::Wrong);
        }
        let _turn = self.turn_of(ip).await?;
        // Before anything is written: a flood is rejected without a database access.
        if self.offload.waiting() >= HASH_QUEUE_MAX {
            return Err(EngineError::Busy.into());
        }
        let user = self.user_called(tenant, name).await?;
        // All names of an account share one count.
        let counted = user.as_ref().map_or(plain_name(tenant, name), |user| &user.username);
        let guess = Guess { name: counted, user: user.as_ref().map(|user| user.id), ip, browser };
        let counted = self.count_attempt(tenant.id, guess).await?;
        let Attempt::Allowed { made, forgive, undo } = counted else {
            failed("too_many_attempts");
            return Err(SignInError::TooMany);
        };
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let good = match self.verify_password(password, hash).await {
            Ok(good) => good,
            Err(error) => {
                // Nothing was guessed: a busy server must not use up the budget of an address.
                self.must_apply(ChangeSet::of(tenant.id, *undo)).await?;
                return Err(error.into());
            }
        };
        let user = match user {
            Some(user) if good => self.opened_by_time(tenant, user).await?,
            user => {
                failed(if user.is_some() { "wrong_password" } else { "unknown_user" });
                self.note_failure(tenant, user.as_ref(), WRONG, made).await?;
                return Err(SignInError::Wrong);
            }
        };
        if user.state != UserState::Active {
            failed("account_closed");
            self.note_failure(tenant, Some(&user), WRONG, 0).await?;
            return Err(SignInError::Wrong);
        }
        let proofs = Proofs::of(Method::Password, self.now());
        let proven = Proven { user: user.id, epoch: user.epoch, proofs };
        Ok(Checked { user, proven, also: ChangeSet::of(tenant.id, *forgive) })
    }

    /// Unlocks an account if its lock has expired.
    pub(super) async fn opened_by_time(
        &self,
        tenant: &Tenant,
        user: User,
    ) -> Result<User, EngineError> {
        // Beyond the longest possible lock: it was set before the clock went back.
        let longest = self.settings.lockout.and_then(|lock| lock.unlock_after_ms);
        let past = user.unlock_at.is_some_and(|at| {
            let left = at.since(self.now());
            left <= 0 || longest.is_some_and(|longest| left > longest)
        });
        if user.state != UserState::Locked || !past {
            return Ok(user);
        }
        let open =
            StateChange { state: UserState::Active, unlock_at: None, epoch: Some(user.epoch) };
        let change = self.state_change(tenant, &user, open, &Actor::System).await?;
        // A conflict means that the account changed in the meantime; its new state applies.
        self.apply(change).await?;
        let again = self.store.user(tenant.id, user.id).await?;
        again.ok_or(EngineError::NotFound("user"))
    }

    /// Records a failed authentication, and locks the account if the number of attempts requires it. For an account
    /// that doesn't exist, the event belongs to the tenant, so that both cases take the same time.
    pub(super) async fn note_failure(
        &self,
        tenant: &Tenant,
        user: Option<&User>,
        event: EventName,
        made: i64,
    ) -> Result<(), EngineError> {
        let Some(user) = user else {
            let mut change = ChangeSet::of(tenant.id, self.tally_failure());
            change.events.push(NewEvent {
                subject: Subject::Tenant(tenant.id),
                name: event,
                actor: Actor::System,
                at: self.now(),
                session: None,
                data: "{}".into(),
            });
            return self.must_apply(change).await.map(|_| ());
        };
        let lock = self.settings.lockout.filter(|lock| made >= lock.attempts);
        let mut change = match lock.filter(|_| user.state == UserState::Active) {
            Some(lock) => {
                let unlock_at = lock.unlock_after_ms.map(|ms| self.now().plus(ms));
                let state = UserState::Locked;
                let what = StateChange { state, unlock_at, epoch: Some(user.epoch) };
                self.state_change(tenant, user, what, &Actor::System).await?
            }
            None => ChangeSet::new(tenant.id),
        };
        let failed = self.user_event(user, event, &Actor::System);
        change.events.insert(0, failed.clone());
        change.ops.push(self.tally_failure());
        let id = crate::directory::end_id(&change);
        match self.apply_end(id, change).await {
            // The account changed in the meantime, which takes precedence; the failure is recorded anyway.
            Err(EngineError::Contended) => {
                let mut change = ChangeSet::of(tenant.id, self.tally_failure());
                change.events.push(failed);
                self.must_apply(change).await.map(|_| ())
            }
            done => done.map(|_| ()),
        }
    }

    fn tally_failure(&self) -> Op {
        Op::Tally { name: sojourn_model::limits::FAILED_SIGN_INS, at: self.now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("aé", 2), "a");
    }
}
