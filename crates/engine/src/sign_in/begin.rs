//! The end of the row: a session begins, or is renewed.

use sojourn_model::limits::{CONFLICT_RETRIES_MAX, INLINE_END_USERS_MAX, SESSION_LIST_MAX};
use sojourn_model::operation::SessionLimit;
use sojourn_model::{
    Actor, ChangeSet, EffectivePolicy, EndReason, EndTarget, EventName, FactorChange, NewEvent, Op,
    Outcome, SecondFactor, Session, SessionId, Tenant, User, UserState,
};

use super::steps::{self, Asked, Room, Situation};
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

/// What the person did in the step that leads here.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// Gave this password.
    Password(&'a str),
    /// Chose another password.
    NewPassword,
    /// Proved a second factor.
    SecondFactor(Used),
    /// Added a factor.
    Enrolment,
    /// Proved a passkey.
    Passkey,
    /// Chose these sessions to end.
    Choice(&'a [SessionId]),
}

/// What was shown as a second factor.
#[derive(Clone, Copy)]
pub(super) enum Used {
    Code,
    Key,
}

impl<'a> By<'a> {
    /// Whether it is a proof by itself. Only that renews the session that is there: what was proven earlier serves for
    /// one that begins.
    const fn proves(self) -> bool {
        !matches!(self, Self::NewPassword | Self::Choice(_))
    }

    /// Whether what was shown works once.
    const fn is_used_once(self) -> bool {
        matches!(self, Self::SecondFactor(_) | Self::Passkey)
    }

    /// The error where it was used already, or where nothing can be written in spite of several tries.
    pub(super) const fn used(self) -> SignInError {
        match self {
            Self::SecondFactor(Used::Code) => SignInError::WrongCode,
            Self::SecondFactor(Used::Key) | Self::Passkey => SignInError::WrongKey,
            _ => SignInError::Failed(EngineError::Contended),
        }
    }

    const fn ends(self) -> &'a [SessionId] {
        match self {
            Self::Choice(ends) => ends,
            _ => &[],
        }
    }
}

/// Leaves a recovery code to its person where the sign-in is refused for another reason: they have few, and can't make new
/// ones from outside.
fn spare_recovery_code(also: &mut ChangeSet) {
    let uses = |op: &Op| matches!(op, Op::Factor(FactorChange::UseRecoveryCode { .. }));
    if also.ops.iter().any(uses) {
        also.ops.retain(|op| !uses(op) && !matches!(op, Op::AddMail(_)));
        also.events.clear();
        also.audit.clear();
    }
}

impl Engine {
    /// Goes on with a sign-in for which the person chose which sessions to end.
    ///
    /// # Errors
    /// [`SignInError`]; [`SignInError::Needs`] again when that was not enough.
    pub async fn sign_in_after_choice(
        &self,
        tenant: &Tenant,
        proven: Proven,
        visit: &Visit,
        ends: &[SessionId],
    ) -> Result<SignedIn, SignInError> {
        let checked = self.still(tenant, proven).await?;
        self.begin(tenant, checked, visit, By::Choice(ends)).await
    }

    /// A user who has proven who they are in an earlier step, as long as nothing happened to the account.
    pub(super) async fn still(
        &self,
        tenant: &Tenant,
        proven: Proven,
    ) -> Result<Checked, SignInError> {
        let user = self.store.user(tenant.id, proven.user).await.map_err(EngineError::from)?;
        let same = |user: &User| user.epoch == proven.epoch && user.state == UserState::Active;
        let user = user.filter(same).ok_or(SignInError::Interrupted)?;
        let also = ChangeSet::of(tenant.id, self.forgive(tenant.id, &user.username));
        Ok(Checked { user, proven, also })
    }

    /// The level that the organisation asks of a user, and the one that they can reach where what is proven isn't enough.
    pub(super) async fn asked(
        &self,
        tenant: &Tenant,
        user: &User,
        proven: &Proven,
        policy: SecondFactor,
    ) -> Result<Asked, EngineError> {
        let least = policy.level();
        let reach = match proven.proofs.level() {
            Some(level) if proven.proofs.meet(least) => level,
            _ => self.level_of(tenant, user.id).await?,
        };
        Ok(Asked { least, reach })
    }

    /// Begins a session, or answers which step is missing.
    pub(super) async fn begin(
        &self,
        tenant: &Tenant,
        checked: Checked,
        visit: &Visit,
        by: By<'_>,
    ) -> Result<SignedIn, SignInError> {
        let mut also = checked.also.clone();
        let trusts = checked.proven.proofs.trusts();
        let begun = self.begin_or_stop(tenant, checked, visit, by).await;
        if matches!(
            &begun,
            Err(SignInError::Needs(_)
                | SignInError::TooManySessions { .. }
                | SignInError::PasswordDue)
        ) {
            // What was given is correct, so this is no failure of the address: on its first day an office signs in with
            // passwords that have to be changed. What can be used once is used.
            if matches!(&begun, Err(SignInError::TooManySessions { .. })) {
                spare_recovery_code(&mut also);
            }
            match self.apply(also).await? {
                Outcome::Applied(_) => {}
                // The browser isn't trusted any more.
                _ if trusts && !by.is_used_once() => return Err(SignInError::Interrupted),
                _ => return Err(by.used()),
            }
        }
        begun
    }

