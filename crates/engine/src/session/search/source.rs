//! Candidates of a search: from an index on what every match must satisfy, or from a walk in order.

use sojourn_model::limits::{SESSION_SCAN_MAX, SESSION_SEARCH_USERS_MAX};
use sojourn_model::network::Network;
use sojourn_model::{AppId, Millis, Session, SessionId, Sid, Tenant, UserId};
use sojourn_scim::Operator;
use sojourn_store::SessionRange;

use super::filter::Attribute;
use super::{SearchRefused, SessionQuery, Sort};
use crate::engine::Engine;

pub(super) enum Source {
    /// All candidates, unordered and already read.
    Few(Vec<Session>),
    /// All candidates, unordered, with their sign-in times; a page by sign-in reads only the sessions that it shows.
    Placed(Vec<(Millis, SessionId)>),
    /// A range that contains all candidates.
    Range(SessionRange),
}

/// Maximum number of users or roles that are processed one by one.
const USERS: i64 = SESSION_SEARCH_USERS_MAX + 1;

impl Engine {
    pub(super) async fn source(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Source, SearchRefused> {
        if let Some(few) = self.sessions_named(tenant, query).await? {
            return Ok(Source::Few(few));
        }
        if let Some(users) = self.people_named(tenant, query).await? {
            return Ok(Source::Few(self.sessions_of_people(tenant, query, &users).await?));
        }
        if let Some(source) = self.network_named(tenant, query).await? {
            return Ok(source);
        }
        let filter = query.filter;
        Ok(Source::Range(match query.sort {
            Sort::Ended => SessionRange::Ended,
            Sort::LastAccess => SessionRange::Accessed,
            Sort::SignedIn if filter.live_only() => {
                match self.one_application(tenant, query).await? {
                    Some(app) => SessionRange::Application(app),
                    None => SessionRange::Living,
                }
            }
            Sort::SignedIn => SessionRange::All,
        }))
    }

    /// The session that the filter identifies.
    async fn sessions_named(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Option<Vec<Session>>, SearchRefused> {
        let id = if let Some(id) = query.filter.exactly(Attribute::Id) {
            id.parse::<SessionId>().ok()
        } else if let Some(sid) = query.filter.exactly(Attribute::Sid) {
            match sid.parse::<Sid>() {
                Ok(sid) => self.store.session_of_sid(tenant.id, sid).await?,
                Err(_) => None,
            }
        } else {
            return Ok(None);
        };
        Ok(Some(match id {
            Some(id) => self.store.session(tenant.id, id).await?.into_iter().collect(),
            None => Vec::new(),
        }))
    }

    /// The users who have candidates, if the filter restricts them to a small number.
    async fn people_named(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Option<Vec<UserId>>, SearchRefused> {
        let filter = query.filter;
        if let Some(id) = filter.exactly(Attribute::UserId) {
            return Ok(Some(id.parse().into_iter().collect()));
        }
        if let Some(name) = filter.exactly(Attribute::Username) {
            let found = self.store.user_by_name(tenant.id, &name).await?;
            return Ok(Some(found.into_iter().map(|user| user.id).collect()));
        }
        let begins = |of| filter.required(of, &[Operator::Eq, Operator::Sw]);
        let users = if let Some(one) = begins(Attribute::Username) {
            self.store.users_by_prefix(tenant.id, &one.value.text(), None, USERS).await?
        } else if let Some(one) = begins(Attribute::DisplayName) {
            let text = one.value.text();
            if one.operator == Operator::Eq {
                self.store.users_of_shown_name(tenant.id, &text, USERS).await?
            } else {
                self.store.users_by_shown_name(tenant.id, &text, USERS).await?
            }
        } else if let Some(role) = filter.exactly(Attribute::Role) {
            let Some(role) = self.store.role_by_name(tenant.id, &role).await? else {
                return Ok(Some(Vec::new()));
            };
            let members = self.store.role_members_after(tenant.id, role.id, None, USERS).await?;
            return Ok(few(members));
        } else if let Some(group) = filter.exactly(Attribute::Group) {
            let Some(group) = self.store.group_by_name(tenant.id, &group).await? else {
                return Ok(Some(Vec::new()));
            };
            let members = self.store.group_members_after(tenant.id, group.id, None, USERS).await?;
            return Ok(few(members));
        } else {
            return Ok(None);
        };
        Ok(few(users.into_iter().map(|user| user.id).collect()))
    }

    /// The sessions of users; of the ended ones only the latest.
    async fn sessions_of_people(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
        users: &[UserId],
    ) -> Result<Vec<Session>, SearchRefused> {
        let (t, limit) = (tenant.id, i64::try_from(SESSION_SCAN_MAX).unwrap_or(i64::MAX));
        let mut all = Vec::new();
        if !query.filter.ended_only() && query.sort != Sort::Ended {
            all = self.store.sessions_of_users(t, users, false, limit).await?;
        }
        if !query.filter.live_only() {
            all.extend(self.store.sessions_of_users(t, users, true, limit).await?);
        }
        Ok(all)
    }

    async fn network_named(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Option<Source>, SearchRefused> {
        let filter = query.filter;
        let text = filter.exactly(Attribute::Network).or_else(|| filter.exactly(Attribute::Ip));
        let Some(network) = text.and_then(|text| text.parse::<Network>().ok()) else {
            return Ok(None);
        };
        let (first, last) = network.range();
        if network.is_one_address() && query.sort == Sort::SignedIn {
            return Ok(Some(Source::Range(SessionRange::Address(first))));
        }
        let most = SESSION_SCAN_MAX;
        let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
        let ids = self.store.sessions_of_network(tenant.id, first, last, limit).await?;
        if ids.len() > most {
            return Ok(None);
        }
        if query.sort == Sort::SignedIn {
            return Ok(Some(Source::Placed(ids)));
        }
        let ids: Vec<SessionId> = ids.into_iter().map(|(_, id)| id).collect();
        Ok(Some(Source::Few(self.store.sessions_among(tenant.id, &ids).await?)))
    }

    /// The application that the filter selects, if it is a single one.
    async fn one_application(
        &self,
        tenant: &Tenant,
        query: &SessionQuery<'_>,
    ) -> Result<Option<AppId>, SearchRefused> {
        let filter = query.filter;
        if let Some(id) = filter.exactly(Attribute::ApplicationId) {
            return Ok(id.parse().ok());
        }
        if let Some(client_id) = filter.exactly(Attribute::ClientId) {
            let found = self.application_by_client(tenant.id, &client_id).await?;
            return Ok(found.map(|app| app.id));
        }
        let Some(name) = filter.exactly(Attribute::Application) else { return Ok(None) };
        let name = name.to_lowercase();
        let all = self.store.applications(tenant.id, i64::MAX).await?;
        let mut same = all.iter().filter(|app| app.name.to_lowercase() == name);
        Ok(match (same.next(), same.next()) {
            (Some(one), None) => Some(one.id),
            _ => None,
        })
    }
}

fn few(users: Vec<UserId>) -> Option<Vec<UserId>> {
    (i64::try_from(users.len()).unwrap_or(i64::MAX) < USERS).then_some(users)
}
