//! Signing in with a password.

use sojourn_model::directory::text_key;
use sojourn_model::limits::{
    CONFLICT_RETRIES_MAX, HASH_QUEUE_MAX, INLINE_END_USERS_MAX, USERNAME_BYTES_MAX,
};
use sojourn_model::operation::SessionLimit;
use sojourn_model::{
    Actor, AppId, AtLimit, ChangeSet, EffectivePolicy, EndReason, EndTarget, EventName, NewEvent,
    Op, Outcome, PasswordDue, Session, SessionId, Subject, Tenant, User, UserId, UserState,
};

use crate::directory::{PasswordRefused, StateChange, looked_for};
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::throttle::{Attempt, Guess};

/// What a person typed, and where.
#[derive(Clone)]
pub struct SignIn {
    /// Login name; `name@tenant` is the same as `name`.
    pub username: String,
    /// Password.
    pub password: String,
    /// Whether to stay signed in.
    pub remember: bool,
    /// The browser's address.
    pub ip: String,
    /// The browser's user agent.
    pub user_agent: String,
    /// The live session that this browser has already.
    pub present: Option<Session>,
    /// The application for which the person signs in.
    pub app: Option<AppId>,
    /// The browser's own secret, by which it is known again.
    pub browser: Option<[u8; 32]>,
    /// What names the form that was sent: sent twice, it leads to the same session.
    pub form: Option<[u8; 32]>,
}

/// A user whose credentials have been verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// The account that it concerns.
    pub user: UserId,
    /// The account's epoch at that time: what happens to the account since makes it worthless.
    pub epoch: i64,
}

/// A person has as many sessions as may be, and is to choose which to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Who proved who they are.
    pub proven: Proven,
    /// Their live sessions, newest sign-in first.
    pub live: Vec<Session>,
    /// So many may be, the new one with them.
    pub max: usize,
}

/// A session and the secret that opens it. The secret is nowhere else.
#[derive(Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// For the cookie.
    pub secret: [u8; 32],
    /// Who signed in.
    pub user: User,
}

/// Why nobody is signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// Name or password is wrong, or the account may not be used: which one isn't told.
    #[error("name or password is wrong")]
    Wrong,
    /// Too many attempts.
    #[error("too many attempts")]
    TooMany,
    /// The account changed meanwhile.
    #[error("the account changed meanwhile")]
    Interrupted,
    /// Its person said that a sign-in was not theirs: another password has to be chosen first.
    #[error("another password has to be chosen first")]
    PasswordDue,
    /// An administrator demands another password; the present one was right.
    #[error("another password has to be chosen first")]
    ChoosePassword(Proven),
    /// The user has reached the limit of concurrent sessions.
    #[error("the limit of {max} concurrent sessions has been reached")]
    TooManySessions {
        /// So many may be.
        max: usize,
    },
    /// The user has reached the limit of concurrent sessions and has to choose which to end.
    #[error("the limit of concurrent sessions has been reached: choose which to end")]
    Choose(Box<Choice>),
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// Why a sign-in with a new password isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NewPasswordError {
    /// The new password can't be.
    #[error(transparent)]
    Refused(#[from] crate::directory::PasswordRefused),
    /// The sign-in went no further.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl From<EngineError> for NewPasswordError {
    fn from(error: EngineError) -> Self {
        Self::SignIn(error.into())
    }
}

/// A login name without the tenant's name behind it.
pub(crate) fn plain_name<'a>(tenant: &Tenant, username: &'a str) -> &'a str {
    let username = username.trim();
    // Compared as names are: in whatever case and width.
    let at = username.char_indices().rfind(|(_, c)| matches!(c, '@' | '\u{ff20}'));
    at.and_then(|(at, c)| {
        let (plain, rest) = (username.get(..at)?, username.get(at + c.len_utf8()..)?);
        (text_key(rest) == text_key(&tenant.name)).then_some(plain)
    })
    .unwrap_or(username)
}

/// A user whose credentials have been verified.
pub(crate) struct Checked {
    pub(crate) user: User,
    /// Operation to apply with the result: clears the attempts that were counted.
    pub(crate) forgive: Op,
}

/// Logs one line for each failed sign-in, for programs such as fail2ban. The address comes before everything that the
/// client chooses, and the name is escaped, so that a line can't be forged.
fn log_failure(tenant: &Tenant, username: &str, ip: &str, reason: &'static str) {
    let login = cut(username, LOGGED_NAME_BYTES_MAX);
    tracing::info!(
        target: "sojourn::sign_in",
        "sign-in failed address={ip} tenant={} reason={reason} login={login:?}",
        tenant.name
    );
}