    async fn begin_or_stop(
        &self,
        tenant: &Tenant,
        Checked { user, proven, also }: Checked,
        visit: &Visit,
        by: By<'_>,
    ) -> Result<SignedIn, SignInError> {
        let policy = self.policy(tenant, user.id, visit.app).await?;
        let asked = self.asked(tenant, &user, &proven, policy.second_factor).await?;
        steps::next(&Situation { proven: &proven, user: &user, asked, room: None })?;
        let mut form = visit.form;
        let own = visit.present.as_ref().filter(|present| present.user == user.id);
        let own = own.filter(|_| by.proves());
        for _ in 0..CONFLICT_RETRIES_MAX {
            let drawn = self.draw(&user, form, own.map(|own| own.secret_hash));
            let mut change = also.clone();
            let limited = own.is_none() && policy.max_sessions.is_some();
            let session = self.new_session(&user, &proven, visit, &drawn, &policy);
            let session = match own {
                Some(own) => self.renew((own, user.epoch), session, &policy, &mut change),
                None => {
                    let who = (&user, &proven, &policy);
                    let started =
                        self.start(tenant, who, (visit, by.ends()), &session, &mut change).await;
                    if let Err(full) = started {
                        // The place may have been taken by this very form, sent twice.
                        return self.begun(tenant, &user, &drawn, form).await?.ok_or(full);
                    }
                    session
                }
            };
            self.complete(tenant, (&user, by), &session, visit, &mut change).await?;
            match self.apply(change).await? {
                Outcome::Applied(_applied) => {
                    return Ok(SignedIn { session, secret: drawn.secret, user });
                }
                outcome => {
                    // The form was sent twice, and began its session already.
                    if let Some(begun) = self.begun(tenant, &user, &drawn, form).await? {
                        return Ok(begun);
                    }
                    // An end by user, role or password came between reading and writing; or what was proven by an earlier
                    // form has served.
                    if !self.unchanged(tenant, &user).await? || !(limited || by.proves()) {
                        return Err(SignInError::Interrupted);
                    }
                    if outcome == Outcome::Duplicate && by.is_used_once() {
                        return Err(by.used());
                    }
                    if outcome == Outcome::Duplicate && !by.proves() {
                        return Err(SignInError::Interrupted);
                    }
                    // Another sign-in took the place: look again. The session of this form has ended since, or was
                    // renewed: a proof that is sent again begins another.
                    form = form.filter(|_| !by.proves());
                }
            }
        }
        // The session that was to be renewed has changed, or the browser isn't trusted any more.
        Err(if own.is_some() || proven.proofs.trusts() {
            SignInError::Interrupted
        } else {
            by.used()
        })
    }

    /// Starts a session where the policy has room for it, and ends another person's in the same browser.
    async fn start(
        &self,
        tenant: &Tenant,
        (user, proven, policy): (&User, &Proven, &EffectivePolicy),
        (visit, ends): (&Visit, &[SessionId]),
        session: &Session,
        change: &mut ChangeSet,
    ) -> Result<(), SignInError> {
        if let Some(stranger) = &visit.present {
            // What was sent began this session already, or something else did meanwhile.
            if stranger.user == user.id {
                return Err(SignInError::Interrupted);
            }
            let target = EndTarget::Session(stranger.user, stranger.id);
            let actor = Actor::User(stranger.user);
            let plan = EndPlan::new(target, EndReason::Replaced, actor);
            change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
        }
        let limit = self.make_room(tenant, (user, proven, policy), ends, change).await?;
        let session = session.clone();
        change.ops.push(Op::StartSession { session, epoch: user.epoch, limit });
        Ok(())
    }

    /// What comes with every session that begins.
    async fn complete(
        &self,
        tenant: &Tenant,
        (user, by): (&User, By<'_>),
        session: &Session,
        visit: &Visit,
        change: &mut ChangeSet,
    ) -> Result<(), SignInError> {
        if let By::Password(password) = by {
            self.push_password_upgrade(user, password, change).await?;
        }
        let event = self.user_event(user, EventName::AuthenticationSuccess, &Actor::User(user.id));
        change.ops.insert(0, Op::Append(NewEvent { session: Some(session.id), ..event }));
        self.note_browser(tenant, user, session, visit.browser, change).await?;
        Ok(())
    }

    async fn unchanged(&self, tenant: &Tenant, user: &User) -> Result<bool, EngineError> {
        let now = self.store.user(tenant.id, user.id).await?;
        Ok(now.is_some_and(|now| now.epoch == user.epoch && now.state == user.state))
    }

    /// Ends what has to go so that one more session may begin, as the policy says.
    async fn make_room(
        &self,
        tenant: &Tenant,
        (user, proven, policy): (&User, &Proven, &EffectivePolicy),
        ends: &[SessionId],
        change: &mut ChangeSet,
    ) -> Result<Option<SessionLimit>, SignInError> {
        let Some(max) = policy.max_sessions else { return Ok(None) };
        let (now, slack_ms) = (self.now(), self.settings.lifetimes.touch_flush_ms);
        let live =
            self.store.sessions_of_user(tenant.id, user.id, now, slack_ms, SESSION_LIST_MAX).await;
        let live = live.map_err(EngineError::from)?;
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut going: Vec<_> = live
            .iter()
            .filter(|session| ends.contains(&session.id))
            .map(|session| (session.user, session.id))
            .collect();
        let at_limit = policy.at_limit;
        let room = Some(Room { live: &live, going: going.len(), max, at_limit });
        let asked = self.asked(tenant, user, proven, policy.second_factor).await?;
        steps::next(&Situation { proven, user, asked, room })?;
        if live.len() - going.len() >= max {
            going = Self::oldest(&live, max);
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
}
