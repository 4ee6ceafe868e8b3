//! Read-only queries of one tenant that involve no rule. The faces use them to show what they have been allowed to
//! show; changes go through the use cases only.

use sojourn_model::{
    AcceptedTerms, AppId, AskedDeletion, Delivery, Event, Factor, Grant, Group, GroupId, Job,
    JobId, Millis, Participation, Role, RoleId, Session, SessionId, Subject, TenantId, User,
    UserId,
};
use sojourn_store::{Place, SessionRange, StoreError, TaskBacklog};

use crate::engine::Engine;

/// Reads of one tenant: nothing of another tenant can be reached through it.
#[derive(Clone, Copy)]
pub struct Reads<'a> {
    database: &'a sojourn_store::Reads,
    tenant: TenantId,
}

impl Engine {
    /// Returns the read-only queries of a tenant.
    #[must_use]
    pub fn reads(&self, tenant: TenantId) -> Reads<'_> {
        Reads { database: &self.store, tenant }
    }
}

impl Reads<'_> {
    /// Returns login names that equal another one in the form in which names are compared.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn clashing_names(self, limit: i64) -> Result<Vec<String>, StoreError> {
        self.database.clashing_names(self.tenant, limit).await
    }

    /// Returns a user's request to delete their account, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deletion_of(self, user: UserId) -> Result<Option<AskedDeletion>, StoreError> {
        self.database.deletion_of(self.tenant, user).await
    }

    /// Returns the tenant's deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries(self, limit: i64) -> Result<Vec<Delivery>, StoreError> {
        self.database.deliveries(self.tenant, limit).await
    }

    /// Returns, by application, the number of pending deliveries that were attempted in vain, and the time of the oldest.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_that_wait(self) -> Result<Vec<(AppId, u64, Millis)>, StoreError> {
        self.database.deliveries_that_wait(self.tenant).await
    }

    /// Returns, by application, the number of deliveries since a time that were refused, and one of the statuses.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_refused_since(
        self,
        since: Millis,
    ) -> Result<Vec<(AppId, u64, Option<i64>)>, StoreError> {
        self.database.deliveries_refused_since(self.tenant, since).await
    }

    /// Returns the deliveries of a session.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_of_session(
        self,
        session: SessionId,
    ) -> Result<Vec<Delivery>, StoreError> {
        self.database.deliveries_of_session(self.tenant, session).await
    }

    /// Returns the numbers of a tenant's pending deliveries and of those that were given up.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deliveries_open(self) -> Result<(i64, i64), StoreError> {
        self.database.deliveries_open(self.tenant).await
    }

    /// Returns the event of a task.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn event(self, subject: Subject, n: i64) -> Result<Option<Event>, StoreError> {
        self.database.event(self.tenant, subject, n).await
    }

    /// Returns a subject's events after the given number, in order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn events(
        self,
        subject: Subject,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        self.database.events(self.tenant, subject, after, limit).await
    }

    /// Returns the factors of a user, oldest first. Kinds that only a newer version knows are left out.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn factors_of(self, user: UserId) -> Result<Vec<Factor>, StoreError> {
        self.database.factors_of(self.tenant, user).await
    }

    /// Returns the grants of a session that haven't ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn grants_of_session(
        self,
        user: UserId,
        session: SessionId,
        limit: i64,
    ) -> Result<Vec<Grant>, StoreError> {
        self.database.grants_of_session(self.tenant, user, session, limit).await
    }

    /// Returns a group by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group(self, id: GroupId) -> Result<Option<Group>, StoreError> {
        self.database.group(self.tenant, id).await
    }

    /// Returns the number of members of a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_member_count(self, group: GroupId) -> Result<i64, StoreError> {
        self.database.group_member_count(self.tenant, group).await
    }

    /// Returns members of a group in the order of their ids, after a given one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_members_after(
        self,
        group: GroupId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        self.database.group_members_after(self.tenant, group, after, limit).await
    }

    /// Returns those of these users that are in a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn group_members_among(
        self,
        group: GroupId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        self.database.group_members_among(self.tenant, group, users).await
    }

    /// Returns groups in the order of names, after a given name or from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_after(
        self,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Group>, StoreError> {
        self.database.groups_after(self.tenant, after, limit).await
    }

    /// Returns the groups of a user.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_of_user(self, user: UserId) -> Result<Vec<Group>, StoreError> {
        self.database.groups_of_user(self.tenant, user).await
    }

    /// Returns the groups that have a role.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn groups_with_role(self, role: RoleId) -> Result<Vec<GroupId>, StoreError> {
        self.database.groups_with_role(self.tenant, role).await
    }

    /// Returns a job by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn job(self, id: JobId) -> Result<Option<Job>, StoreError> {
        self.database.job(self.tenant, id).await
    }

    /// Returns the tenant's jobs, latest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn jobs(self, limit: i64) -> Result<Vec<Job>, StoreError> {
        self.database.jobs(self.tenant, limit).await
    }

    /// Returns a user's ended sessions, latest end first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn ledger_of_user(
        self,
        user: UserId,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        self.database.ledger_of_user(self.tenant, user, limit).await
    }

    /// Returns users who have a role directly, not through a group, in the order of their ids, after a given one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn own_role_members_after(
        self,
        role: RoleId,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Vec<UserId>, StoreError> {
        self.database.own_role_members_after(self.tenant, role, after, limit).await
    }

    /// Returns the living participation of a session in an application.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn participation(
        self,
        session: SessionId,
        app: AppId,
    ) -> Result<Option<Participation>, StoreError> {
        self.database.participation(self.tenant, session, app).await
    }

    /// Returns the tenant's pending jobs.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn pending_jobs(self, limit: i64) -> Result<Vec<Job>, StoreError> {
        self.database.pending_jobs(self.tenant, limit).await
    }

    /// Returns a role by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role(self, id: RoleId) -> Result<Option<Role>, StoreError> {
        self.database.role(self.tenant, id).await
    }

    /// Returns the number of direct members of a role.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_member_count(self, id: RoleId) -> Result<i64, StoreError> {
        self.database.role_member_count(self.tenant, id).await
    }

    /// Returns those of these users that have a role directly, not through a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn role_members_among(
        self,
        role: RoleId,
        users: &[UserId],
    ) -> Result<Vec<UserId>, StoreError> {
        self.database.role_members_among(self.tenant, role, users).await
    }

    /// Returns the tenant's roles in the order of names, after a name or from the beginning.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles(self, after: Option<&str>, limit: i64) -> Result<Vec<Role>, StoreError> {
        self.database.roles(self.tenant, after, limit).await
    }

    /// Returns the roles of a group.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles_of_group(self, group: GroupId) -> Result<Vec<Role>, StoreError> {
        self.database.roles_of_group(self.tenant, group).await
    }

    /// Returns the roles of a user, including roles that are being removed.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn roles_of_user(self, id: UserId) -> Result<Vec<Role>, StoreError> {
        self.database.roles_of_user(self.tenant, id).await
    }

    /// Returns a session, living or ended.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn session(self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.database.session(self.tenant, id).await
    }

    /// Returns sessions of a range before a position in descending order, down to the time `stop`.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn sessions_below(
        self,
        range: &SessionRange,
        place: Place,
        stop: Millis,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        self.database.sessions_below(self.tenant, range, place, stop, limit).await
    }

    /// Returns a user's live sessions, newest sign-in first. `slack_ms` as for [`Session::is_live`].
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn sessions_of_user(
        self,
        user: UserId,
        now: Millis,
        slack_ms: i64,
        limit: i64,
    ) -> Result<Vec<Session>, StoreError> {
        self.database.sessions_of_user(self.tenant, user, now, slack_ms, limit).await
    }

    /// Returns the backlog of each handler of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn task_backlogs(self) -> Result<Vec<TaskBacklog>, StoreError> {
        self.database.task_backlogs(self.tenant).await
    }

    /// Returns the terms of use that a user accepted, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn terms_of(self, user: UserId) -> Result<Vec<AcceptedTerms>, StoreError> {
        self.database.terms_of(self.tenant, user).await
    }

    /// Returns a user by id.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn user(self, id: UserId) -> Result<Option<User>, StoreError> {
        self.database.user(self.tenant, id).await
    }

    /// Returns a user by login name, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn user_by_name(self, name: &str) -> Result<Option<User>, StoreError> {
        self.database.user_by_name(self.tenant, name).await
    }

    /// Returns the number of users of a tenant.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn user_count(self) -> Result<i64, StoreError> {
        self.database.user_count(self.tenant).await
    }

    /// Returns these users in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_among(self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.database.users_among(self.tenant, ids).await
    }

    /// Returns users by email address, without regard to case.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_email(self, email: &str, limit: i64) -> Result<Vec<User>, StoreError> {
        self.database.users_by_email(self.tenant, email, limit).await
    }

    /// Returns users with a login name that begins with a text, in the order of names; with `after`, only those after
    /// that name.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_prefix(
        self,
        prefix: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        self.database.users_by_prefix(self.tenant, prefix, after, limit).await
    }

    /// Returns at most `limit` users with a display name that begins with a text, in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_by_shown_name(
        self,
        prefix: &str,
        limit: i64,
    ) -> Result<Vec<User>, StoreError> {
        self.database.users_by_shown_name(self.tenant, prefix, limit).await
    }

    /// Returns these users in no particular order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn users_of(self, users: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.database.users_of(self.tenant, users).await
    }
}