/// Cuts a text at a character boundary.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// Bytes of a login name that go into the log.
const LOGGED_NAME_BYTES_MAX: usize = 64;

impl Engine {
    /// Checks a name and a password. Counts the attempt before it looks at the password.
    pub(crate) async fn check_password(
        &self,
        tenant: &Tenant,
        username: &str,
        password: &str,
        (ip, browser): (&str, Option<[u8; 32]>),
    ) -> Result<Checked, SignInError> {
        let typed = looked_for(username);
        let name = typed.as_ref();
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
        // Under whichever of their names someone is guessed at, it counts as one.
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
                // Nothing was guessed: a busy server must not spend the budget of an address.
                self.must_apply(ChangeSet::of(tenant.id, *undo)).await?;
                return Err(error.into());
            }
        };
        let user = match user {
            Some(user) if good => self.opened_by_time(tenant, user).await?,
            user => {
                failed(if user.is_some() { "wrong_password" } else { "unknown_user" });
                self.note_failure(tenant, user.as_ref(), made).await?;
                return Err(SignInError::Wrong);
            }
        };
        if user.state != UserState::Active {
            failed("account_closed");
            self.note_failure(tenant, Some(&user), 0).await?;
            return Err(SignInError::Wrong);
        }
        match user.password_due {
            PasswordDue::No => Ok(Checked { user, forgive: *forgive }),
            PasswordDue::ByMail => {
                self.must_apply(ChangeSet::of(tenant.id, *forgive)).await?;
                Err(SignInError::PasswordDue)
            }
            PasswordDue::AtSignIn => {
                // The password was correct, so this is no failure of the address: on its first day an office signs in with
                // passwords that have to be changed.
                self.must_apply(ChangeSet::of(tenant.id, *forgive)).await?;
                let proven = Proven { user: user.id, epoch: user.epoch };
                Err(SignInError::ChoosePassword(proven))
            }
        }
    }

    /// Unlocks an account whose lock opens by itself at a time that is past.
    async fn opened_by_time(&self, tenant: &Tenant, user: User) -> Result<User, EngineError> {
        // Further ahead than a lock lasts: it was set by a clock that has gone back since.
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
        // A conflict: something else happened to it, and what it is now counts.
        self.apply(change).await?;
        let again = self.store.user(tenant.id, user.id).await?;
        again.ok_or(EngineError::NotFound("user"))
    }

    /// Writes that someone failed to prove who they are; and locks the account where that is to be after so many
    /// attempts. Of an account that isn't there the tenant has the event, so that both take as long.
    async fn note_failure(
        &self,
        tenant: &Tenant,
        user: Option<&User>,
        made: i64,
    ) -> Result<(), EngineError> {
        let Some(user) = user else {
            let mut change = ChangeSet::of(tenant.id, self.tally_failure());
            change.events.push(NewEvent {
                subject: Subject::Tenant(tenant.id),
                name: EventName::AuthenticationFailure,
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
        let failed = self.user_event(user, EventName::AuthenticationFailure, &Actor::System);
        change.events.insert(0, failed.clone());
        change.ops.push(self.tally_failure());
        let id = crate::directory::end_id(&change);
        match self.apply_end(id, change).await {
            // Something happened to the account meanwhile: that counts, and the failure is one all the same.
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

    /// Goes on with a sign-in for which another password was demanded: sets it, ends what there is, and signs in.
    ///
    /// # Errors
    /// [`PasswordRefused`](crate::directory::PasswordRefused) for the password, the rest as [`Engine::sign_in`].
    pub async fn sign_in_with_new_password(
        &self,
        tenant: &Tenant,
        proven: Proven,
        wanted: SignIn,
        new: &str,
    ) -> Result<SignedIn, NewPasswordError> {
        let user = self.store.user(tenant.id, proven.user).await.map_err(EngineError::from)?;
        let due = user.filter(|user| {
            user.epoch == proven.epoch
                && user.state == UserState::Active
                && user.password_due == PasswordDue::AtSignIn
        });
        let user = due.ok_or(SignInError::Interrupted)?;
        if self.verify_password(new, user.password_hash.as_deref()).await? {
            return Err(PasswordRefused::Used.into());
        }
        match self.put_password(tenant, &user, new, EndTarget::User(user.id)).await {
            Err(PasswordRefused::Failed(EngineError::Contended)) => {
                return Err(SignInError::Interrupted.into());
            }
            done => done?,
        }
        let user = self.store.user(tenant.id, proven.user).await.map_err(EngineError::from)?;
        let user = user.filter(|user| user.state == UserState::Active);
        let user = user.ok_or(SignInError::Interrupted)?;
        // Its session, if there was one in this browser, has just ended.
        let wanted = SignIn { present: wanted.present.filter(|one| one.user != user.id), ..wanted };
        Ok(self.begin(tenant, self.proven(tenant, user), &wanted, &[]).await?)
    }

    /// Signs a person in: begins a session, or renews the one that the same person has in this
    /// browser. Another person's session in this browser ends. Where the person has as many sessions as may
    /// be, the policy says what happens.
    ///
    /// # Errors
    /// [`SignInError`]
    pub async fn sign_in(&self, tenant: &Tenant, wanted: SignIn) -> Result<SignedIn, SignInError> {
        let from = (&*wanted.ip, wanted.browser);
        let checked = self.check_password(tenant, &wanted.username, &wanted.password, from).await?;
        let forgive = checked.forgive.clone();
        let begun = self.begin(tenant, checked, &wanted, &[]).await;
        if matches!(&begun, Err(SignInError::Choose(_) | SignInError::TooManySessions { .. })) {
            // The password was correct, so this is no failure of the address.
            self.must_apply(ChangeSet::of(tenant.id, forgive)).await?;
        }
        begun
    }

    /// Goes on with a sign-in for which the person chose which sessions to end.
    ///
    /// # Errors
    /// [`SignInError`]; [`SignInError::Choose`] again when that was not enough.
    pub async fn sign_in_after_choice(
        &self,
        tenant: &Tenant,
        proven: Proven,
        wanted: SignIn,
        ends: &[SessionId],
    ) -> Result<SignedIn, SignInError> {
        let user = self.store.user(tenant.id, proven.user).await.map_err(EngineError::from)?;
        match user {
            Some(user) if user.epoch == proven.epoch && user.state == UserState::Active => {
                self.begin(tenant, self.proven(tenant, user), &wanted, ends).await
            }
            _ => Err(SignInError::Interrupted),
        }
    }

    async fn begin(
        &self,
        tenant: &Tenant,
        Checked { user, forgive }: Checked,
        wanted: &SignIn,
        ends: &[SessionId],
    ) -> Result<SignedIn, SignInError> {
        let policy = self.policy(tenant, user.id, wanted.app).await?;
        let mut form = wanted.form;
        // Only a password renews the session that is there: a choice is sent for one that begins.
        let own = wanted.present.as_ref().filter(|present| present.user == user.id);
        let own = own.filter(|_| !wanted.password.is_empty());
        for _ in 0..CONFLICT_RETRIES_MAX {
            let drawn = self.draw(&user, form, own.map(|own| own.secret_hash));
            let mut change = ChangeSet::of(tenant.id, forgive.clone());
            let limited = own.is_none() && policy.max_sessions.is_some();
            let session = self.new_session(tenant, &user, wanted, &drawn, &policy);
            let session = match own {
                Some(own) => self.renew((own, user.epoch), session, &policy, &mut change),
                None => {
                    let started = self
                        .start(tenant, (&user, &policy), (wanted, ends), &session, &mut change)
                        .await;
                    if let Err(full) = started {
                        // The place may have been taken by this very form, sent twice.
                        let begun = self.begun(tenant, &user, &drawn, (form, &forgive)).await?;
                        return begun.ok_or(full);
                    }
                    session
                }
            };
            self.complete(tenant, &user, &session, wanted, &mut change).await?;
            let mails = change.ops.iter().any(|op| matches!(op, Op::AddMail(_)));
            match self.apply(change).await? {
                Outcome::Applied(_applied) => {
                    if mails {
                        self.mail.notify_one();
                    }
                    return Ok(SignedIn { session, secret: drawn.secret, user });
                }
                // The form was sent twice, and began its session already.
                _ if form.is_some() => {
                    match self.begun(tenant, &user, &drawn, (form, &forgive)).await? {
                        Some(begun) => return Ok(begun),
                        // Its session has ended since, or was renewed. A password that was sent again begins another; what
                        // was proven by one earlier has served.
                        None if !wanted.password.is_empty()
                            && self.unchanged(tenant, &user).await? =>
                        {
                            form = None;
                        }
                        None => return Err(SignInError::Interrupted),
                    }
                }
                // Another sign-in took the place: look again.
                _ if limited && self.unchanged(tenant, &user).await? => {}
                // An end by user, role or password came between reading and writing.
                _ => return Err(SignInError::Interrupted),
            }
        }
        Err(SignInError::Failed(EngineError::Contended))
    }

    /// Starts a session where the policy has room for it, and ends another person's in the same browser.
    async fn start(
        &self,
        tenant: &Tenant,
        (user, policy): (&User, &EffectivePolicy),
        (wanted, ends): (&SignIn, &[SessionId]),
        session: &Session,
        change: &mut ChangeSet,
    ) -> Result<(), SignInError> {
        if let Some(stranger) = &wanted.present {
            // What was sent began this session already, or something else did meanwhile.
            if stranger.user == user.id {
                return Err(SignInError::Interrupted);
            }
            let target = EndTarget::Session(stranger.user, stranger.id);
            let actor = Actor::User(stranger.user);
            let plan = EndPlan::new(target, EndReason::Replaced, actor);
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        let limit = self.make_room(tenant, user, policy, ends, change).await?;
        let session = session.clone();
        change.ops.push(Op::StartSession { session, epoch: user.epoch, limit });
        Ok(())
    }

    /// What comes with every session that begins.
    async fn complete(
        &self,
        tenant: &Tenant,
        user: &User,
        session: &Session,
        wanted: &SignIn,
        change: &mut ChangeSet,
    ) -> Result<(), SignInError> {
        if !wanted.password.is_empty() {
            self.push_password_upgrade(user, &wanted.password, change).await?;
        }
        let event = self.user_event(user, EventName::AuthenticationSuccess, &Actor::User(user.id));
        change.ops.insert(0, Op::Append(NewEvent { session: Some(session.id), ..event }));
        self.note_browser(tenant, user, session, wanted.browser, change).await?;
        Ok(())
    }

    /// A user whose credentials were verified in an earlier step.
    fn proven(&self, tenant: &Tenant, user: User) -> Checked {
        let forgive = self.forgive(tenant.id, &user.username);
        Checked { user, forgive }
    }

    async fn unchanged(&self, tenant: &Tenant, user: &User) -> Result<bool, EngineError> {
        let now = self.store.user(tenant.id, user.id).await?;
        Ok(now.is_some_and(|now| now.epoch == user.epoch && now.state == user.state))
    }

    /// Ends what has to go so that one more session may begin, as the policy says.
    async fn make_room(
        &self,
        tenant: &Tenant,
        user: &User,
        policy: &EffectivePolicy,
        ends: &[SessionId],
        change: &mut ChangeSet,
    ) -> Result<Option<SessionLimit>, SignInError> {
        let Some(max) = policy.max_sessions else { return Ok(None) };
        let (now, slack_ms) = (self.now(), self.settings.lifetimes.touch_flush_ms);
        let most = sojourn_model::limits::SESSION_LIST_MAX;
        let live = self.store.sessions_of_user(tenant.id, user.id, now, slack_ms, most).await;
        let live = live.map_err(EngineError::from)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut going: Vec<_> = live
            .iter()
            .filter(|session| ends.contains(&session.id))
            .map(|session| (session.user, session.id))
            .collect();
        if live.len() - going.len() >= max {
            match policy.at_limit {
                AtLimit::Deny => return Err(SignInError::TooManySessions { max }),
                AtLimit::Ask => {
                    let proven = Proven { user: user.id, epoch: user.epoch };
                    return Err(SignInError::Choose(Box::new(Choice { proven, live, max })));
                }
                AtLimit::EndOldest => going = Self::oldest(&live, max),
            }
        }
        for chunk in going.chunks(INLINE_END_USERS_MAX) {
            let plan = EndPlan {
                targets: chunk.iter().map(|(user, id)| EndTarget::Session(*user, *id)).collect(),
                ..EndPlan::new(
                    EndTarget::User(user.id),
                    EndReason::SessionLimit,
                    Actor::User(user.id),
                )
            };
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        Ok(Some(SessionLimit { max: i64::try_from(max).unwrap_or(i64::MAX), now, slack_ms }))
    }

    async fn push_password_upgrade(
        &self,
        user: &User,
        password: &str,
        change: &mut ChangeSet,
    ) -> Result<(), EngineError> {
        if let Some(hash) =
            user.password_hash.as_ref().filter(|hash| self.settings.password.is_weaker(hash))
        {
            let to = self.hash_password(password).await?;
            change.ops.push(Op::UpgradePassword { user: user.id, from: hash.clone(), to });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_the_tenant() {
        let tenant = Tenant::default_one();
        for (given, want) in [
            ("alex", "alex"),
            (" alex ", "alex"),
            ("alex@carbon.super", "alex"),
            ("alex@example.com", "alex@example.com"),
            ("alex@example.com@carbon.super", "alex@example.com"),
            ("carbon.super", "carbon.super"),
        ] {
            assert_eq!(plain_name(&tenant, given), want);
        }
        assert_eq!(cut("aé", 2), "a");
    }
}
