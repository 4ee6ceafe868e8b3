//! Dynamic registration of applications (OpenID Connect Dynamic Client Registration 1.0, RFC 7591, RFC 7592).

use serde_json::{Map, Value};
use sojourn_crypto::{SecretHasher, TokenKind, constant_time_eq};
use sojourn_model::{
    Actor, AppId, AppKind, AppOwner, Application, ChangeSet, ClientAuthMethod, EventName, Op,
    Outcome, Tenant,
};
use sojourn_oidc::OAuthError;
use sojourn_oidc::registration::{self, Metadata};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::settings::RegistrationMode;
use crate::tokens::{TRIES, TokenError};

/// Reasons why a registration is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationRefused {
    /// The initial or registration access token is missing or wrong (RFC 6750 §3.1).
    #[error("invalid_token")]
    InvalidToken,
    /// An error response that the specification defines.
    #[error(transparent)]
    Refused(#[from] OAuthError),
    /// The use case failed for another reason.
    #[error(transparent)]
    Failed(#[from] EngineError),
}

impl From<TokenError> for RegistrationRefused {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Refused(error) => Self::Refused(error),
            TokenError::Failed(error) => Self::Failed(error),
        }
    }
}

/// Returns whether an application authenticates with a secret, or signs its requests with one.
pub(super) fn needs_secret(app: &Application) -> bool {
    let alg = app.settings.oidc.request_object_signing_alg.as_deref();
    app.settings.oidc.token_endpoint_auth_method.has_secret()
        || alg.is_some_and(|alg| alg.starts_with("HS"))
}

impl Engine {
    /// Registers an application and returns its metadata, its secret and its registration access token. `ip` is the
    /// client's address: if anyone may register, registrations are limited per address and in total.
    ///
    /// # Errors
    /// [`RegistrationRefused`] if the token is wrong, the metadata isn't valid, or the database fails.
    pub async fn register(
        &self,
        tenant: &Tenant,
        document: &Map<String, Value>,
        token: Option<&str>,
        ip: &str,
    ) -> Result<Map<String, Value>, RegistrationRefused> {
        let open = match &self.settings.registration {
            RegistrationMode::Off => false,
            RegistrationMode::Open => true,
            RegistrationMode::WithToken(wanted) => {
                token.is_some_and(|token| constant_time_eq(token.as_bytes(), wanted.as_bytes()))
            }
        };
        if !open {
            return Err(RegistrationRefused::InvalidToken);
        }
        if self.settings.registration == RegistrationMode::Open {
            self.count_registration(tenant.id, ip).await?;
        }
        let metadata = self.checked_metadata(document).await?;
        let id = AppId::random(&*self.rng);
        let client_id = sojourn_crypto::b64url(id.0.as_bytes());
        let mut app = Application {
            tenant: tenant.id,
            id,
            number: 0,
            version: 1,
            name: metadata.name.clone().unwrap_or_else(|| client_id.clone()),
            client_id,
            kind: AppKind::Client,
            owner: AppOwner::Database,
            enabled: true,
            epoch: 0,
            secret_hash: None,
            backchannel_logout_uri: metadata.backchannel_logout_uri,
            settings: metadata.settings,
        };
        app.settings.registered_at = Some(self.now().seconds());
        let secret = self.give_secret(&mut app)?;
        self.save_registration(tenant, &app, "application.register").await?;
        self.registration_answer(tenant, &app, secret)
    }

    /// The metadata of an application that registered itself.
    ///
    /// # Errors
    /// [`RegistrationRefused::InvalidToken`] unless the token belongs to this registration.
    pub async fn read_registration(
        &self,
        tenant: &Tenant,
        client_id: &str,
        token: Option<&str>,
    ) -> Result<Map<String, Value>, RegistrationRefused> {
        let app = self.registered(tenant, client_id, token).await?;
        let secret = self.client_secret(&app);
        self.registration_answer(tenant, &app, secret)
    }

