//! Completes an authorization request of a signed-in user: the session enters the application, and the application
//! gets a code.

use sojourn_crypto::{GrantToken, TokenKind};
use sojourn_model::grant::CodeState;
use sojourn_model::{
    AccessTokenBinding, Application, ChangeSet, Grant, GrantId, GrantKind, GrantType, Millis, Op,
    Outcome, Participation, Session, Sid, Tenant,
};
use sojourn_oidc::{AuthorizeRequest, scope};

use super::detail::GrantDetail;
use super::id_token::IdToken;
use super::sealed_code::SealedCode;
use super::{TRIES, TokenError};
use crate::engine::Engine;
use crate::error::EngineError;

/// Maximum length of `state`, in bytes, for codes that carry their grant. With a longer one, the grant gets a row and
/// the code is short.
const STATE_BYTES_MAX: usize = 1024;

/// The result of an authorization request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeOutcome {
    /// The parameters that the application gets.
    Answer(AuthorizeAnswer),
    /// The session ended at the same time, so the user must sign in again.
    SessionGone,
    /// The user withdrew their consent at the same time, so they must be asked again.
    ApprovalGone,
}

/// The state that the decision was based on. It is a condition of the write.
#[derive(Debug, Clone, Copy, Default)]
pub struct Read<'a> {
    /// The session's stay in the application, read together with the session.
    pub stay: Option<&'a Participation>,
    /// The scopes that the user approved, if the application requires consent.
    pub approved: Option<&'a str>,
}

/// A successful response of the authorization endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizeAnswer {
    /// Authorization code, if the response type includes one.
    pub code: Option<String>,
    /// Access token and its lifetime in seconds.
    pub access_token: Option<(String, i64)>,
    /// ID token, if the response type includes one.
    pub id_token: Option<String>,
    /// Granted scopes, separated by spaces; returned next to an access token.
    pub scope: String,
}

impl Engine {
    /// Issues what an application requested on behalf of an active session. `browser` is the value of the browser's
    /// binding cookie, if the application binds its tokens to it.
    ///
    /// # Errors
    /// [`TokenError`] if the request is refused or the database fails.
    pub async fn authorize(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        request: &AuthorizeRequest,
        read: Read<'_>,
        browser: Option<&str>,
    ) -> Result<AuthorizeOutcome, TokenError> {
        let mut approved = read.approved.map(str::to_owned);
        let scopes = self.grantable(tenant, session, &request.scopes).await?;
        let kind = request.response_type;
        for attempt in 0..TRIES {
            let mut change = ChangeSet::new(tenant.id);
            let stay = match read.stay {
                Some(stay) if attempt == 0 => stay.clone(),
                None if attempt == 0 => self.begin_stay(tenant, app, session, &mut change).await?,
                // The state that was read is outdated.
                _ => self.enter(tenant, app, session, &mut change).await?,
            };
            let mut access = None;
            let grant = self.new_grant(tenant, app, session, request, &scopes, &stay, browser);
            let now = grant.created_at;
            let (code, row) = self.code_of(tenant, &grant, request, approved.as_deref())?;
            if let (Some(scopes), true) = (&approved, row) {
                let (user, session, app, scopes) =
                    (session.user, session.id, app.id, scopes.clone());
                change.ops.push(Op::RequireApproval { user, session, app, scopes });
            }
            if row {
                change.ops.push(Op::IssueGrant { grant: Box::new(grant.clone()), now });
            }
            if kind.token {
                // After the grant, on which a shared token depends.
                let (token, op) = self.access(app, &grant, 1, now, None).await?;
                change.ops.extend(op);
                access = Some(token);
            }
            let outcome = if change.ops.is_empty() {
                Outcome::Applied(sojourn_model::Applied::default())
            } else {
                self.apply(change).await?
            };
            match outcome {
                Outcome::Applied(_) => {
                    let parts = Parts { app, session, request, grant: &grant, code, access };
                    return Ok(AuthorizeOutcome::Answer(self.assemble(tenant, parts).await?));
                }
                // Another tab entered at the same time, or the stay ended: read again.
                Outcome::Duplicate => {}
                Outcome::Conflict | Outcome::SessionBoundTokens | Outcome::LastAdministrator => {
                    if let Some(gone) = self.gone(tenant, app, session, &mut approved).await? {
                        return Ok(gone);
                    }
                }
            }
        }
        Err(EngineError::Contended.into())
    }

