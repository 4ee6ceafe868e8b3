//! Fetches metadata from its URL: at registration, and periodically afterwards.

use sojourn_model::{Actor, AppId, Application, EventName, Millis, Protocol, Tenant};
use sojourn_saml::metadata::MetadataError;

use super::registration::from_metadata;
use crate::engine::Engine;
use crate::error::EngineError;

/// Interval between two fetches, in milliseconds.
const EVERY_MS: i64 = 6 * 3_600_000;

impl Engine {
    /// Fetches the metadata that is due, in all tenants, and returns how many service providers changed. If it can't
    /// be fetched or read, nothing changes and the next round tries again.
    ///
    /// # Errors
    /// [`EngineError`] if the database fails.
    pub async fn refresh_saml_metadata(&self) -> Result<usize, EngineError> {
        let mut changed = 0;
        for tenant in self.store.tenants().await? {
            let due = |app: &Application| match app.protocol() {
                Protocol::Saml(settings) => {
                    let at = settings.metadata_fetched_at.unwrap_or(Millis(0));
                    settings.metadata_url.is_some() && at.plus(EVERY_MS) <= self.now()
                }
                _ => false,
            };
            let all = self.applications(&tenant).await?;
            let ids: Vec<AppId> = all.iter().filter(|app| due(app)).map(|app| app.id).collect();
            for id in ids {
                if self.saml_tended.failed_lately(id, self.now()) {
                    continue;
                }
                match self.refresh_one(&tenant, id).await {
                    Ok(new) => changed += usize::from(new),
                    Err(error @ EngineError::Store(_)) => return Err(error),
                    Err(error) => {
                        self.saml_tended.note_failure(id, self.now());
                        tracing::warn!(app = %id, %error, "metadata can't be taken");
                    }
                }
            }
        }
        Ok(changed)
    }

    /// Fetches the metadata of one service provider, and returns whether anything but the time changed.
    async fn refresh_one(&self, tenant: &Tenant, id: AppId) -> Result<bool, EngineError> {
        let before = self.application_to_manage(tenant, id).await?;
        let Protocol::Saml(settings) = before.protocol() else { return Ok(false) };
        let Some(url) = &settings.metadata_url else { return Ok(false) };
        let pinned = match settings.metadata_certificate.as_deref() {
            None => None,
            Some(text) => Some(
                sojourn_crypto::Certificate::from_text(text)
                    .map_err(|why| EngineError::Invalid(format!("metadata_certificate: {why}")))?,
            ),
        };
        let xml = self.fetch_metadata(url, pinned.is_some()).await?;
        let wrong = |why: MetadataError| EngineError::Invalid(why.to_string());
        let entity_id = Some(before.client_id.as_str());
        let found = from_metadata(xml.as_bytes(), entity_id, self.now(), pinned.as_ref());
        let found = found.map_err(wrong)?;
        let mut settings = settings.clone();
        // The choices of an administrator stay the same.
        settings.assertion_consumers = found.settings.assertion_consumers;
        settings.logout_services = found.settings.logout_services;
        settings.certificates = found.settings.certificates;
        settings.valid_until = found.settings.valid_until;
        super::check(&before.client_id, found.soap.as_deref(), &settings)?;
        let same = before.settings.saml.as_deref() == Some(&settings)
            && before.backchannel_logout_uri == found.soap;
        settings.metadata_fetched_at = Some(self.now());
        let mut app = before.clone();
        app.backchannel_logout_uri = found.soap;
        app.settings.saml = Some(Box::new(settings));
        let what = (EventName::PostUpdateApplication, "application.metadata");
        // `false` means that someone changed the application in the meantime; the next round tries again.
        self.save_managed(tenant, (Some(&before), &app), what, &Actor::System).await?;
        Ok(!same)
    }
}
