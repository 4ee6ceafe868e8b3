//! Applications that the configuration file declares.

use serde_json::json;
use sojourn_crypto::SecretHasher;
use sojourn_model::{
    Actor, AppId, AppKind, AppOwner, Application, ApplicationSettings, ChangeSet, ClientAuthMethod,
    EventName, NewEvent, Op, Outcome, Protocol, Subject, Tenant,
};

use crate::engine::Engine;
use crate::error::EngineError;

/// An application as the configuration file declares it.
#[derive(Debug, Clone)]
pub struct NewApplication {
    /// Identifier in protocol requests, unique in the tenant.
    pub client_id: String,
    /// Name that users see.
    pub name: String,
    /// Client secret in plain text; `None` for a public client.
    pub secret: Option<String>,
    /// Back-channel logout URI, to which logout tokens are posted.
    pub backchannel_logout_uri: Option<String>,
    /// All other settings, with their defaults.
    pub settings: ApplicationSettings,
    /// Whether it is an external application or a built-in page.
    pub kind: AppKind,
    /// Who may change it: the file, the program or administrators.
    pub owner: AppOwner,
}

/// The operation that stores the origins from which scripts may call on behalf of an application: the origins of its
/// redirect URIs, and those that it registered.
pub(crate) fn origins(app: &Application) -> Op {
    let settings = &app.settings;
    let uris = settings.oidc.redirect_uris.iter().chain(&settings.oidc.allowed_origins);
    let mut origins: Vec<String> = uris
        .filter_map(|uri| url::Url::parse(uri).ok())
        .map(|uri| uri.origin())
        .filter(url::Origin::is_tuple)
        .map(|origin| origin.ascii_serialization())
        .collect();
    origins.sort_unstable();
    origins.dedup();
    Op::PutOrigins { app: app.id, origins }
}

impl Engine {
    /// Creates an application, or updates an existing one with the same `client_id` to the declaration. Its id and
    /// number stay the same.
    ///
    /// # Errors
    /// [`EngineError`] if the declaration isn't valid or the database fails.
    pub async fn declare_application(
        &self,
        tenant: &Tenant,
        new: NewApplication,
    ) -> Result<Application, EngineError> {
        let present = self.store.application_by_client(tenant.id, &new.client_id).await?;
        let tag = new.secret.as_ref().map(|secret| self.declared_secret(&new.client_id, secret));
        let kept = present.as_ref().and_then(|app| app.secret_hash.clone());
        // A secret that hasn't changed since the last start is recognised by its keyed hash.
        let same = present.as_ref().is_some_and(|app| app.settings.oidc.declared_secret == tag);
        let secret_hash = match (&new.secret, kept) {
            (None, _) => None,
            (Some(_), Some(kept)) if same => Some(kept),
            (Some(secret), kept) => Some(self.stored_secret(secret, kept).await?),
        };
        let mut app = Application {
            tenant: tenant.id,
            id: present.as_ref().map_or_else(|| AppId::random(&*self.rng), |app| app.id),
            number: present.as_ref().map_or(0, |app| app.number),
            version: present.as_ref().map_or(1, |app| app.version),
            client_id: new.client_id,
            name: new.name,
            kind: new.kind,
            owner: new.owner,
            enabled: true,
            epoch: present.as_ref().map_or(0, |app| app.epoch),
            secret_hash,
            backchannel_logout_uri: new.backchannel_logout_uri,
            settings: new.settings,
        };
        app.settings.oidc.declared_secret = tag;
        if let Some(secret) = &new.secret
            && app.settings.oidc.token_endpoint_auth_method == ClientAuthMethod::ClientSecretJwt
        {
            let kept =
                present.as_ref().filter(|app| self.client_secret(app).as_ref() == Some(secret));
            app.settings.oidc.sealed_secret = match kept {
                Some(kept) => kept.settings.oidc.sealed_secret.clone(),
                None => Some(self.sealed_client_secret(&app, secret)?),
            };
        }
        if present.as_ref() == Some(&app) {
            return Ok(app);
        }
        self.ensure_keys_of(tenant, &app).await?;
        let save = Op::SaveApplication(Box::new(app.clone()));
        let event = match present {
            Some(_) => EventName::PostUpdateApplication,
            None => EventName::PostAddApplication,
        };
        let mut change = ChangeSet::of(tenant.id, save).with(origins(&app));
        change.events.push(self.application_event(&app, event, &Actor::System));
        match self.apply(change).await? {
            Outcome::Applied(_) => {
                self.catalog.changed(tenant.id);
                let saved = self.store.application(tenant.id, app.id).await?;
                saved.ok_or(EngineError::NotFound("application"))
            }
            _ => Err(EngineError::Exists("an application with that client_id")),
        }
    }

    /// Creates the keys that an application needs in advance, so that clients that cache the key set early have all
    /// of them.
    pub(crate) async fn ensure_keys_of(
        &self,
        tenant: &Tenant,
        app: &Application,
    ) -> Result<(), EngineError> {
        match app.protocol() {
            Protocol::Saml(settings) => {
                self.saml_keys_with(tenant, settings.signing_alg).await.map(|_| ())
            }
            _ => self.ensure_key(tenant.id, app.settings.oidc.id_token_signed_response_alg).await,
        }
    }

    /// A keyed hash by which a declared secret is recognised at the next start.
    pub(crate) fn declared_secret(&self, client_id: &str, secret: &str) -> String {
        let parts = [client_id.as_bytes(), secret.as_bytes()];
        sojourn_model::ids::hex(&self.hasher.keyed("declared client secret", &parts))
    }

    /// Stores the origins of applications that an earlier version of the program created.
    pub(crate) async fn complete_origins(&self) -> Result<(), EngineError> {
        const DONE: &str = "application_origins";
        const PAGE: i64 = 200;
        if self.store.meta(DONE).await?.is_some() {
            return Ok(());
        }
        for tenant in self.store.tenants().await? {
            let mut after = 0;
            loop {
                let page = self.store.applications_after(tenant.id, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = last.number;
                let mut change = ChangeSet::new(tenant.id);
                change.ops.extend(page.iter().map(origins));
                self.must_apply(change).await?;
            }
        }
        let done = Op::SetMeta { name: DONE.into(), value: "1".into() };
        // A duplicate means that another node was faster.
        self.apply(ChangeSet::of(sojourn_model::TenantId::DEFAULT, done)).await?;
        Ok(())
    }

    pub(crate) fn application_event(
        &self,
        app: &Application,
        name: EventName,
        actor: &Actor,
    ) -> NewEvent {
        let data = json!({ "application-name": app.name, "client-id": app.audience() });
        NewEvent {
            subject: Subject::Application(app.id),
            name,
            actor: actor.clone(),
            at: self.now(),
            session: None,
            data: data.to_string(),
        }
    }

    /// The stored form of a secret; the existing one if it belongs to the same secret.
    async fn stored_secret(
        &self,
        secret: &str,
        kept: Option<String>,
    ) -> Result<String, EngineError> {
        if SecretHasher::is_made(secret) {
            return Ok(self.hasher.store(secret));
        }
        if let Some(kept) = kept
            && kept.starts_with("$argon2")
            && self.verify_password(secret, Some(&kept)).await?
        {
            return Ok(kept);
        }
        self.hash_password(secret).await
    }
}