    /// Determines, after a conflict, what no longer exists. Sets `approved` to the currently approved scopes.
    async fn gone(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        approved: &mut Option<String>,
    ) -> Result<Option<AuthorizeOutcome>, EngineError> {
        let now = self.store.session(tenant.id, session.id).await?;
        let slack = self.settings.lifetimes.touch_flush_ms;
        if !now.is_some_and(|session| session.is_live(self.now(), slack)) {
            return Ok(Some(AuthorizeOutcome::SessionGone));
        }
        if let Some(before) = approved {
            let now = self.consent(tenant, session.user, app.id).await?;
            let scopes = now.map(|(scopes, _)| scopes).unwrap_or_default();
            // Another tab may have added scopes.
            if !before.split(' ').all(|one| scope::has(&scopes, one)) {
                return Ok(Some(AuthorizeOutcome::ApprovalGone));
            }
            *before = scopes;
        }
        Ok(None)
    }

    /// Returns the code, if the response type has one, and whether the grant needs a row now: with an access token,
    /// or if the code would be too long.
    fn code_of(
        &self,
        tenant: &Tenant,
        grant: &Grant,
        request: &AuthorizeRequest,
        approved: Option<&str>,
    ) -> Result<(Option<String>, bool), EngineError> {
        let kind = request.response_type;
        if !kind.code {
            return Ok((None, kind.token));
        }
        let sealed = SealedCode::of(grant, self.settings.lifetimes.code_ms, approved);
        Ok(match sealed.filter(|_| !kind.token && has_room(request)) {
            Some(sealed) => {
                let code = self.sealer.seal(TokenKind::Code, tenant.id, &sealed.body())?;
                (Some(code), false)
            }
            None => (Some(self.code(tenant, grant)?), true),
        })
    }

    fn code(&self, tenant: &Tenant, grant: &Grant) -> Result<String, EngineError> {
        let code = GrantToken {
            grant: grant.id,
            number: 0,
            issued_at: grant.created_at,
            lifetime_ms: self.settings.lifetimes.code_ms,
            offline: grant.offline,
            shared: false,
            narrowed: String::new(),
        };
        Ok(self.sealer.seal_grant(TokenKind::Code, tenant.id, &code)?)
    }

    /// Seals and signs the response after it was decided and stored.
    async fn assemble(
        &self,
        tenant: &Tenant,
        parts: Parts<'_>,
    ) -> Result<AuthorizeAnswer, EngineError> {
        let Parts { app, session, request, grant, code, access } = parts;
        let access_token = match &access {
            None => None,
            Some(access) => {
                let text = self.access_token(tenant, app, grant, access, &session.amr).await?;
                let left = access.token.expires_at().since(self.now()).max(0) / 1000;
                Some((text, left))
            }
        };
        let id_token = if request.response_type.id_token {
            let alone = !request.response_type.code && !request.response_type.token;
            let wanted = IdToken {
                app,
                user: grant.user,
                sub: &grant.sub,
                sid: grant.sid,
                session: grant.session,
                auth_time: grant.auth_time,
                amr: &session.amr,
                nonce: request.nonce.as_deref(),
                access_token: access_token.as_ref().map(|(text, _)| text.as_str()),
                code: code.as_deref(),
                // Core §5.4: without an access token, the application can't request userinfo.
                scopes: if alone { &grant.scopes } else { "" },
                named: &request.claims.id_token,
                at_token_endpoint: false,
                granted: &grant.scopes,
            };
            Some(self.id_token(tenant, wanted).await?)
        } else {
            None
        };
        let scope = if access_token.is_some() { grant.scopes.clone() } else { String::new() };
        Ok(AuthorizeAnswer { code, access_token, id_token, scope })
    }

