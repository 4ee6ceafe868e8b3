//! Factors, recovery codes and trusted browsers.

use sojourn_model::{Factor, FactorId, FactorKind, Millis, TenantId, TrustedBrowser, UserId};

use crate::compile::params;
use crate::sql::factor as sql;
use crate::{Reads, Row, StoreError};

/// Decodes a factor; `None` for a kind that only a newer version knows.
fn factor(mut row: Row, user: UserId) -> Result<Option<Factor>, StoreError> {
    let id = row.id(FactorId::from_slice)?;
    let Some(kind) = FactorKind::from_code(row.int()?) else { return Ok(None) };
    Ok(Some(Factor {
        id,
        user,
        kind,
        name: row.text()?,
        secret: row.blob()?,
        step: row.int()?,
        added_at: row.millis()?,
        used_at: row.opt_millis()?,
    }))
}

impl Reads {
    /// Returns the factors of a user, oldest first. Kinds that only a newer version knows are left out.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn factors_of(&self, t: TenantId, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let rows = self.list(&sql::FACTORS_OF, params![t, user]).await?;
        rows.into_iter().filter_map(|row| factor(row, user).transpose()).collect()
    }

    /// Returns the factor with an id, of any user.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn factor(&self, t: TenantId, id: FactorId) -> Result<Option<Factor>, StoreError> {
        let Some(mut row) = self.row(&sql::FACTOR_BY_ID, params![t, id]).await? else {
            return Ok(None);
        };
        let user = row.id(UserId::from_slice)?;
        factor(row, user)
    }

    /// Returns the number of recovery codes that a user has left.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn recovery_codes_left(&self, t: TenantId, user: UserId) -> Result<i64, StoreError> {
        self.row(&sql::CODES_LEFT, params![t, user]).await?.map_or(Ok(0), |mut row| row.int())
    }

    /// Returns whether a user has a recovery code with this keyed hash.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn has_recovery_code(
        &self,
        t: TenantId,
        user: UserId,
        hash: [u8; 32],
    ) -> Result<bool, StoreError> {
        Ok(self.row(&sql::CODE_THERE, params![t, user, hash.to_vec()]).await?.is_some())
    }

    /// Returns the browsers that a user trusts at a time, newest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn trusted_browsers(
        &self,
        t: TenantId,
        user: UserId,
        now: Millis,
        limit: i64,
    ) -> Result<Vec<TrustedBrowser>, StoreError> {
        let rows = self.list(&sql::TRUSTED, params![t, user, now, limit]).await?;
        let read = |mut row: Row| {
            Ok(TrustedBrowser {
                user,
                browser: row.id(|hash| <[u8; 32]>::try_from(hash))?,
                user_agent: row.text()?,
                since: row.millis()?,
                until: row.millis()?,
                used_at: row.opt_millis()?,
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Returns whether a user trusts a browser at the time `now`, if the trust began after `after` and at or before
    /// `until`.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn is_trusted(
        &self,
        t: TenantId,
        user: UserId,
        browser: [u8; 32],
        (now, after, until): (Millis, Millis, Millis),
    ) -> Result<bool, StoreError> {
        let params = params![t, user, browser.to_vec(), now, after, until];
        Ok(self.row(&sql::IS_TRUSTED, params).await?.is_some())
    }
}
