//! Binding `none`: each session gets the active access token of the same user, application and scopes, with its
//! remaining lifetime.

use sojourn_crypto::GrantToken;
use sojourn_model::grant::SharedToken;
use sojourn_model::{AccessTokenBinding, Application, Grant, GrantId, Millis, Op, SessionId};

use super::check::token_key;
use super::issue::Access;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The access token of a grant: its own one with this number, or the one that the user's sessions share, with the
    /// operation to store for it.
    pub(super) async fn access(
        &self,
        app: &Application,
        grant: &Grant,
        number: i64,
        issued_at: Millis,
        narrowed: Option<&str>,
    ) -> Result<(Access, Option<Op>), EngineError> {
        let shares = grant.binding == AccessTokenBinding::None && !grant.offline;
        match grant.session.filter(|_| shares) {
            Some(session) => {
                let scopes = narrowed.unwrap_or(&grant.scopes);
                let (access, op) = self.shared_access(app, grant, session, scopes).await?;
                Ok((access, Some(op)))
            }
            None => Ok((self.own_access(app, grant, number, issued_at, narrowed), None)),
        }
    }

    /// The shared access token for a grant, and the operation that lets the grant's session use it. Offline grants
    /// and grants without a session have their own tokens, because there is no session to share by.
    pub(crate) async fn shared_access(
        &self,
        app: &Application,
        grant: &Grant,
        session: SessionId,
        scopes: &str,
    ) -> Result<(Access, Op), EngineError> {
        let now = self.now();
        let kept = self.store.shared_token(grant.tenant, grant.user, grant.app, scopes).await?;
        if let Some(kept) = &kept
            && self.is_recent(kept.issued_at, kept.lifetime_ms)
            && !self.store.is_revoked(grant.tenant, token_key(kept.id, kept.number)).await?
        {
            let (id, number) = (kept.id, kept.number);
            let join = Op::JoinSharedToken { grant: grant.id, id, number, session };
            return Ok((access(kept, scopes), join));
        }
        let lifetime_ms = self.access_lifetime_ms(app);
        let from_number = kept.as_ref().map_or(0, |kept| kept.number);
        let id = kept.map_or_else(|| GrantId::random(&*self.rng), |kept| kept.id);
        let next = SharedToken { id, number: from_number + 1, issued_at: now, lifetime_ms };
        let issue = Op::IssueSharedToken {
            grant: grant.id,
            id,
            user: grant.user,
            app: grant.app,
            scopes: scopes.to_owned(),
            from_number,
            at: now,
            lifetime_ms,
            session,
        };
        Ok((access(&next, scopes), issue))
    }
}

fn access(token: &SharedToken, scopes: &str) -> Access {
    Access {
        token: GrantToken {
            grant: token.id,
            number: token.number,
            issued_at: token.issued_at,
            lifetime_ms: token.lifetime_ms,
            offline: false,
            shared: true,
            narrowed: String::new(),
        },
        scopes: scopes.to_owned(),
    }
}
