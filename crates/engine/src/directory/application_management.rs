//! Applications that administrators create, change and delete. A document is validated like a registration (RFC 7591
//! §2), together with settings that only the organisation decides.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sojourn_model::limits::CONFLICT_RETRIES_MAX;
use sojourn_model::limits::{REFRESH_LIFETIME_MAX_MS, TOKEN_LIFETIME_MAX_MS};
use sojourn_model::{
    AccessTokenBinding, AccessTokenFormat, Actor, AppId, AppKind, AppOwner, Application, ChangeSet,
    EventName, Op, Outcome, Protocol, Tenant,
};
use sojourn_oidc::registration;

use super::{RegistrationRefused, service_providers};
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::{Right, Rights};
use crate::tokens::TRIES;

/// Settings that the organisation decides; an application can't register them itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Decided {
    /// Whether the application may be used at all.
    enabled: bool,
    /// Whether it is the organisation's own application, so that users aren't asked for consent.
    first_party: bool,
    /// Access token binding: `sso-session`, `cookie` or `none`.
    token_binding: AccessTokenBinding,
    /// Whether the bound session or cookie must be presented together with a token.
    validate_token_binding: bool,
    /// Whether a sign-out also revokes tokens that aren't bound to the session.
    revoke_tokens_when_session_ends: bool,
    /// Whether each use of a refresh token replaces it.
    refresh_rotation: bool,
    /// Whether the application may extend sessions.
    session_extension: bool,
    /// Whether refresh, userinfo and introspection requests keep the session active.
    coordinate_inactivity: bool,
    /// Lifetime of its access tokens in seconds; `null` means the default.
    access_token_lifetime: Option<i64>,
    /// Lifetime of its ID tokens in seconds; `null` means the default.
    id_token_lifetime: Option<i64>,
    /// Lifetime of its refresh tokens in seconds; `null` means the default.
    refresh_token_lifetime: Option<i64>,
    /// Whether redirect URIs with `http://localhost` match any port.
    any_localhost_port: bool,
    /// Content of the claims `roles` and `groups`: `names` or `ids`.
    membership_claims: MembershipClaims,
    /// Whether the application may introspect every token of its tenant.
    resource_server: bool,
    /// Scopes that the application may request for itself.
    own_scopes: Vec<String>,
    /// Origins that may call the endpoints from scripts (CORS).
    allowed_origins: Vec<String>,
    /// Further origins to which the front-channel logout page redirects.
    frontchannel_logout_origins: Vec<String>,
    /// Format of access tokens: `opaque` or `jwt`.
    access_token_format: AccessTokenFormat,
    /// Values of `aud` in its JWT access tokens.
    audiences: Vec<String>,
}

/// How the claims `roles` and `groups` identify their entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MembershipClaims {
    Names,
    Ids,
}

/// Deleted applications that one round of the purge checks.
const REMOVED_AT_ONCE: i64 = 500;

impl Default for Decided {
    fn default() -> Self {
        let settings = sojourn_model::ApplicationSettings::default();
        Self {
            enabled: true,
            first_party: false,
            token_binding: settings.oidc.token_binding,
            validate_token_binding: false,
            revoke_tokens_when_session_ends: true,
            refresh_rotation: true,
            session_extension: false,
            coordinate_inactivity: settings.coordinate_inactivity,
            access_token_lifetime: None,
            id_token_lifetime: None,
            refresh_token_lifetime: None,
            any_localhost_port: false,
            membership_claims: MembershipClaims::Names,
            resource_server: false,
            own_scopes: Vec::new(),
            allowed_origins: Vec::new(),
            frontchannel_logout_origins: Vec::new(),
            access_token_format: AccessTokenFormat::Opaque,
            audiences: Vec::new(),
        }
    }
}

