//! Resolves the targets of a request to the targets of an [`crate::EndPlan`].

use sojourn_model::limits::INLINE_END_USERS_MAX;
use sojourn_model::{EndTarget, GrantId, Tenant, UserId};

use super::request::{EndRequest, EndTargets, Named, live_filter};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;
use crate::session::search::Names;
use crate::session::search::OneSession;
use crate::session::{Position, SearchRefused, SessionQuery, Sort};

pub(super) enum Resolved {
    /// The complete list of targets.
    All(Vec<EndTarget>),
    /// More targets than can be ended directly.
    Large,
}

impl From<SearchRefused> for EngineError {
    fn from(refused: SearchRefused) -> Self {
        match refused {
            SearchRefused::Filter(why) => Self::Invalid(why),
            SearchRefused::Failed(cause) => cause,
        }
    }
}

impl Engine {
    pub(super) async fn resolve(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
        most: usize,
    ) -> Result<Resolved, EngineError> {
        match &request.targets {
            EndTargets::Named(named) => {
                self.resolve_named(tenant, named, request.by.rights()).await.map(Resolved::All)
            }
            EndTargets::Role(name) => {
                let role = self.role_named(tenant, name).await?;
                let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
                let store = &self.store;
                let members = store.role_members_after(tenant.id, role.id, None, limit).await?;
                if members.len() > most {
                    return Ok(Resolved::Large);
                }
                let covered = self.covered(tenant, request.by.rights(), members).await?;
                Ok(Resolved::All(covered.into_iter().map(EndTarget::User).collect()))
            }
            EndTargets::Group(name) => {
                let group = self.group_named(tenant, name).await?;
                let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
                let store = &self.store;
                let members = store.group_members_after(tenant.id, group.id, None, limit).await?;
                if members.len() > most {
                    return Ok(Resolved::Large);
                }
                let covered = self.covered(tenant, request.by.rights(), members).await?;
                Ok(Resolved::All(covered.into_iter().map(EndTarget::User).collect()))
            }
            EndTargets::Query(filter) => {
                if let Some(one) = live_filter(filter)?.one_session() {
                    let found = self.one_session(tenant, &one, request.by.rights()).await?;
                    return Ok(Resolved::All(found.into_iter().collect()));
                }
                let limit = most + 1;
                let position = Position::Newest;
                let names = self.names_to_end(tenant, filter, request.by.rights(), position, limit);
                let Names { found, older } = names.await?;
                if found.len() > most || older.is_some() {
                    return Ok(Resolved::Large);
                }
                let targets = found.into_iter().map(|(user, id)| EndTarget::Session(user, id));
                Ok(Resolved::All(targets.collect()))
            }
        }
    }

    /// The only session that a filter selects by id, without a scan and without the data that a page shows of it.
    async fn one_session(
        &self,
        tenant: &Tenant,
        one: &OneSession,
        rights: &Rights,
    ) -> Result<Option<EndTarget>, EngineError> {
        let id = match one {
            OneSession::Id(id) => id.parse().ok(),
            OneSession::Sid(sid) => match sid.parse() {
                Ok(sid) => self.store.session_of_sid(tenant.id, sid).await?,
                Err(_) => None,
            },
        };
        let Some(id) = id else { return Ok(None) };
        let slack = self.settings.lifetimes.touch_flush_ms;
        let session = self.store.session(tenant.id, id).await?;
        let Some(session) = session.filter(|found| found.is_live(self.now(), slack)) else {
            return Ok(None);
        };
        let covered = self.covered(tenant, rights, vec![session.user]).await?;
        Ok(covered.first().map(|user| EndTarget::Session(*user, id)))
    }

    /// Active sessions that match a filter, newest first, from a position on.
    pub(super) async fn names_to_end(
        &self,
        tenant: &Tenant,
        filter: &str,
        rights: &Rights,
        position: Position,
        limit: usize,
    ) -> Result<Names, EngineError> {
        let filter = live_filter(filter)?;
        let query = SessionQuery {
            filter: &filter,
            sort: Sort::SignedIn,
            position,
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            rights,
            as_of: None,
        };
        Ok(self.session_names(tenant, &query).await?)
    }

    async fn resolve_named(
        &self,
        tenant: &Tenant,
        named: &[Named],
        rights: &Rights,
    ) -> Result<Vec<EndTarget>, EngineError> {
        if named.is_empty() {
            return Err(EngineError::Invalid("specify what to end".into()));
        }
        if named.len() > INLINE_END_USERS_MAX {
            let why = format!(
                "at most {INLINE_END_USERS_MAX} targets per request; use a filter for more"
            );
            return Err(EngineError::Invalid(why));
        }
        let mut targets = Vec::new();
        for one in named {
            let found = match *one {
                Named::User(user) => Some((user, EndTarget::User(user))),
                Named::UserExcept(user, spared) => {
                    Some((user, EndTarget::UserExcept(user, spared)))
                }
                Named::Session(id) => {
                    let session = self.store.session(tenant.id, id).await?;
                    session.map(|session| (session.user, EndTarget::Session(session.user, id)))
                }
                Named::Grant(id) => {
                    let user = self.grant_owner(tenant, id).await?;
                    user.map(|user| (user, EndTarget::Grant(id)))
                }
            };
            let Some((user, target)) = found else { continue };
            if matches!(one, Named::User(_) | Named::UserExcept(..))
                && self.store.user(tenant.id, user).await?.is_none()
            {
                // The user belongs to another tenant or doesn't exist.
                return Err(EngineError::NotFound("user"));
            }
            self.must_stand_above(tenant, rights, user).await?;
            targets.push(target);
        }
        Ok(targets)
    }

    /// The user that a grant belongs to.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn grant_owner(
        &self,
        tenant: &Tenant,
        grant: GrantId,
    ) -> Result<Option<UserId>, EngineError> {
        let standing = self.store.standing(tenant.id, grant, Vec::new()).await?;
        Ok(standing.map(|standing| standing.grant.user))
    }
}
