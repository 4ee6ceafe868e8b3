//! Keys, events, the audit log, and facts about the installation.

use sojourn_model::ids::MalformedId;
use sojourn_model::{Event, Mail, Millis, SessionId, SigningAlg, StoredKey, Subject, TenantId};

use crate::compile::params;
use crate::sql::operation as sql;
use crate::{Reads, Row, StoreError};

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its name.
    pub id: [u8; 16],
    /// When it happened.
    pub at: Millis,
    /// Who, as text.
    pub actor: String,
    /// What was done, as `noun.verb`.
    pub action: String,
    /// The id of what it was done to.
    pub target: String,
    /// More, a JSON object.
    pub detail: String,
}

fn audit_entry(mut row: Row) -> Result<AuditEntry, StoreError> {
    let at = row.millis()?;
    Ok(AuditEntry {
        at,
        id: row.id(|bytes| bytes.try_into().map_err(|_| MalformedId))?,
        actor: row.text()?,
        action: row.text()?,
        target: row.text()?,
        detail: row.text()?,
    })
}

pub(crate) fn mail(mut row: Row) -> Result<Mail, StoreError> {
    let bytes = |bytes: &[u8]| <[u8; 16]>::try_from(bytes).map_err(|_| MalformedId);
    Ok(Mail {
        tenant: TenantId(row.int()?),
        id: row.id(bytes)?,
        recipient: row.text()?,
        subject: row.text()?,
        body: row.text()?,
        html: None,
        attempts: row.int()?,
        created_at: row.millis()?,
    })
}

/// The oldest rows of what is kept for a time only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oldest {
    /// When the oldest event happened.
    pub event: Option<Millis>,
    /// When the first revoked token would have died.
    pub revoked: Option<Millis>,
    /// When the first window of attempts is over.
    pub throttle: Option<Millis>,
    /// When the oldest request was kept.
    pub request: Option<Millis>,
    /// When the browser was seen that was seen least lately.
    pub browser: Option<Millis>,
    /// When the oldest ended session ended.
    pub ended_session: Option<Millis>,
    /// When the oldest delivery was written.
    pub delivery: Option<Millis>,
    /// When the oldest row of the audit log was written.
    pub audit: Option<Millis>,
}

impl Reads {
    /// A fact about the installation.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.row(&sql::META_GET, params![name]).await?.map(|mut row| row.text()).transpose()
    }

    /// When the oldest row of each kind was written or became due, of those that are kept for a time.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn oldest(&self) -> Result<Oldest, StoreError> {
        let rows = self.list(&sql::PURGE_OLDEST, Vec::new()).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(Oldest::default()) };
        Ok(Oldest {
            event: row.opt_millis()?,
            revoked: row.opt_millis()?,
            throttle: row.opt_millis()?,
            request: row.opt_millis()?,
            browser: row.opt_millis()?,
            ended_session: row.opt_millis()?,
            delivery: row.opt_millis()?,
            audit: row.opt_millis()?,
        })
    }

    /// A tenant's signing keys, oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn signing_keys(&self, t: TenantId) -> Result<Vec<StoredKey>, StoreError> {
        let rows = self.rows(&sql::KEYS, params![t]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(StoredKey {
                    tenant: TenantId(row.int()?),
                    kid: row.text()?,
                    alg: row.parsed(SigningAlg::parse)?,
                    sealed_private: row.blob()?,
                    created_at: row.millis()?,
                    generation: row.int()?,
                    active_from: row.millis()?,
                    retired_at: row.opt_millis()?,
                })
            })
            .collect()
    }

    /// Rows of the audit log from a time back, the newest first: those before the row of a name at that time.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn audit_before(
        &self,
        t: TenantId,
        (at, id): (Millis, [u8; 16]),
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = self.list(&sql::AUDIT_BEFORE, params![t, at, id.to_vec(), limit]).await?;
        rows.into_iter().map(audit_entry).collect()
    }

    /// Rows of the audit log in order, behind the row of a name at a time; an empty name stands before all of that time.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn audit_since(
        &self,
        t: TenantId,
        (at, id): (Millis, &[u8]),
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = self.list(&sql::AUDIT_SINCE, params![t, at, id.to_vec(), limit]).await?;
        rows.into_iter().map(audit_entry).collect()
    }

    /// What a request was answered that came with a key, and the hash of that request.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn kept_request(
        &self,
        t: TenantId,
        key: Vec<u8>,
    ) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let row = self.row(&sql::REQUEST_KEPT, params![t, key]).await?;
        row.map(|mut row| Ok((row.blob()?, row.text()?))).transpose()
    }

    /// How often something was counted in the window that lasts until the given moment.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn attempts(
        &self,
        t: TenantId,
        key: Vec<u8>,
    ) -> Result<Option<(i64, Millis)>, StoreError> {
        let row = self.row(&sql::ATTEMPT_GET, params![t, key]).await?;
        row.map(|mut row| Ok((row.int()?, row.millis()?))).transpose()
    }

    /// A subject's events after the given number, in order.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn events(
        &self,
        t: TenantId,
        subject: Subject,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Event>, StoreError> {
        let params = params![t, subject.kind(), subject.id(), after, limit];
        let rows = self.list(&sql::EVENTS_OF_SUBJECT, params).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(Event {
                    n: row.int()?,
                    name: row.text()?,
                    at: row.millis()?,
                    actor: row.text()?,
                    session: row.opt_id(SessionId::from_slice)?,
                    data: row.text()?,
                })
            })
            .collect()
    }
}