impl Decided {
    fn of(app: &Application) -> Self {
        let settings = app.settings.clone();
        Self {
            enabled: app.enabled,
            first_party: settings.first_party,
            token_binding: settings.oidc.token_binding,
            validate_token_binding: settings.oidc.validate_token_binding,
            revoke_tokens_when_session_ends: settings.oidc.revoke_tokens_when_session_ends,
            refresh_rotation: settings.oidc.refresh_rotation,
            session_extension: settings.oidc.session_extension,
            coordinate_inactivity: settings.coordinate_inactivity,
            access_token_lifetime: settings.oidc.access_token_ms.map(|ms| ms / 1000),
            id_token_lifetime: settings.oidc.id_token_ms.map(|ms| ms / 1000),
            refresh_token_lifetime: settings.oidc.refresh_token_ms.map(|ms| ms / 1000),
            any_localhost_port: settings.oidc.any_localhost_port,
            membership_claims: match settings.oidc.membership_ids {
                true => MembershipClaims::Ids,
                false => MembershipClaims::Names,
            },
            resource_server: settings.oidc.resource_server,
            own_scopes: settings.oidc.own_scopes,
            allowed_origins: settings.oidc.allowed_origins,
            frontchannel_logout_origins: settings.oidc.frontchannel_logout_origins,
            access_token_format: settings.oidc.access_token_format,
            audiences: settings.oidc.audiences,
        }
    }

    fn check_lifetimes(&self) -> Result<(), EngineError> {
        for (name, seconds, most_ms) in [
            ("access_token_lifetime", self.access_token_lifetime, TOKEN_LIFETIME_MAX_MS),
            ("id_token_lifetime", self.id_token_lifetime, TOKEN_LIFETIME_MAX_MS),
            ("refresh_token_lifetime", self.refresh_token_lifetime, REFRESH_LIFETIME_MAX_MS),
        ] {
            let most = most_ms / 1000;
            if seconds.is_some_and(|seconds| !(1..=most).contains(&seconds)) {
                return Err(invalid(format!("{name} is between 1 and {most} seconds")));
            }
        }
        Ok(())
    }

    fn write(self, app: &mut Application) {
        app.enabled = self.enabled;
        let settings = &mut app.settings;
        settings.first_party = self.first_party;
        settings.oidc.token_binding = self.token_binding;
        settings.oidc.validate_token_binding = self.validate_token_binding;
        settings.oidc.revoke_tokens_when_session_ends = self.revoke_tokens_when_session_ends;
        settings.oidc.refresh_rotation = self.refresh_rotation;
        settings.oidc.session_extension = self.session_extension;
        settings.coordinate_inactivity = self.coordinate_inactivity;
        let ms = |seconds: Option<i64>| seconds.map(|seconds| seconds.saturating_mul(1000));
        settings.oidc.access_token_ms = ms(self.access_token_lifetime);
        settings.oidc.id_token_ms = ms(self.id_token_lifetime);
        settings.oidc.refresh_token_ms = ms(self.refresh_token_lifetime);
        settings.oidc.any_localhost_port = self.any_localhost_port;
        settings.oidc.membership_ids = self.membership_claims == MembershipClaims::Ids;
        settings.oidc.resource_server = self.resource_server;
        settings.oidc.own_scopes = self.own_scopes;
        settings.oidc.allowed_origins = self.allowed_origins;
        settings.oidc.frontchannel_logout_origins = self.frontchannel_logout_origins;
        settings.oidc.access_token_format = self.access_token_format;
        settings.oidc.audiences = self.audiences;
    }
}

fn invalid(why: impl Into<String>) -> EngineError {
    EngineError::Invalid(why.into())
}

/// The origin of an address in the form that a frame policy uses (CSP Level 3 §2.3.1); `None` if it can't be used
/// there.
#[must_use]
pub fn frame_source(uri: &str) -> Option<&str> {
    let start = uri.find("://")? + 3;
    let rest = uri.get(start..)?;
    let length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let source = uri.get(..start + length)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]/".contains(c);
    let web = source.starts_with("https://") || source.starts_with("http://");
    (web && length > 0 && source.chars().all(plain)).then_some(source)
}

