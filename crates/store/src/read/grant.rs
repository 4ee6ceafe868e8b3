//! Grants, and the state that decides whether their tokens are valid.

use sojourn_model::grant::{CodeState, SharedToken};
use sojourn_model::{
    AccessTokenBinding, AppId, Grant, GrantId, GrantKind, Millis, SessionId, Sid, TenantId, UserId,
    UserState,
};

use crate::compile::params;
use crate::sql::grant as sql;
use crate::{Reads, Row, StoreError};

/// A grant with all the state that its tokens depend on, from one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The grant that the token names.
    pub grant: Grant,
    /// State of the user's account.
    pub user_state: UserState,
    /// Login name of the user's account.
    pub username: String,
    /// The session of the grant, if it has one. The caller compares its deadlines.
    pub session: Option<SessionStanding>,
    /// Whether the token in question is in the list of revoked tokens.
    pub revoked: bool,
    /// Whether application and tenant are enabled.
    pub in_use: bool,
}

/// State of the session of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionStanding {
    /// Id of the session.
    pub id: SessionId,
    /// Whether the session has ended.
    pub ended: bool,
    /// Time at which the session ends if it isn't used.
    pub idle_deadline: Millis,
    /// Time at which the session ends in any case, if limited.
    pub absolute_deadline: Option<Millis>,
}

/// The state that the redemption of a code without a row depends on, from one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeStanding {
    /// The user of the session.
    pub user: UserId,
    /// The `sub` by which the application knows the user.
    pub sub: String,
    /// Number of times that the participation's tokens were ended.
    pub cut: i64,
    /// State of the user's account.
    pub user_state: UserState,
    /// State of the session. The caller compares its deadlines.
    pub session: SessionStanding,
    /// Whether the code was already redeemed.
    pub redeemed: bool,
    /// Whether application and tenant are enabled.
    pub in_use: bool,
}

impl SessionStanding {
    /// Returns whether the session is live. `slack_ms` as for [`sojourn_model::Session::is_live`].
    #[must_use]
    pub fn lives(&self, now: Millis, slack_ms: i64) -> bool {
        !self.ended
            && self.idle_deadline.plus(slack_ms) > now
            && self.absolute_deadline.is_none_or(|deadline| deadline > now)
    }
}

/// A grant with its expiry, as the purge reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantExpiry {
    /// Tenant of the grant.
    pub tenant: TenantId,
    /// Id of the grant.
    pub id: GrantId,
    /// Time at which everything issued from it has expired.
    pub expires_at: Millis,
}

/// A shared access token with the state that it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedStanding {
    /// The shared token itself.
    pub token: SharedToken,
    /// User that the application acts on behalf of.
    pub user: UserId,
    /// The application that holds the token.
    pub app: AppId,
    /// Granted scopes, separated by spaces.
    pub scopes: String,
    /// State of the user's account.
    pub user_state: UserState,
    /// Login name of the user's account.
    pub username: String,
    /// Whether the token in question is in the list of revoked tokens.
    pub revoked: bool,
    /// Whether application and tenant are enabled.
    pub in_use: bool,
}

/// The state that a token of an application for itself depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientStanding {
    /// Current epoch of the application.
    pub epoch: i64,
    /// Whether application and tenant are enabled.
    pub in_use: bool,
    /// Whether the token in question is revoked.
    pub revoked: bool,
}

/// A user's consent for an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRow {
    /// The application that has the consent.
    pub app: AppId,
    /// Approved scopes, separated by spaces.
    pub scopes: String,
    /// Time at which the consent was given.
    pub given_at: Millis,
}

fn grant(row: &mut Row) -> Result<Grant, StoreError> {
    let mut grant = Grant {
        tenant: TenantId(row.int()?),
        id: row.id(GrantId::from_slice)?,
        user: row.id(UserId::from_slice)?,
        app: row.id(AppId::from_slice)?,
        session: row.opt_id(SessionId::from_slice)?,
        sid: row.id(Sid::from_slice)?,
        sub: row.text()?,
        // Set below: it is among the last columns.
        kind: GrantKind::Code,
        scopes: row.text()?,
        offline: row.flag()?,
        binding: row.parsed(AccessTokenBinding::parse)?,
        auth_time: row.millis()?,
        created_at: row.millis()?,
        expires_at: row.millis()?,
        code: {
            let waits = row.int()? == 1;
            let redirect_uri = row.opt_text()?;
            let challenge = row.opt_text()?;
            let nonce = row.opt_text()?;
            match redirect_uri {
                Some(redirect_uri) if waits => CodeState::Issued { redirect_uri, challenge, nonce },
                _ => CodeState::Redeemed,
            }
        },
        token_number: row.int()?,
        token_issued_at: row.millis()?,
        refresh_generation: row.int()?,
        refresh_issued_at: row.millis()?,
        ended: row.opt_int()?.is_some(),
        outlives_logout: false,
        stay_cut: 0,
        detail: String::new(),
    };
    grant.kind = GrantKind::from_code(row.int()?);
    grant.detail = row.text()?;
    Ok(grant)
}

fn standing(mut row: Row) -> Result<Standing, StoreError> {
    let grant = grant(&mut row)?;
    let user_state = UserState::from_code(row.int()?);
    let username = row.text()?;
    let session = row.opt_id(SessionId::from_slice)?;
    let ended = row.opt_int()?.is_some();
    let idle_deadline = row.opt_millis()?;
    let absolute_deadline = row.opt_millis()?;
    Ok(Standing {
        grant,
        user_state,
        username,
        session: session.zip(idle_deadline).map(|(id, idle_deadline)| SessionStanding {
            id,
            ended,
            idle_deadline,
            absolute_deadline,
        }),
        revoked: row.flag()?,
        in_use: row.flag()?,
    })
}

