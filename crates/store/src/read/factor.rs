//! Second factors and recovery codes.

use sojourn_model::{Factor, FactorId, FactorKind, TenantId, UserId};

use crate::compile::params;
use crate::sql::factor as sql;
use crate::{Reads, StoreError};

impl Reads {
    /// The second factors of a user, oldest first. Kinds that only a newer program knows are left out.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn factors_of(&self, t: TenantId, user: UserId) -> Result<Vec<Factor>, StoreError> {
        let mut factors = Vec::new();
        for mut row in self.list(&sql::FACTORS_OF, params![t, user]).await? {
            let id = row.id(FactorId::from_slice)?;
            let Some(kind) = FactorKind::from_code(row.int()?) else { continue };
            factors.push(Factor {
                id,
                user,
                kind,
                name: row.text()?,
                secret: row.blob()?,
                step: row.int()?,
                added_at: row.millis()?,
                used_at: row.opt_millis()?,
            });
        }
        Ok(factors)
    }

    /// How many recovery codes a user has left.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn recovery_codes_left(&self, t: TenantId, user: UserId) -> Result<i64, StoreError> {
        self.row(&sql::CODES_LEFT, params![t, user]).await?.map_or(Ok(0), |mut row| row.int())
    }
}
