//! The initial data of a session: its id, its secret and its times.

use sojourn_crypto::sha256;
use sojourn_model::limits::USER_AGENT_BYTES_MAX;
use sojourn_model::{
    ChangeSet, EffectivePolicy, Op, Session, SessionId, SessionState, Tenant, User,
};

use super::password::cut;
use super::{Proven, SignedIn, Visit};
use crate::engine::Engine;
use crate::error::EngineError;

/// How long the previous secret still opens the session, for requests from other tabs, in milliseconds.
const PREVIOUS_SECRET_MS: i64 = 30_000;

/// Id and secret of a new session.
pub(super) struct Drawn {
    pub(super) secret: [u8; 32],
    pub(super) id: SessionId,
}

impl Engine {
    /// Derives the id and secret of a new session, or the secret of a renewed one. `renewed` is the hash of the
    /// replaced secret, so that the secret of an earlier form is never reused. A form that is sent twice gets the
    /// same values.
    pub(super) fn draw(
        &self,
        user: &User,
        form: Option<[u8; 32]>,
        renewed: Option<[u8; 32]>,
    ) -> Drawn {
        let Some(form) = form else {
            let secret = sojourn_model::time::random(&*self.rng);
            return Drawn { secret, id: SessionId::of_user(user.id, &*self.rng) };
        };
        let of = user.tenant.0.to_be_bytes();
        let renewed = renewed.unwrap_or_default();
        let parts: [&[u8]; 4] = [&of, user.id.0.as_bytes(), &form, &renewed];
        let id = self.keyed_hash("session of a form", &parts);
        Drawn {
            secret: self.keyed_hash("secret of a form's session", &parts),
            id: SessionId::of_user_from(user.id, id),
        }
    }

    /// The session that a form started already, if it is active. The sign-in was correct, so its attempt is cleared.
    pub(super) async fn begun(
        &self,
        tenant: &Tenant,
        user: &User,
        drawn: &Drawn,
        form: Option<[u8; 32]>,
    ) -> Result<Option<SignedIn>, EngineError> {
        if form.is_none() {
            return Ok(None);
        }
        let session = self.current_session(tenant, &drawn.secret).await?;
        // A replaced secret isn't accepted, because it opens the session only for a moment.
        let session = session.filter(|session| {
            session.user == user.id && session.secret_hash == sha256(&drawn.secret)
        });
        let Some(session) = session else { return Ok(None) };
        let forgive = self.forgive(tenant.id, &user.username);
        self.must_apply(ChangeSet::of(tenant.id, forgive)).await?;
        Ok(Some(SignedIn { session, secret: drawn.secret, user: user.clone() }))
    }

    pub(super) fn renew(
        &self,
        (present, epoch): (&Session, i64),
        fresh: Session,
        policy: &EffectivePolicy,
        change: &mut ChangeSet,
    ) -> Session {
        let remember = policy.remember_me.decide(fresh.remember || present.remember);
        let idle_deadline = match remember {
            true => fresh.idle_deadline.max(present.idle_deadline),
            false => fresh.idle_deadline,
        };
        let renewed = Session {
            id: present.id,
            signed_in_at: present.signed_in_at,
            absolute_deadline: present.absolute_deadline,
            remember,
            idle_deadline,
            ..fresh
        };
        change.ops.push(Op::RenewSession {
            session: renewed.clone(),
            from_secret_hash: present.secret_hash,
            previous_until: self.now().plus(PREVIOUS_SECRET_MS),
            epoch,
        });
        renewed
    }

    pub(super) fn new_session(
        &self,
        user: &User,
        proven: &Proven,
        visit: &Visit,
        drawn: &Drawn,
        policy: &EffectivePolicy,
    ) -> Session {
        let now = self.now();
        let idle_ms = policy.idle_timeout_ms;
        // Remember-me counts from the authentication and isn't extended by use.
        let remember = policy.remember_me.decide(visit.remember);
        let idle_deadline =
            if remember { now.plus(policy.remember_me_ms.max(idle_ms)) } else { now.plus(idle_ms) };
        Session {
            tenant: user.tenant,
            id: drawn.id,
            user: user.id,
            secret_hash: sha256(&drawn.secret),
            signed_in_at: now,
            // A second factor alone doesn't make the first one more recent.
            auth_time: proven.proofs.oldest().unwrap_or(now),
            amr: proven.proofs.amr(),
            proofs: proven.proofs.clone(),
            remember,
            ip: cut(&visit.ip, 64),
            user_agent: cut(&visit.user_agent, USER_AGENT_BYTES_MAX),
            last_access: now,
            idle_timeout_ms: idle_ms,
            idle_deadline,
            absolute_deadline: policy.absolute_lifetime_ms.map(|ms| now.plus(ms)),
            state: SessionState::Living,
            sign_in_due: false,
        }
    }
}