    /// Replaces the metadata of an application (RFC 7592 §2.2). Its id stays the same, and its secret too, unless the
    /// change requires a new one.
    ///
    /// # Errors
    /// [`RegistrationRefused`] if the token is wrong, the metadata isn't valid, or the database fails.
    pub async fn update_registration(
        &self,
        tenant: &Tenant,
        client_id: &str,
        document: &Map<String, Value>,
        token: Option<&str>,
    ) -> Result<Map<String, Value>, RegistrationRefused> {
        let app = self.registered(tenant, client_id, token).await?;
        if document.get("client_id").and_then(Value::as_str) != Some(client_id) {
            let error = OAuthError::new("invalid_client_metadata", "client_id has to be repeated");
            return Err(error.into());
        }
        let kept = self.client_secret(&app);
        let repeated = document.get("client_secret").and_then(Value::as_str);
        if repeated.is_some_and(|secret| kept.as_deref() != Some(secret)) {
            let error =
                OAuthError::new("invalid_client_metadata", "client_secret can not be chosen");
            return Err(error.into());
        }
        let metadata = self.checked_metadata(document).await?;
        let registered_at = app.settings.registered_at;
        let sealed_secret = app.settings.oidc.sealed_secret.clone();
        let previous_secret = app.settings.oidc.previous_secret.clone();
        let mut changed = Application {
            name: metadata.name.clone().unwrap_or_else(|| client_id.to_owned()),
            backchannel_logout_uri: metadata.backchannel_logout_uri,
            settings: metadata.settings,
            ..app
        };
        changed.settings.registered_at = registered_at;
        changed.settings.oidc.sealed_secret = sealed_secret;
        changed.settings.oidc.previous_secret = previous_secret;
        let secret = match kept {
            Some(secret) if needs_secret(&changed) => {
                changed.secret_hash = self.secret_hash(&changed, &secret);
                Some(secret)
            }
            _ => self.give_secret(&mut changed)?,
        };
        self.save_registration(tenant, &changed, "application.change").await?;
        self.registration_answer(tenant, &changed, secret)
    }

    /// Deletes an application that registered itself.
    ///
    /// # Errors
    /// [`RegistrationRefused`] if the token is wrong or the database fails.
    pub async fn remove_registration(
        &self,
        tenant: &Tenant,
        client_id: &str,
        token: Option<&str>,
    ) -> Result<(), RegistrationRefused> {
        let app = self.registered(tenant, client_id, token).await?;
        let actor = Actor::Application(app.id);
        self.retire_application(tenant, &app, &actor).await?;
        Ok(())
    }

    async fn registered(
        &self,
        tenant: &Tenant,
        client_id: &str,
        token: Option<&str>,
    ) -> Result<Application, RegistrationRefused> {
        let opened = token
            .and_then(|token| self.sealer.open(TokenKind::Registration, tenant.id, token))
            .ok_or(RegistrationRefused::InvalidToken)?;
        // The cache is bypassed, so that a deleted registration is gone immediately.
        let found = self.store.application_by_client(tenant.id, client_id).await;
        let app = found.map_err(EngineError::from)?.ok_or(RegistrationRefused::InvalidToken)?;
        if opened == registration_body(&app) {
            Ok(app)
        } else {
            Err(RegistrationRefused::InvalidToken)
        }
    }

    /// Validates metadata, and fetches the documents that this requires.
    pub(crate) async fn checked_metadata(
        &self,
        document: &Map<String, Value>,
    ) -> Result<Metadata, RegistrationRefused> {
        if document.contains_key("software_statement") {
            let why = "software statements are not trusted here";
            return Err(OAuthError::new("unapproved_software_statement", why).into());
        }
        let metadata = registration::parse(document)?;
        let settings = &metadata.settings;
        if let Some(uri) = &settings.oidc.sector_identifier_uri {
            let wrong = |why: &str| OAuthError::new("invalid_client_metadata", why);
            let body = self
                .fetch(uri)
                .await
                .map_err(|why| wrong(&format!("sector_identifier_uri can not be read: {why}")))?;
            let listed: Vec<String> = serde_json::from_slice(&body)
                .map_err(|_| wrong("sector_identifier_uri holds no JSON list of URIs"))?;
            if !settings.oidc.redirect_uris.iter().all(|uri| listed.contains(uri)) {
                let why = "a redirect_uri is missing in the list of sector_identifier_uri";
                return Err(wrong(why).into());
            }
        }
        Ok(metadata)
    }

