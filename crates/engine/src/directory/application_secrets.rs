//! Client secrets: rotation with an overlap in which the previous secret stays valid, and when each was last used.

use sojourn_crypto::secret::SecretCheck;
use sojourn_crypto::sha256;
use sojourn_model::limits::{CONFLICT_RETRIES_MAX, SECRET_OVERLAP_MAX_MS};
use sojourn_model::{AppId, Application, ChangeSet, EventName, Millis, Op, PreviousSecret, Tenant};

use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;

/// Number of trailing characters that are shown to identify a secret.
const TAIL: usize = 4;
/// Error for applications that don't authenticate or sign with a secret.
const NO_SECRET: &str = "this application has no secret";

/// What administrators see of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretInfo {
    /// Its last characters; `None` if only a hash is stored.
    pub ends_with: Option<String>,
    /// Last use, with a resolution of one hour; `None` if no use is recorded.
    pub last_used_at: Option<Millis>,
    /// When the previous secret expires; `None` for the current one.
    pub valid_until: Option<Millis>,
}

/// The result of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecret {
    /// The new secret. It can't be read again.
    pub secret: String,
    /// When the previous secret expires; `None` if it was revoked immediately.
    pub previous_until: Option<Millis>,
}

/// Identifies a secret without revealing anything about it.
fn mark(stored: &str) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = sha256(stored.as_bytes());
    [a, b, c, d, e, f, g, h]
}

/// The stored form of a secret: its hash, or the sealed secret if it is only used for MACs.
fn stored_form<'s>(hash: Option<&'s str>, sealed: Option<&'s str>) -> Option<&'s str> {
    hash.or(sealed)
}

fn tail(secret: &str) -> String {
    let skipped = secret.chars().count().saturating_sub(TAIL);
    secret.chars().skip(skipped).collect()
}

impl Engine {
    /// Creates a new secret. The current one stays valid for `overlap_ms` (0 to 90 days); an older one is revoked.
    /// With a version, fails if the application has changed since that version was read.
    ///
    /// # Errors
    /// [`EngineError::Stale`] if the version doesn't match, [`EngineError::NotFound`] if there is no such
    /// application, [`EngineError::Invalid`] if the application has no secret or the overlap is out of range.
    pub async fn rotate_application_secret(
        &self,
        tenant: &Tenant,
        id: AppId,
        (overlap_ms, version): (i64, Option<i64>),
        by: &Authority,
    ) -> Result<NewSecret, EngineError> {
        by.must(tenant, Right::ApplicationUpdate)?;
        if !(0..=SECRET_OVERLAP_MAX_MS).contains(&overlap_ms) {
            let why = "the previous secret can stay valid for 0 seconds to 90 days";
            return Err(EngineError::Invalid(why.into()));
        }
        for _ in 0..CONFLICT_RETRIES_MAX {
            let before = self.manageable(tenant, id, by).await?;
            if version.is_some_and(|version| version != before.version) {
                return Err(EngineError::Stale);
            }
            let mut app = before.clone();
            let secret = self.give_secret(&mut app)?;
            app.settings.oidc.secret_made_at = Some(self.now());
            let secret = secret.ok_or_else(|| EngineError::Invalid(NO_SECRET.into()))?;
            let until = (overlap_ms > 0).then(|| self.now().plus(overlap_ms));
            app.settings.oidc.previous_secret = until.map(|until| PreviousSecret {
                hash: before.secret_hash.clone(),
                sealed: before.settings.oidc.sealed_secret.clone(),
                until,
            });
            let what = (EventName::PostUpdateApplication, "application.secret");
            if self.save_managed(tenant, (Some(&before), &app), what, &by.actor()).await? {
                return Ok(NewSecret { secret, previous_until: until });
            }
        }
        Err(EngineError::Contended)
    }

    /// The current secret, if the change that followed this version created it within the last ten seconds: the form
    /// may have been sent twice.
    #[must_use]
    pub fn secret_just_made(&self, app: &Application, version: i64) -> Option<String> {
        let age = self.now().since(app.settings.oidc.secret_made_at?);
        let same = app.version == version + 1 && (-10_000..=10_000).contains(&age);
        same.then(|| self.client_secret(app)).flatten()
    }

