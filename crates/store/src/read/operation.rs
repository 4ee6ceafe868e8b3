//! Keys, events, the audit log, and facts about the installation.

use sojourn_model::ids::MalformedId;
use sojourn_model::{Event, Mail, Millis, SessionId, SigningAlg, StoredKey, Subject, TenantId};

use crate::compile::params;
use crate::sql::operation as sql;
use crate::{Reads, Row, StoreError};

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Id that distinguishes rows of the same millisecond.
    pub id: [u8; 16],
    /// Time of the action.
    pub at: Millis,
    /// The actor who performed the action, as text.
    pub actor: String,
    /// The action, as `noun.verb`.
    pub action: String,
    /// Id of the object that the action applies to.
    pub target: String,
    /// Further details, as a JSON object.
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

/// Times of the oldest rows of everything that has a limited retention.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oldest {
    /// Time of the oldest event.
    pub event: Option<Millis>,
    /// Earliest expiry of a revoked token.
    pub revoked: Option<Millis>,
    /// Earliest end of a window of attempts.
    pub throttle: Option<Millis>,
    /// Time at which the oldest request with an idempotency key was stored.
    pub request: Option<Millis>,
    /// Time at which the least recently seen browser was seen.
    pub browser: Option<Millis>,
    /// Earliest end of an ended session.
    pub ended_session: Option<Millis>,
    /// Time at which the oldest delivery was created.
    pub delivery: Option<Millis>,
    /// Time of the oldest audit log row.
    pub audit: Option<Millis>,
}

impl Reads {
    /// Returns a fact about the installation by its name.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.row(&sql::META_GET, params![name]).await?.map(|mut row| row.text()).transpose()
    }

    /// Returns the times of the oldest row of each kind that has a limited retention.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns a tenant's signing keys, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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

    /// Returns the audit log rows before a time and, at that time, before an id; newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn audit_before(
        &self,
        t: TenantId,
        (at, id): (Millis, [u8; 16]),
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = self.list(&sql::AUDIT_BEFORE, params![t, at, id.to_vec(), limit]).await?;
        rows.into_iter().map(audit_entry).collect()
    }

    /// Returns the audit log rows after a time and, at that time, after an id, oldest first. An empty id includes all
    /// rows of that time.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn audit_since(
        &self,
        t: TenantId,
        (at, id): (Millis, &[u8]),
        limit: i64,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = self.list(&sql::AUDIT_SINCE, params![t, at, id.to_vec(), limit]).await?;
        rows.into_iter().map(audit_entry).collect()
    }

    /// Returns the hash of the request that was stored under an idempotency key, and its response.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn kept_request(
        &self,
        t: TenantId,
        key: Vec<u8>,
    ) -> Result<Option<(Vec<u8>, String)>, StoreError> {
        let row = self.row(&sql::REQUEST_KEPT, params![t, key]).await?;
        row.map(|mut row| Ok((row.blob()?, row.text()?))).transpose()
    }

    /// Returns the count of a counter of attempts, and the time at which its window ends.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn attempts(
        &self,
        t: TenantId,
        key: Vec<u8>,
    ) -> Result<Option<(i64, Millis)>, StoreError> {
        let row = self.row(&sql::ATTEMPT_GET, params![t, key]).await?;
        row.map(|mut row| Ok((row.int()?, row.millis()?))).transpose()
    }

    /// Returns a subject's events after the given number, in order.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
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
