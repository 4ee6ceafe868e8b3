//! An authorization request whose person is signed in: the session enters the application, and the
//! application gets a code.

use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::grant::CodeState;
use sojourn_model::{
    Application, ChangeSet, Grant, GrantId, GrantKind, GrantType, Millis, Op, Outcome,
    Participation, Session, Sid, Tenant,
};
use sojourn_oidc::{AuthorizeRequest, scope};

use super::{TRIES, TokenError};
use crate::engine::Engine;
use crate::error::EngineError;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeOutcome {
    /// The code.
    Code(String),
    /// The session ended in this moment: the person has to sign in.
    SessionGone,
}

impl Engine {
    /// Gives an application a code for a live session.
    ///
    /// # Errors
    /// [`TokenError`]
    pub async fn authorize(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        request: &AuthorizeRequest,
    ) -> Result<AuthorizeOutcome, TokenError> {
        let scopes = self.grantable(tenant, session, &request.scopes).await?;
        for _ in 0..TRIES {
            let mut change = ChangeSet::new(tenant.id);
            let stay = self.enter(tenant, app, session, &mut change).await?;
            let grant = self.new_grant(tenant, app, session, request, &scopes, &stay);
            let code = GrantToken {
                grant: grant.id,
                number: 0,
                issued_at: grant.created_at,
                lifetime_ms: self.settings.lifetimes.code_ms,
                offline: grant.offline,
                shared: false,
                narrowed: String::new(),
            };
            let now = grant.created_at;
            change.ops.push(Op::IssueGrant { grant: Box::new(grant), now });
            match self.apply(change).await? {
                Outcome::Applied(_) => {
                    let text = self.sealer.seal_grant(TokenKind::Code, tenant.id, &code)?;
                    return Ok(AuthorizeOutcome::Code(text));
                }
                // Another tab entered at the same time, or the stay ended: read again.
                Outcome::Duplicate => {}
                Outcome::Conflict | Outcome::SessionBoundTokens => {
                    let now = self.store.session(tenant.id, session.id).await?;
                    let slack = self.settings.lifetimes.touch_flush_ms;
                    if !now.is_some_and(|session| session.is_live(self.now(), slack)) {
                        return Ok(AuthorizeOutcome::SessionGone);
                    }
                }
            }
        }
        Err(EngineError::Contended.into())
    }

    /// The living stay of a session in an application; a new one is added to the change set.
    pub(crate) async fn enter(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        change: &mut ChangeSet,
    ) -> Result<Participation, EngineError> {
        if let Some(stay) = self.store.participation(tenant.id, session.id, app.id).await? {
            return Ok(stay);
        }
        let now = self.now();
        let participation = Participation {
            tenant: tenant.id,
            session: session.id,
            app: app.id,
            sid: Sid::random(&*self.rng),
            user: session.user,
            sub: session.user.to_string(),
            first_access: now,
            last_access: now,
        };
        let stay = participation.clone();
        change.ops.push(Op::AddParticipation { participation, now });
        Ok(stay)
    }

    /// Lets a session enter a built-in application, such as My Account.
    ///
    /// # Errors
    /// [`EngineError`]
    pub async fn enter_built_in(
        &self,
        tenant: &Tenant,
        client_id: &str,
        session: &Session,
    ) -> Result<(), EngineError> {
        let app = self
            .application_by_client(tenant.id, client_id)
            .await?
            .ok_or(EngineError::NotFound("application"))?;
        let mut change = ChangeSet::new(tenant.id);
        self.enter(tenant, &app, session, &mut change).await?;
        if !change.ops.is_empty() {
            // A duplicate means that another tab was quicker, a conflict that the session ended; the
            // next request notices.
            self.apply(change).await?;
        }
        self.touch(tenant.id, session.id, Some(app.id));
        Ok(())
    }

    /// Administrative scopes are given only as far as the user has the right.
    async fn grantable(
        &self,
        tenant: &Tenant,
        session: &Session,
        asked: &[String],
    ) -> Result<String, EngineError> {
        if !asked.iter().any(|scope| scope.starts_with("internal_")) {
            return Ok(asked.join(" "));
        }
        let rights = self.rights_of_user(tenant.id, session.user).await?;
        let given: Vec<&str> = asked
            .iter()
            .map(String::as_str)
            .filter(|scope| !scope.starts_with("internal_") || rights.has(scope))
            .collect();
        Ok(given.join(" "))
    }

    fn new_grant(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        request: &AuthorizeRequest,
        scopes: &str,
        stay: &Participation,
    ) -> Grant {
        let now = self.now();
        let offline = scope::has(scopes, "offline_access") && app.may(GrantType::RefreshToken);
        Grant {
            tenant: tenant.id,
            id: GrantId::new(now, &*self.rng),
            user: session.user,
            app: app.id,
            session: Some(session.id),
            sid: stay.sid,
            sub: stay.sub.clone(),
            kind: GrantKind::Code,
            scopes: scopes.to_owned(),
            offline,
            binding: app.settings.token_binding,
            auth_time: session.auth_time,
            created_at: now,
            expires_at: now.plus(self.settings.lifetimes.code_ms),
            code: CodeState::Issued {
                redirect_uri: request.redirect_uri.clone(),
                challenge: request.challenge.clone(),
                nonce: request.nonce.clone(),
            },
            token_number: 0,
            token_issued_at: Millis(0),
            refresh_generation: 0,
            refresh_issued_at: Millis(0),
            ended: false,
        }
    }
}