fn plain(refused: RegistrationRefused) -> EngineError {
    match refused {
        RegistrationRefused::Failed(error) => error,
        other => invalid(other.to_string()),
    }
}

/// The document that administrators see of an application.
#[must_use]
pub fn application_document(app: &Application) -> Map<String, Value> {
    let mut document = match app.protocol() {
        Protocol::Saml(_) => Map::new(),
        _ => registration::in_force(app),
    };
    document.remove("client_secret_expires_at");
    document.insert("id".into(), app.id.to_string().into());
    let owner = match app.owner {
        AppOwner::File => "file",
        AppOwner::Database => "database",
        AppOwner::Program => "program",
    };
    document.insert("owner".into(), owner.into());
    if let Some(at) = app.settings.registered_at {
        document.insert("client_id_issued_at".into(), at.into());
    }
    if let Protocol::Saml(settings) = app.protocol() {
        service_providers::describe(app, settings, &mut document);
    } else if let Ok(Value::Object(decided)) = serde_json::to_value(Decided::of(app)) {
        document.extend(decided);
    }
    document
}

/// Applies a merge patch (RFC 7396): `null` removes a member.
fn merge(document: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                document.remove(name);
            }
            Value::Object(inner) => {
                let mut present = match document.remove(name) {
                    Some(Value::Object(present)) => present,
                    _ => Map::new(),
                };
                merge(&mut present, inner);
                document.insert(name.clone(), present.into());
            }
            other => {
                document.insert(name.clone(), other.clone());
            }
        }
    }
}

