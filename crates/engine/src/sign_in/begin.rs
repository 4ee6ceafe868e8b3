//! The last step of a sign-in: starts a session, or renews the existing one.

use sojourn_model::limits::{CONFLICT_RETRIES_MAX, INLINE_END_USERS_MAX, SESSION_LIST_MAX};
use sojourn_model::operation::MailChange;
use sojourn_model::operation::SessionLimit;
use sojourn_model::{
    Actor, ChangeSet, EffectivePolicy, EndReason, EndTarget, EventName, FactorChange, Level,
    NewEvent, Op, Outcome, Session, SessionId, Tenant, User, UserState,
};

use super::steps::{self, Asked, Room, Situation};
use super::{Checked, Proven, SignInError, SignedIn, Visit};
use crate::demands::counted_since;
use crate::end_plan::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;

/// The user's action in the step that leads here.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// Entered this password, which is correct.
    Password(&'a str),
    /// Chose another password, as an administrator required.
    NewPassword,
    /// Proved a second factor.
    SecondFactor(Used),
    /// Added a factor that the required level needs.
    Enrolment,
    /// Authenticated with a passkey.
    Passkey,
    /// Selected these sessions to end.
    Choice(&'a [SessionId]),
}

/// The kind of second factor that was used.
#[derive(Clone, Copy)]
pub(super) enum Used {
    Code,
    Key,
}

impl<'a> By<'a> {
    /// Returns whether the action is a proof of identity. Only a proof renews the existing session; earlier proofs
    /// are sufficient for a new one.
    const fn proves(self) -> bool {
        !matches!(self, Self::NewPassword | Self::Choice(_))
    }

    /// Returns whether the proof can be used only once.
    const fn is_used_once(self) -> bool {
        matches!(self, Self::SecondFactor(_) | Self::Passkey)
    }

    /// The error if the proof was used already, or if nothing can be written after several attempts.
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

/// Keeps a recovery code valid if the sign-in is refused for another reason: users have few, and can't create new
/// ones before they are signed in.
fn spare_recovery_code(also: &mut ChangeSet) {
    let uses = |op: &Op| matches!(op, Op::Factor(FactorChange::UseRecoveryCode { .. }));
    if also.ops.iter().any(uses) {
        let trusts = |op: &Op| matches!(op, Op::Factor(FactorChange::Trust { .. }));
        also.ops
            .retain(|op| !uses(op) && !trusts(op) && !matches!(op, Op::Mail(MailChange::Add(_))));
        also.events.clear();
        also.audit.clear();
    }
}

impl Engine {
    /// Continues a sign-in after the user selected the sessions to end.
    ///
    /// # Errors
    /// [`SignInError`] if the sign-in fails; [`SignInError::Needs`] if another step is required.
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

    /// Checks that the account of a user who authenticated in an earlier step hasn't changed since.
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

    /// The level that the organisation requires of a user, and the level that they can reach if the current proofs
    /// aren't sufficient.
    pub(super) async fn asked(
        &self,
        tenant: &Tenant,
        user: &User,
        proven: &Proven,
        policy: &EffectivePolicy,
    ) -> Result<Asked, EngineError> {
        let least = policy.second_factor.level();
        let methods = policy.methods;
        let since = counted_since(policy, self.now()).filter(|_| least > Level::One);
        let counted = methods.counted(&proven.proofs, since);
        let reach = match counted.level() {
            Some(level) if counted.meet(least) => Some(level),
            _ => self.reach_in(tenant, user.id, methods).await?,
        };
        // During a grace, less is required of users who can't reach it.
        let less = policy.second_factor_without_one.level();
        let least = if reach < Some(least) { less } else { least };
        Ok(Asked { least, reach, methods, since })
    }

    /// Starts a session, or returns the step that is missing.
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
                | SignInError::PasskeyNotAllowed
                | SignInError::Waiting { .. }
                | SignInError::PasswordDue)
        ) {
            // The credentials are correct, so this doesn't count as a failure of the address: on the first day, a
            // whole office may sign in with passwords that must be changed. A one-time proof is used up.
            let spares = |why: &SignInError| {
                matches!(why, SignInError::TooManySessions { .. } | SignInError::Waiting { .. })
            };
            if begun.as_ref().is_err_and(spares) {
                spare_recovery_code(&mut also);
            }
            match self.apply(also).await? {
                Outcome::Applied(_) => {}
                // The browser is no longer trusted.
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
        let asked = self.asked(tenant, &user, &proven, &policy).await?;
        let (now, mut form) = (self.now(), visit.form);
        steps::next(&Situation { proven: &proven, user: &user, asked, now, room: None })?;
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
                        // The place may have been taken by this very form, if it was sent twice.
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
                    // The form was sent twice and has started its session already.
                    if let Some(begun) = self.begun(tenant, &user, &drawn, form).await? {
                        return Ok(begun);
                    }
                    // An end by user, role or password came between reading and writing, or the proof from an earlier
                    // form was used already.
                    if !self.unchanged(tenant, &user).await? || !(limited || by.proves()) {
                        return Err(SignInError::Interrupted);
                    }
                    if outcome == Outcome::Duplicate && by.is_used_once() {
                        return Err(by.used());
                    }
                    if outcome == Outcome::Duplicate && !by.proves() {
                        return Err(SignInError::Interrupted);
                    }
                    // Another sign-in took the place: try again. The session of this form has ended since, or was
                    // renewed: a proof that is sent again starts another one.
                    form = form.filter(|_| !by.proves());
                }
            }
        }
        // The session to renew has changed, or the browser is no longer trusted.
        Err(if own.is_some() || proven.proofs.trusts() {
            SignInError::Interrupted
        } else {
            by.used()
        })
    }

    /// Starts a session if the policy has room for it, and ends another user's session in the same browser.
    async fn start(
        &self,
        tenant: &Tenant,
        (user, proven, policy): (&User, &Proven, &EffectivePolicy),
        (visit, ends): (&Visit, &[SessionId]),
        session: &Session,
        change: &mut ChangeSet,
    ) -> Result<(), SignInError> {
        if let Some(stranger) = &visit.present {
            // This form started the session already, or something else did in the meantime.
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

    /// Adds the events and notices that accompany every new session.
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

    /// Ends the sessions that must end before one more may start, according to the policy.
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
        let asked = self.asked(tenant, user, proven, policy).await?;
        steps::next(&Situation { proven, user, asked, now: self.now(), room })?;
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