    /// Creates a new secret, if the application authenticates or signs with one. It is sealed and not hashed, because
    /// RFC 7592 returns it again, and MACs are computed with it.
    pub(crate) fn give_secret(&self, app: &mut Application) -> Result<Option<String>, EngineError> {
        if !needs_secret(app) {
            app.secret_hash = None;
            app.settings.oidc.sealed_secret = None;
            app.settings.oidc.previous_secret = None;
            return Ok(None);
        }
        let secret = SecretHasher::make(&*self.rng);
        app.settings.oidc.declared_secret = None;
        app.settings.oidc.sealed_secret = Some(self.sealed_client_secret(app, &secret)?);
        app.secret_hash = self.secret_hash(app, &secret);
        Ok(Some(secret))
    }

    /// The hash that an application's secret is compared with; `None` if the secret isn't sent in requests.
    pub(crate) fn secret_hash(&self, app: &Application, secret: &str) -> Option<String> {
        let method = app.settings.oidc.token_endpoint_auth_method;
        (method != ClientAuthMethod::ClientSecretJwt && method.has_secret())
            .then(|| self.hasher.store(secret))
    }

    async fn save_registration(
        &self,
        tenant: &Tenant,
        app: &Application,
        action: &str,
    ) -> Result<(), EngineError> {
        self.ensure_key(tenant.id, app.settings.oidc.id_token_signed_response_alg).await?;
        let detail = serde_json::json!({ "client_id": app.client_id });
        let actor = Actor::Application(app.id);
        let new = action == "application.register";
        // Two registrations at the same time draw the same number.
        for _ in 0..TRIES {
            let boxed = Box::new(app.clone());
            let (save, event) = if new {
                (Op::SaveApplication(boxed), EventName::PostAddApplication)
            } else {
                (Op::UpdateApplication(boxed), EventName::PostUpdateApplication)
            };
            let mut change = ChangeSet::of(tenant.id, save);
            change.ops.push(super::applications::origins(app));
            change.events.push(self.application_event(app, event, &actor));
            change.audit.push(self.audit_row(&actor, action, app.id, &detail));
            if let Outcome::Applied(_) = self.apply(change).await? {
                self.catalog.changed(tenant.id);
                return Ok(());
            }
        }
        Err(EngineError::Contended)
    }

    fn registration_answer(
        &self,
        tenant: &Tenant,
        app: &Application,
        secret: Option<String>,
    ) -> Result<Map<String, Value>, RegistrationRefused> {
        let mut answer = registration::in_force(app);
        if let Some(secret) = secret {
            answer.insert("client_secret".to_owned(), secret.into());
            // The secret doesn't expire; the member is required next to a secret (Registration §3.2).
            answer.insert("client_secret_expires_at".to_owned(), 0.into());
        }
        if let Some(at) = app.settings.registered_at {
            answer.insert("client_id_issued_at".to_owned(), at.into());
        }
        let token = self
            .sealer
            .seal(TokenKind::Registration, tenant.id, &registration_body(app))
            .map_err(EngineError::from)?;
        let uri = format!("{}/connect/register/{}", self.settings.address(tenant), app.client_id);
        answer.insert("registration_access_token".to_owned(), token.into());
        answer.insert("registration_client_uri".to_owned(), uri.into());
        Ok(answer)
    }
}

/// Content of a registration access token: the application, and when it registered itself.
fn registration_body(app: &Application) -> Vec<u8> {
    let at = app.settings.registered_at.unwrap_or(0).to_be_bytes();
    [app.id.0.as_bytes().as_slice(), &at].concat()
}
