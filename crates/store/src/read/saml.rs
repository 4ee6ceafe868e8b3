//! Service providers of SAML.

use sojourn_model::{AppId, SessionId, Sid, SigningAlg, StoredSamlKey, TenantId, UserId};

use crate::compile::params;
use crate::sql::saml as sql;
use crate::{Reads, StoreError};

/// A living stay in which somebody has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedStay {
    /// The session.
    pub session: SessionId,
    /// The stay.
    pub sid: Sid,
    /// Whose session it is.
    pub user: UserId,
    /// The whole name, as JSON.
    pub name: String,
}

impl Reads {
    /// A tenant's keys for SAML, of each algorithm oldest first.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// The names that a person was given in a stay, living or ended, as JSON.
    ///
    /// # Errors
    /// [`StoreError`]
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

    /// The living stays in an application in which somebody has a name.
    ///
    /// # Errors
    /// [`StoreError`]
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