    /// Revokes the previous secret.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if there is no such application or no previous secret, [`EngineError::Stale`] if the
    /// application has changed since the version was read.
    pub async fn drop_previous_secret(
        &self,
        tenant: &Tenant,
        (id, version): (AppId, Option<i64>),
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::ApplicationUpdate)?;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let before = self.manageable(tenant, id, by).await?;
            if version.is_some_and(|version| version != before.version) {
                return Err(EngineError::Stale);
            }
            let mut app = before.clone();
            if app.settings.oidc.previous_secret.take().is_none() {
                return Err(EngineError::NotFound("previous secret"));
            }
            let what = (EventName::PostUpdateApplication, "application.secret.drop");
            if self.save_managed(tenant, (Some(&before), &app), what, &by.actor()).await? {
                return Ok(());
            }
        }
        Err(EngineError::Contended)
    }

    /// The secrets with which an application can authenticate now, the current one first.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn application_secrets(
        &self,
        app: &Application,
    ) -> Result<Vec<SecretInfo>, EngineError> {
        let uses = self.store.secret_uses(app.tenant, app.id).await?;
        let info = |stored: Option<&str>, secret: Option<String>, valid_until| {
            stored.map(|stored| SecretInfo {
                ends_with: secret.as_deref().map(tail),
                last_used_at: uses
                    .iter()
                    .find(|(secret, _)| *secret == mark(stored))
                    .map(|(_, at)| *at),
                valid_until,
            })
        };
        let sealed = app.settings.oidc.sealed_secret.as_deref();
        let present = stored_form(app.secret_hash.as_deref(), sealed);
        let mut all: Vec<_> = info(present, self.client_secret(app), None).into_iter().collect();
        if let Some(previous) = self.good_previous_secret(app) {
            let stored = stored_form(previous.hash.as_deref(), previous.sealed.as_deref());
            all.extend(info(stored, self.previous_client_secret(app), Some(previous.until)));
        }
        Ok(all)
    }

    /// The previous secret, as long as it is valid.
    fn good_previous_secret<'a>(&self, app: &'a Application) -> Option<&'a PreviousSecret> {
        let previous = app.settings.oidc.previous_secret.as_ref()?;
        // Beyond the longest possible overlap: it was written before the clock went back.
        (1..=SECRET_OVERLAP_MAX_MS).contains(&previous.until.since(self.now())).then_some(previous)
    }

    /// The previous secret in plain text, for applications that authenticate or sign with a MAC.
    pub(crate) fn previous_client_secret(&self, app: &Application) -> Option<String> {
        self.open_client_secret(app, self.good_previous_secret(app)?.sealed.as_deref()?)
    }

    /// Returns whether a secret is the previous one and still valid. It was generated and not chosen, so the
    /// comparison needs no slow hash.
    pub(crate) fn is_previous_secret(&self, app: &Application, secret: &str) -> bool {
        let Some(previous) = self.good_previous_secret(app) else { return false };
        match &previous.hash {
            Some(hash) => self.hasher.check(secret, hash) == SecretCheck::Done(true),
            // It was only used for MACs. Hashes are compared, so that the response time doesn't reveal how many
            // characters match.
            None => self
                .previous_client_secret(app)
                .is_some_and(|kept| sha256(kept.as_bytes()) == sha256(secret.as_bytes())),
        }
    }

    /// Stores that an application used a secret, at most once per hour and node.
    pub(crate) async fn note_secret_use(&self, app: &Application, previous: bool) {
        let stored = if previous {
            let previous = app.settings.oidc.previous_secret.as_ref();
            previous.and_then(|one| stored_form(one.hash.as_deref(), one.sealed.as_deref()))
        } else {
            stored_form(app.secret_hash.as_deref(), app.settings.oidc.sealed_secret.as_deref())
        };
        let Some(stored) = stored else { return };
        let (secret, at) = (mark(stored), self.now());
        let used = (app.tenant, app.id, secret);
        if self.secret_uses.is_due(used, at) {
            let op = Op::NoteSecretUse { app: app.id, secret, at };
            // The secret is accepted even if this can't be stored: the next use tries again.
            if let Err(error) = self.must_apply(ChangeSet::of(app.tenant, op)).await {
                self.secret_uses.forget(&used);
                tracing::warn!(%error, client_id = app.client_id, "the use of a secret was not noted");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sojourn_model::TenantId;

    use super::*;
    use crate::memory::secret_uses::{NOTED_EVERY_MS, SecretUses};

    #[test]
    fn a_use_is_written_once_an_hour_and_after_a_clock_that_went_back() {
        let uses = SecretUses::default();
        let used = (TenantId(1), AppId::from_slice(&[1; 16]).expect("an id"), mark("a"));
        assert!(uses.is_due(used, Millis(0)));
        assert!(!uses.is_due(used, Millis(NOTED_EVERY_MS - 1)));
        assert!(uses.is_due(used, Millis(NOTED_EVERY_MS)));
        assert!(uses.is_due(used, Millis(10)));
        assert!(uses.is_due((used.0, used.1, mark("b")), Millis(10)));
        assert_eq!((tail("abcdefg"), tail("ab")), ("defg".into(), "ab".into()));
    }
}
