//! State of SAML service providers: keys and name identifiers.

use sojourn_model::{AppId, SessionId, Sid, SigningAlg, StoredSamlKey, TenantId, UserId};

use crate::compile::params;
use crate::sql::saml as sql;
use crate::{Reads, StoreError};

/// A living participation in which a user has a name identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedStay {
    /// The session of the user.
    pub session: SessionId,
    /// The `sid` of the participation.
    pub sid: Sid,
    /// The user of the session.
    pub user: UserId,
    /// The name identifier with its format and qualifiers, as JSON.
    pub name: String,
}

impl Reads {
    /// Returns a tenant's SAML keys, for each algorithm the oldest first.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn saml_keys(&self, t: TenantId) -> Result<Vec<StoredSamlKey>, StoreError> {
        let rows = self.rows(&sql::SAML_KEYS, params![t]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(StoredSamlKey {
                    alg: row.parsed(SigningAlg::parse)?,
                    generation: row.int()?,
                    sealed_private: row.blob()?,
                    certificate: row.blob()?,
                    created_at: row.millis()?,
                    active_from: row.millis()?,
                    retired_at: row.opt_millis()?,
                })
            })
            .collect()
    }

    /// Returns the name identifiers that a user got in a participation, living or ended, as JSON.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn saml_names(
        &self,
        t: TenantId,
        session: SessionId,
        sid: Sid,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let rows = self.rows(&sql::SAML_NAMES_OF_STAY, params![t, session, sid, limit]).await?;
        rows.into_iter().map(|mut row| row.text()).collect()
    }

    /// Returns the living participations in an application in which a user has a name identifier.
    ///
    /// # Errors
    /// [`StoreError`] if the query fails; [`StoreError::Corrupt`] if a row can't be decoded.
    pub async fn saml_stays(
        &self,
        t: TenantId,
        app: AppId,
        value: &str,
        limit: i64,
    ) -> Result<Vec<NamedStay>, StoreError> {
        let params = params![t, app, value, limit];
        let rows = self.rows(&sql::SAML_STAYS_BY_NAME, params).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(NamedStay {
                    session: row.id(SessionId::from_slice)?,
                    sid: row.id(Sid::from_slice)?,
                    user: row.id(UserId::from_slice)?,
                    name: row.text()?,
                })
            })
            .collect()
    }
}
