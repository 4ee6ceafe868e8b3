//! Certificates that expire soon: the tenant's own and those of service providers.

use std::sync::atomic::Ordering;

use sojourn_model::{Millis, Protocol, Tenant};

use super::registration::certificates;
use crate::engine::Engine;
use crate::error::EngineError;

/// How long before its expiry a certificate is reported, in milliseconds: 30 days.
pub const WARNED_MS: i64 = 30 * 24 * 3_600_000;

/// A certificate that expires soon, or has expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingCertificate {
    /// Name of the service provider that owns it; `None` for the tenant's own.
    pub of: Option<String>,
    /// Time at which it expires.
    pub until: Millis,
}

/// Interval between two checks of certificates and metadata, in milliseconds.
const TENDED_EVERY_MS: i64 = 10 * 60_000;

impl Engine {
    /// Maintains SAML in all tenants: publishes the next certificates, fetches due metadata and counts certificates
    /// that expire soon. Most calls return early because the check isn't due yet.
    ///
    /// # Errors
    /// [`EngineError`] if the database or the crypto provider fails.
    pub async fn tend_saml(&self) -> Result<(), EngineError> {
        let now = self.now();
        let passed = now.since(Millis(self.saml_tended.at.load(Ordering::Relaxed)));
        if (0..TENDED_EVERY_MS).contains(&passed) {
            return Ok(());
        }
        self.saml_tended.at.store(now.0, Ordering::Relaxed);
        self.rotate_due_saml_keys().await?;
        self.refresh_saml_metadata().await?;
        let mut ending = 0;
        for tenant in self.store.tenants().await? {
            ending += self.ending_certificates(&tenant).await?.len();
        }
        self.saml_tended.ending.store(ending, Ordering::Relaxed);
        Ok(())
    }

    /// Number of SAML certificates that expire within 30 days or have expired, from this node's last check.
    #[must_use]
    pub fn saml_certificates_ending(&self) -> usize {
        self.saml_tended.ending.load(Ordering::Relaxed)
    }

    /// The SAML certificates that expire within 30 days, sorted by expiry: the newest of the tenant's own, and those
    /// of service providers that have no certificate with a later expiry.
    ///
    /// # Errors
    /// [`EngineError`] if a key can't be opened or the database fails.
    pub async fn ending_certificates(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<EndingCertificate>, EngineError> {
        let soon = self.now().plus(WARNED_MS);
        let mut all = Vec::new();
        let keys = self.saml_keys(tenant.id).await?;
        for alg in [sojourn_model::SigningAlg::Rs256, sojourn_model::SigningAlg::Es256] {
            let until = keys.newest(alg).map(|key| key.signer.certificate().valid_until());
            all.extend(until.map(|until| EndingCertificate { of: None, until }));
        }
        for app in self.applications(tenant).await? {
            let Protocol::Saml(settings) = app.protocol() else { continue };
            let last = certificates(settings).iter().map(|one| one.valid_until()).max();
            let ends = last.into_iter().chain(settings.valid_until).min();
            all.extend(ends.map(|until| EndingCertificate { of: Some(app.name.clone()), until }));
        }
        all.retain(|one| one.until <= soon);
        all.sort_unstable_by_key(|one| one.until);
        Ok(all)
    }
}