impl Reads {
    /// Returns grants of all tenants after a given one, ended or not, in the order of their creation.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn grants_after(
        &self,
        after: GrantId,
        limit: i64,
    ) -> Result<Vec<GrantExpiry>, StoreError> {
        let rows = self.list(&sql::GRANTS_AFTER, params![after, limit]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(GrantExpiry {
                    tenant: TenantId(row.int()?),
                    id: row.id(GrantId::from_slice)?,
                    expires_at: row.millis()?,
                })
            })
            .collect()
    }

    /// Returns a grant and the state that its tokens depend on. `token_key` is the key of the token in question in the
    /// list of revoked tokens.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn standing(
        &self,
        t: TenantId,
        id: GrantId,
        token_key: Vec<u8>,
    ) -> Result<Option<Standing>, StoreError> {
        let row = self.row(&sql::GRANT_STANDING, params![t, id, token_key]).await?;
        row.map(standing).transpose()
    }

    /// Returns the state that the redemption of a code depends on: the living participation with this `sid` of a
    /// session in an application. `None` if there is none. `grant` is the id that the grant will have.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn code_standing(
        &self,
        t: TenantId,
        session: SessionId,
        app: AppId,
        sid: Sid,
        grant: GrantId,
    ) -> Result<Option<CodeStanding>, StoreError> {
        let row = self.row(&sql::CODE_STANDING, params![t, session, app, sid, grant]).await?;
        let Some(mut row) = row else { return Ok(None) };
        let user = row.id(UserId::from_slice)?;
        let sub = row.text()?;
        let cut = row.int()?;
        let user_state = UserState::from_code(row.int()?);
        row.text()?;
        let session = SessionStanding {
            id: row.id(SessionId::from_slice)?,
            ended: row.opt_int()?.is_some(),
            idle_deadline: row.millis()?,
            absolute_deadline: row.opt_millis()?,
        };
        let (redeemed, in_use) = (row.flag()?, row.flag()?);
        Ok(Some(CodeStanding { user, sub, cut, user_state, session, redeemed, in_use }))
    }

    /// Returns the grants of a session that haven't ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn grants_of_session(
        &self,
        t: TenantId,
        user: UserId,
        session: SessionId,
        limit: i64,
    ) -> Result<Vec<Grant>, StoreError> {
        let rows = self.list(&sql::GRANTS_OF_SESSION, params![t, user, session, limit]).await?;
        rows.into_iter().map(|mut row| grant(&mut row)).collect()
    }

    /// Returns the access token that a user's sessions share in an application, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn shared_token(
        &self,
        t: TenantId,
        user: UserId,
        app: AppId,
        scopes: &str,
    ) -> Result<Option<SharedToken>, StoreError> {
        let row = self.row(&sql::SHARED_BY_KEY, params![t, user, app, scopes]).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(SharedToken {
            id: row.id(GrantId::from_slice)?,
            number: row.int()?,
            issued_at: row.millis()?,
            lifetime_ms: row.int()?,
        }))
    }

    /// Returns a shared access token and the state that it depends on.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn shared_standing(
        &self,
        t: TenantId,
        id: GrantId,
        token_key: Vec<u8>,
    ) -> Result<Option<SharedStanding>, StoreError> {
        let row = self.row(&sql::SHARED_STANDING, params![t, id, token_key]).await?;
        let Some(mut row) = row else { return Ok(None) };
        let user = row.id(UserId::from_slice)?;
        let app = row.id(AppId::from_slice)?;
        let scopes = row.text()?;
        let token = SharedToken {
            id,
            number: row.int()?,
            issued_at: row.millis()?,
            lifetime_ms: row.int()?,
        };
        Ok(Some(SharedStanding {
            token,
            user,
            app,
            scopes,
            user_state: UserState::from_code(row.int()?),
            username: row.text()?,
            revoked: row.flag()?,
            in_use: row.flag()?,
        }))
    }

    /// Returns the state that a token of an application for itself depends on; `None` if the application doesn't exist.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn client_standing(
        &self,
        t: TenantId,
        app: AppId,
        token_key: Vec<u8>,
    ) -> Result<Option<ClientStanding>, StoreError> {
        let row = self.row(&sql::CLIENT_STANDING, params![t, app, token_key]).await?;
        let Some(mut row) = row else { return Ok(None) };
        Ok(Some(ClientStanding { epoch: row.int()?, in_use: row.flag()?, revoked: row.flag()? }))
    }

    /// Returns whether a token is in the list of revoked tokens.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn is_revoked(&self, t: TenantId, token_key: Vec<u8>) -> Result<bool, StoreError> {
        Ok(self.row(&sql::REVOKED, params![t, token_key]).await?.is_some())
    }

    /// Returns the consents of a user.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn consents(&self, t: TenantId, user: UserId) -> Result<Vec<ConsentRow>, StoreError> {
        let rows = self.rows(&sql::CONSENTS_OF_USER, params![t, user]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(ConsentRow {
                    app: row.id(AppId::from_slice)?,
                    scopes: row.text()?,
                    given_at: row.millis()?,
                })
            })
            .collect()
    }
}