    /// The active stay of a session in an application; a new one is added to the change set.
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
        self.begin_stay(tenant, app, session, change).await
    }

    /// Creates a stay and adds it to the change set.
    async fn begin_stay(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        change: &mut ChangeSet,
    ) -> Result<Participation, EngineError> {
        let now = self.now();
        let participation = Participation {
            tenant: tenant.id,
            session: session.id,
            app: app.id,
            sid: Sid::random(&*self.rng),
            user: session.user,
            sub: self.subject(app, session.user),
            first_access: now,
            last_access: now,
            cut: 0,
        };
        let stay = participation.clone();
        // The exclusive lock comes before the shared one, so that two tabs can't deadlock.
        change.ops.extend(self.tightened(tenant, app, session).await?);
        change.ops.push(Op::AddParticipation { participation, now });
        Ok(stay)
    }

    /// Lets a session enter a built-in application, such as My Account.
    ///
    /// # Errors
    /// [`EngineError`] if the application doesn't exist or the database fails.
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
            // A duplicate means that another tab was faster, a conflict that the session ended; the next request
            // notices.
            self.apply(change).await?;
        }
        self.touch(tenant.id, session.id, Some(app.id));
        Ok(())
    }

    /// Removes administrative scopes that exceed the user's rights.
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
            .filter(|scope| !scope.starts_with("internal_") || rights.has_scope(scope))
            .collect();
        Ok(given.join(" "))
    }

    #[expect(clippy::too_many_arguments, reason = "a grant is made of all these")]
    fn new_grant(
        &self,
        tenant: &Tenant,
        app: &Application,
        session: &Session,
        request: &AuthorizeRequest,
        scopes: &str,
        stay: &Participation,
        browser: Option<&str>,
    ) -> Grant {
        let now = self.now();
        let kind = request.response_type;
        let offline = scope::has(scopes, "offline_access") && app.may(GrantType::RefreshToken);
        let lifetimes = &self.settings.lifetimes;
        let code_ms = if kind.code { lifetimes.code_ms } else { 0 };
        let access_ms = if kind.token { self.access_lifetime_ms(app) } else { 0 };
        let binding = app.settings.oidc.token_binding;
        let browser = browser
            .filter(|_| binding == AccessTokenBinding::Cookie)
            .map(|browser| self.browser_reference(app, browser));
        let detail = GrantDetail::of(request, browser, &session.amr);
        Grant {
            tenant: tenant.id,
            id: GrantId::new(now, &*self.rng),
            user: session.user,
            app: app.id,
            session: Some(session.id),
            sid: stay.sid,
            sub: stay.sub.clone(),
            kind: if kind.code { GrantKind::Code } else { GrantKind::Implicit },
            scopes: scopes.to_owned(),
            offline,
            binding,
            auth_time: session.auth_time,
            created_at: now,
            expires_at: now.plus(code_ms.max(access_ms)),
            code: if kind.code {
                CodeState::Issued {
                    redirect_uri: request.reply.redirect_uri.clone(),
                    challenge: request.challenge.clone(),
                    nonce: request.nonce.clone(),
                }
            } else {
                CodeState::Redeemed
            },
            token_number: i64::from(kind.token),
            token_issued_at: if kind.token { now } else { Millis(0) },
            refresh_generation: 0,
            refresh_issued_at: Millis(0),
            ended: false,
            outlives_logout: binding != AccessTokenBinding::SsoSession
                && !app.settings.oidc.revoke_tokens_when_session_ends,
            stay_cut: stay.cut,
            detail: detail.write(),
        }
    }

    /// The stored form of a browser's binding cookie, specific to one application.
    pub(crate) fn browser_reference(&self, app: &Application, browser: &str) -> String {
        let parts = [app.id.0.as_bytes().as_slice(), browser.as_bytes()];
        let hash = self.hasher.keyed_for_good("token binding cookie", &parts);
        sojourn_model::ids::hex(hash.split_at(16).0)
    }
}

/// Returns whether the response has room for a code that carries its grant: a response shouldn't be much longer than
/// its request.
fn has_room(request: &AuthorizeRequest) -> bool {
    request.reply.state.as_ref().map_or(0, String::len) <= STATE_BYTES_MAX
}

/// The parts of a response.
struct Parts<'a> {
    app: &'a Application,
    session: &'a Session,
    request: &'a AuthorizeRequest,
    grant: &'a Grant,
    code: Option<String>,
    access: Option<super::issue::Access>,
}