impl Engine {
    /// The applications of a tenant that administrators may see.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn applications(&self, tenant: &Tenant) -> Result<Vec<Application>, EngineError> {
        let mut all = self.store.applications(tenant.id, i64::MAX).await?;
        all.retain(|app| app.settings.removed.is_none());
        Ok(all)
    }

    /// Reads one of the tenant's applications, bypassing the cache.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if it doesn't exist or was deleted.
    pub async fn application_to_manage(
        &self,
        tenant: &Tenant,
        id: AppId,
    ) -> Result<Application, EngineError> {
        let found = self.store.application(tenant.id, id).await?;
        let found = found.filter(|app| app.settings.removed.is_none());
        found.ok_or(EngineError::NotFound("application"))
    }

    /// Creates an application and returns it with its secret, which is shown only once.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] if the document isn't valid, [`EngineError::Exists`] if its `client_id` is taken,
    /// [`EngineError::Forbidden`] if it would get rights that the caller lacks.
    pub async fn create_application(
        &self,
        tenant: &Tenant,
        document: &Map<String, Value>,
        by: &Authority,
    ) -> Result<(Application, Option<String>), EngineError> {
        by.must(tenant, Right::ApplicationCreate)?;
        let id = AppId::random(&*self.rng);
        let wanted = document.get("client_id").and_then(Value::as_str).map(str::to_owned);
        let client_id = wanted.unwrap_or_else(|| sojourn_crypto::b64url(id.0.as_bytes()));
        let saml = service_providers::is_meant(document);
        let client_id = if saml { self.new_entity_id(document).await? } else { client_id };
        let fits = saml
            || ((1..=255).contains(&client_id.len())
                && client_id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
        if !fits {
            let why = "a client_id must have 1 to 255 visible ASCII characters and no colon";
            return Err(invalid(why));
        }
        let mut app = Application {
            tenant: tenant.id,
            id,
            number: 0,
            version: 1,
            name: client_id.clone(),
            client_id,
            kind: AppKind::Client,
            owner: AppOwner::Database,
            enabled: true,
            epoch: 0,
            secret_hash: None,
            backchannel_logout_uri: None,
            settings: sojourn_model::ApplicationSettings::default(),
        };
        self.write_document(&mut app, document, by).await?;
        app.settings.registered_at = Some(self.now().seconds());
        let secret = self.give_secret(&mut app)?;
        if self.store.application_by_client(tenant.id, &app.client_id).await?.is_some() {
            return Err(EngineError::Exists("an application with that client_id"));
        }
        let event = EventName::PostAddApplication;
        let what = (event, "application.add");
        if !self.save_managed(tenant, (None, &app), what, &by.actor()).await? {
            return Err(EngineError::Exists("an application with that client_id"));
        }
        Ok((self.application_to_manage(tenant, id).await?, secret))
    }

    /// Replaces an application's document, or with `patch` changes a part of it (RFC 7396). Disabling it ends its
    /// stays and their tokens, and it is notified; its other tokens aren't valid while it is disabled.
    ///
    /// # Errors
    /// The same as [`Engine::create_application`]; [`EngineError::Invalid`] also if the application is declared in
    /// the configuration file or is built in.
    pub async fn change_application(
        &self,
        tenant: &Tenant,
        id: AppId,
        (document, patch): (&Map<String, Value>, bool),
        by: &Authority,
    ) -> Result<(Application, Option<String>), EngineError> {
        by.must(tenant, Right::ApplicationUpdate)?;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let before = self.manageable(tenant, id, by).await?;
            let (app, secret) = self.changed_application(&before, document, patch, by).await?;
            if app == before {
                return Ok((app, None));
            }
            let what = (EventName::PostUpdateApplication, "application.change");
            if self.save_managed(tenant, (Some(&before), &app), what, &by.actor()).await? {
                return Ok((self.application_to_manage(tenant, id).await?, secret));
            }
        }
        Err(EngineError::Contended)
    }

    async fn changed_application(
        &self,
        before: &Application,
        document: &Map<String, Value>,
        patch: bool,
        by: &Authority,
    ) -> Result<(Application, Option<String>), EngineError> {
        let mut whole = Map::new();
        if patch {
            whole = application_document(before);
        }
        service_providers::make_room(&mut whole, document);
        merge(&mut whole, document);
        if whole.get("client_id").and_then(Value::as_str).is_some_and(|id| id != before.client_id) {
            return Err(invalid("client_id can't be changed"));
        }
        let mut app = before.clone();
        self.write_document(&mut app, &whole, by).await?;
        app.settings.registered_at = before.settings.registered_at;
        app.settings.oidc.sealed_secret = before.settings.oidc.sealed_secret.clone();
        app.settings.oidc.previous_secret = before.settings.oidc.previous_secret.clone();
        let mut secret = None;
        match self.client_secret(before) {
            Some(kept) if super::registration::needs_secret(&app) => {
                app.secret_hash = self.secret_hash(&app, &kept);
            }
            _ => secret = self.give_secret(&mut app)?,
        }
        Ok((app, secret))
    }

    /// Deletes an application: everything that was issued to it becomes invalid, and it is notified of the stays that
    /// end.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] if it doesn't exist, [`EngineError::Invalid`] if it is declared in the configuration
    /// file or is built in.
    pub async fn remove_application(
        &self,
        tenant: &Tenant,
        id: AppId,
        by: &Authority,
    ) -> Result<(), EngineError> {
        by.must(tenant, Right::ApplicationDelete)?;
        for _ in 0..CONFLICT_RETRIES_MAX {
            let app = self.manageable(tenant, id, by).await?;
            match self.retire_application(tenant, &app, &by.actor()).await {
                Err(EngineError::Contended) => {}
                done => return done,
            }
        }
        Err(EngineError::Contended)
    }

    /// Reads an application and checks that the caller may change it.
    pub(super) async fn manageable(
        &self,
        tenant: &Tenant,
        id: AppId,
        by: &Authority,
    ) -> Result<Application, EngineError> {
        let app = self.application_to_manage(tenant, id).await?;
        match app.owner {
            AppOwner::Database => {}
            AppOwner::File => {
                return Err(invalid(
                    "this application belongs to deployment.toml: change it there",
                ));
            }
            AppOwner::Program => {
                return Err(invalid("this application is built in"));
            }
        }
        self.must_cover_scopes(by, &app.settings.oidc.own_scopes)?;
        Ok(app)
    }

    fn must_cover_scopes(&self, by: &Authority, scopes: &[String]) -> Result<(), EngineError> {
        let wanted = Rights::of_scopes(&scopes.join(" "));
        if by.rights().cover(&wanted) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    async fn write_document(
        &self,
        app: &mut Application,
        document: &Map<String, Value>,
        by: &Authority,
    ) -> Result<(), EngineError> {
        if app.settings.saml.is_some() || service_providers::is_meant(document) {
            return self.write_service_provider(app, document).await;
        }
        let known = match serde_json::to_value(Decided::default()) {
            Ok(Value::Object(known)) => known,
            _ => Map::new(),
        };
        let (mut decided, mut registered) = (Map::new(), Map::new());
        for (name, value) in document {
            if known.contains_key(name) {
                decided.insert(name.clone(), value.clone());
            } else if !service_providers::ANSWERED.contains(&name.as_str()) {
                registered.insert(name.clone(), value.clone());
            }
        }
        let decided: Decided =
            serde_json::from_value(decided.into()).map_err(|error| invalid(error.to_string()))?;
        decided.check_lifetimes()?;
        for origin in &decided.frontchannel_logout_origins {
            if frame_source(origin) != Some(origin) {
                let why = format!(
                    "frontchannel_logout_origins: '{origin}' is not an origin such as https://app.example.org"
                );
                return Err(invalid(why));
            }
        }
        self.must_cover_scopes(by, &decided.own_scopes)?;
        let metadata = self.checked_metadata(&registered).await.map_err(plain)?;
        app.name = metadata.name.clone().unwrap_or_else(|| app.client_id.clone());
        app.backchannel_logout_uri = metadata.backchannel_logout_uri;
        app.settings = metadata.settings;
        decided.write(app);
        Ok(())
    }

    /// Writes an application. If it differs from `before` by now, or its `client_id` is taken, writes nothing and
    /// returns `false`.
    pub(crate) async fn save_managed(
        &self,
        tenant: &Tenant,
        (before, app): (Option<&Application>, &Application),
        (event, action): (EventName, &str),
        actor: &Actor,
    ) -> Result<bool, EngineError> {
        self.ensure_keys_of(tenant, app).await?;
        let detail = json!({ "client_id": app.client_id });
        for _ in 0..TRIES {
            let boxed = Box::new(app.clone());
            let mut change = ChangeSet::of(
                tenant.id,
                match before {
                    Some(_) => Op::UpdateApplication(boxed),
                    None => Op::SaveApplication(boxed),
                },
            );
            if before.is_some_and(|before| before.enabled) && !app.enabled {
                self.push_application_end(tenant, app.id, actor, &mut change).await?;
            }
            change.ops.push(super::applications::origins(app));
            change.events.push(self.application_event(app, event, actor));
            change.audit.push(self.audit_row(actor, action, app.id, &detail));
            if let Outcome::Applied(_applied) = self.apply(change).await? {
                self.catalog.changed(tenant.id);
                return Ok(true);
            }
            // Two applications that are created at the same time draw the same number; no other conflict is worth a
            // retry.
            let present = self.store.application_by_client(tenant.id, &app.client_id).await?;
            if before.is_some() || present.is_some() {
                return Ok(false);
            }
        }
        Err(EngineError::Contended)
    }

    /// Deletes the rows of applications that were deleted so long ago that no delivery can wait for them.
    pub(crate) async fn purge_applications(&self, tenant: &Tenant) -> Result<(), EngineError> {
        let longest = self.settings.lifetimes.delivery_ms;
        for app in self.store.removed_applications(tenant.id, REMOVED_AT_ONCE).await? {
            let at = app.settings.removed.as_ref().map(|removed| sojourn_model::Millis(removed.at));
            if at.is_some_and(|at| self.now().since(at) > longest) {
                let gone = Op::RemoveApplication { app: app.id };
                self.apply(ChangeSet::of(tenant.id, gone)).await?;
                self.catalog.changed(tenant.id);
            }
        }
        Ok(())
    }
}
