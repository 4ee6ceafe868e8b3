//! Second factors and recovery codes.

use sojourn_model::{Factor, FactorId, FactorKind, Millis, TenantId, TrustedBrowser, UserId};

use crate::compile::params;
use crate::sql::factor as sql;
use crate::{Reads, Row, StoreError};

/// Reads a factor; none of a kind that only a newer program knows.
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
    /// The second factors of a user, oldest first. Kinds that only a newer program knows are left out.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn factors_of(&self, t: TenantId, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let rows = self.list(&sql::FACTORS_OF, params![t, user]).await?;
        rows.into_iter().filter_map(|row| factor(row, user).transpose()).collect()
    }

    /// The factor with an id, whose ever it is.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn factor(&self, t: TenantId, id: FactorId) -> Result<Option<Factor>, StoreError> {
        let Some(mut row) = self.row(&sql::FACTOR_BY_ID, params![t, id]).await? else {
            return Ok(None);
        };
        let user = row.id(UserId::from_slice)?;
        factor(row, user)
    }

    /// How many recovery codes a user has left.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn recovery_codes_left(&self, t: TenantId, user: UserId) -> Result<i64, StoreError> {
        self.row(&sql::CODES_LEFT, params![t, user]).await?.map_or(Ok(0), |mut row| row.int())
    }

    /// Whether a user has a recovery code, by its keyed hash.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn has_recovery_code(
        &self,
        t: TenantId,
        user: UserId,
        hash: [u8; 32],
    ) -> Result<bool, StoreError> {
        Ok(self.row(&sql::CODE_THERE, params![t, user, hash.to_vec()]).await?.is_some())
    }

    /// The browsers that a user trusts at a time, the newest first.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// Whether a user trusts a browser at a time: since another time, which leaves out the first of these and takes in the
    /// second.
    ///
    /// # Errors
    /// [`StoreError`]
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
