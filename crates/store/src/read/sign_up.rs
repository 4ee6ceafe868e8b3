//! Self-service sign-up: codes, requested deletions and accepted terms.

use sojourn_model::{AcceptedTerms, AskedDeletion, Millis, SignUpCode, TenantId, UserId};

use crate::compile::params;
use crate::sql::sign_up as sql;
use crate::{Reads, Row, StoreError};

fn code(mut row: Row) -> Result<SignUpCode, StoreError> {
    Ok(SignUpCode {
        hash: row.id(|bytes| bytes.try_into())?,
        label: row.text()?,
        uses_left: row.int()?,
        expires_at: row.millis()?,
        created_at: row.millis()?,
    })
}

fn asked(mut row: Row) -> Result<AskedDeletion, StoreError> {
    let user = row.id(UserId::from_slice)?;
    Ok(AskedDeletion { user, at: row.millis()?, due: row.opt_millis()? })
}

impl Reads {
    /// Returns the sign-up code with a keyed hash.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn sign_up_code(
        &self,
        t: TenantId,
        hash: [u8; 32],
    ) -> Result<Option<SignUpCode>, StoreError> {
        self.row(&sql::CODE_BY_HASH, params![t, hash.to_vec()]).await?.map(code).transpose()
    }

    /// Returns a tenant's sign-up codes, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn sign_up_codes(
        &self,
        t: TenantId,
        limit: i64,
    ) -> Result<Vec<SignUpCode>, StoreError> {
        let rows = self.list(&sql::CODES, params![t, limit]).await?;
        rows.into_iter().map(code).collect()
    }

    /// Returns a user's request to delete their account, if there is one.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deletion_of(
        &self,
        t: TenantId,
        user: UserId,
    ) -> Result<Option<AskedDeletion>, StoreError> {
        self.row(&sql::DELETION_OF, params![t, user]).await?.map(asked).transpose()
    }

    /// Returns the requests to delete accounts, longest waiting first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deletions(
        &self,
        t: TenantId,
        limit: i64,
    ) -> Result<Vec<AskedDeletion>, StoreError> {
        let rows = self.list(&sql::DELETIONS, params![t, limit]).await?;
        rows.into_iter().map(asked).collect()
    }

    /// Returns the accounts that are due for deletion, in all tenants.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn deletions_due(
        &self,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<(TenantId, UserId)>, StoreError> {
        let rows = self.list(&sql::DELETIONS_DUE, params![now, limit]).await?;
        let due = |mut row: Row| Ok((TenantId(row.int()?), row.id(UserId::from_slice)?));
        rows.into_iter().map(due).collect()
    }

    /// Returns the terms of use that a user accepted, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn terms_of(
        &self,
        t: TenantId,
        user: UserId,
    ) -> Result<Vec<AcceptedTerms>, StoreError> {
        let rows = self.list(&sql::TERMS_OF, params![t, user]).await?;
        let accepted = |mut row: Row| Ok(AcceptedTerms { version: row.text()?, at: row.millis()? });
        rows.into_iter().map(accepted).collect()
    }
}
