//! Signing in with a password.

use sojourn_crypto::sha256;
use sojourn_model::limits::{USER_AGENT_BYTES_MAX, USERNAME_BYTES_MAX};
use sojourn_model::{
    Actor, ChangeSet, EndReason, EndTarget, Op, Outcome, Session, SessionId, SessionState, Tenant,
    User, UserState,
};

use crate::end::EndPlan;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::throttle::Attempt;

/// How long the secret before this one still opens the session, for other tabs. Milliseconds.
const PREVIOUS_SECRET_MS: i64 = 30_000;

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
    /// Something failed.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

/// A login name without the tenant's name behind it.
pub(crate) fn plain_name<'a>(tenant: &Tenant, username: &'a str) -> &'a str {
    username
        .trim()
        .strip_suffix(tenant.name.as_str())
        .and_then(|rest| rest.strip_suffix('@'))
        .unwrap_or_else(|| username.trim())
}

/// Cuts a text at a character boundary.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

impl Engine {
    /// Checks a name and a password. Counts the attempt before it looks at the password.
    pub(crate) async fn check_password(
        &self,
        tenant: &Tenant,
        username: &str,
        password: &str,
        ip: &str,
    ) -> Result<User, SignInError> {
        let name = plain_name(tenant, username);
        if name.is_empty() || name.len() > USERNAME_BYTES_MAX {
            return Err(SignInError::Wrong);
        }
        if self.count_attempt(tenant.id, name, ip).await? == Attempt::TooMany {
            return Err(SignInError::TooMany);
        }
        let user = self.store.user_by_name(tenant.id, name).await.map_err(EngineError::from)?;
        let hash = user.as_ref().and_then(|user| user.password_hash.as_deref());
        let good = self.verify_password(password, hash).await?;
        user.filter(|user| good && user.state == UserState::Active).ok_or(SignInError::Wrong)
    }

    /// Signs a person in: begins a session, or renews the one that the same person has in this
    /// browser. Another person's session in this browser ends.
    ///
    /// # Errors
    /// [`SignInError`]
    pub async fn sign_in(&self, tenant: &Tenant, wanted: SignIn) -> Result<SignedIn, SignInError> {
        let user =
            self.check_password(tenant, &wanted.username, &wanted.password, &wanted.ip).await?;
        let secret: [u8; 32] = sojourn_model::time::random(&*self.rng);
        let fresh = self.new_session(tenant, &user, &wanted, sha256(&secret));
        let mut change = ChangeSet::of(tenant.id, self.forgive(tenant.id, &user.username));
        let session = match wanted.present {
            Some(present) if present.user == user.id => {
                let renewed = Session {
                    id: present.id,
                    signed_in_at: present.signed_in_at,
                    absolute_deadline: present.absolute_deadline,
                    remember: fresh.remember || present.remember,
                    idle_deadline: fresh.idle_deadline.max(present.idle_deadline),
                    ..fresh
                };
                change.ops.push(Op::RenewSession {
                    session: renewed.clone(),
                    from_secret_hash: present.secret_hash,
                    previous_until: self.now().plus(PREVIOUS_SECRET_MS),
                    epoch: user.epoch,
                });
                renewed
            }
            other => {
                if let Some(stranger) = other {
                    let target = EndTarget::Session(stranger.user, stranger.id);
                    let plan =
                        EndPlan::new(target, EndReason::Replaced, Actor::User(stranger.user));
                    change.ops.push(Op::EndSessions(self.end_operation(tenant, plan)));
                }
                change.ops.push(Op::StartSession { session: fresh.clone(), epoch: user.epoch });
                fresh
            }
        };
        self.push_password_upgrade(&user, &wanted.password, &mut change).await?;
        match self.apply(change).await? {
            Outcome::Applied(applied) => {
                self.outbox.written_or_handed(applied.ended.deliveries, applied.deliveries);
                Ok(SignedIn { session, secret, user })
            }
            // An end by user, role or password came between reading and writing.
            _ => Err(SignInError::Interrupted),
        }
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

    fn new_session(
        &self,
        tenant: &Tenant,
        user: &User,
        wanted: &SignIn,
        secret_hash: [u8; 32],
    ) -> Session {
        let now = self.now();
        let lifetimes = &self.settings.lifetimes;
        // Remember-me counts from the authentication and isn't stretched by use.
        let idle_deadline = if wanted.remember {
            now.plus(lifetimes.remember_ms.max(lifetimes.idle_ms))
        } else {
            now.plus(lifetimes.idle_ms)
        };
        Session {
            tenant: tenant.id,
            id: SessionId::random(&*self.rng),
            user: user.id,
            secret_hash,
            signed_in_at: now,
            auth_time: now,
            amr: "pwd".into(),
            remember: wanted.remember,
            ip: cut(&wanted.ip, 64),
            user_agent: cut(&wanted.user_agent, USER_AGENT_BYTES_MAX),
            last_access: now,
            idle_timeout_ms: lifetimes.idle_ms,
            idle_deadline,
            absolute_deadline: lifetimes.absolute_ms.map(|ms| now.plus(ms)),
            state: SessionState::Living,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_the_tenant() {
        let tenant = Tenant {
            id: sojourn_model::TenantId::DEFAULT,
            name: Tenant::DEFAULT_NAME.into(),
            enabled: true,
        };
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
