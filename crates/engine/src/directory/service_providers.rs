//! SAML service providers, as administrators create, change and view them. Their documents differ from those of
//! OpenID Connect applications.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sojourn_model::{Application, ClientAuthMethod, SamlSettings};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::saml::Form;

/// Read-only members in documents of both protocols.
pub(super) const ANSWERED: [&str; 4] = ["id", "client_id", "owner", "client_id_issued_at"];

/// The writable members of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// The protocol of the application, always `saml`.
    #[serde(default = "saml")]
    protocol: String,
    /// Name that users see.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    /// URL of the application's start page.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<String>,
    /// URL of the application's logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_uri: Option<String>,
    /// URL of its privacy policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_uri: Option<String>,
    /// URL of its terms of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    tos_uri: Option<String>,
    /// Whether the service provider may be used at all.
    #[serde(default = "yes")]
    enabled: bool,
    /// Whether it is the organisation's own application, so that users aren't asked for consent.
    #[serde(default)]
    first_party: bool,
    /// Settings that are specific to SAML.
    saml: Form,
}

fn saml() -> String {
    "saml".into()
}

fn yes() -> bool {
    true
}

/// Returns whether a document describes a service provider.
pub(super) fn is_meant(document: &Map<String, Value>) -> bool {
    document.contains_key("saml") || document.get("protocol").is_some_and(|it| it == "saml")
}

/// Removes members that new metadata replaces from a document, so that old values don't hide the new ones.
pub(super) fn make_room(whole: &mut Map<String, Value>, patch: &Map<String, Value>) {
    const SAID: [&str; 8] = [
        "assertion_consumers",
        "logout_services",
        "soap_logout_url",
        "certificates",
        "signed_requests",
        "name_id_format",
        "valid_until",
        "metadata_fetched_at",
    ];
    let brings = |name: &str| {
        let value = patch.get("saml").and_then(|saml| saml.get(name));
        value.is_some_and(|value| !value.is_null())
    };
    if (brings("metadata") || brings("metadata_url"))
        && let Some(Value::Object(saml)) = whole.get_mut("saml")
    {
        saml.retain(|name, _| !SAID.contains(&name.as_str()));
    }
    // The two exclude each other, so the patched one replaces the stored one.
    if patch.get("saml").is_some_and(|saml| saml.get("attribute_preset").is_some())
        && let Some(Value::Object(saml)) = whole.get_mut("saml")
    {
        saml.remove("attributes");
    }
}

/// Adds the registered SAML settings to a document.
pub(super) fn describe(
    app: &Application,
    settings: &SamlSettings,
    document: &mut Map<String, Value>,
) {
    let described = Document {
        protocol: saml(),
        client_name: Some(app.name.clone()),
        client_uri: app.settings.home_uri.clone(),
        logo_uri: app.settings.logo_uri.clone(),
        policy_uri: app.settings.policy_uri.clone(),
        tos_uri: app.settings.tos_uri.clone(),
        enabled: app.enabled,
        first_party: app.settings.first_party,
        saml: Form::of(settings, app.backchannel_logout_uri.as_deref()),
    };
    if let Ok(Value::Object(described)) = serde_json::to_value(described) {
        document.extend(described);
    }
    document.insert("client_id".into(), app.client_id.clone().into());
}

impl Engine {
    /// The entity id of a new service provider.
    pub(super) async fn new_entity_id(
        &self,
        document: &Map<String, Value>,
    ) -> Result<String, EngineError> {
        if let Some(given) = document.get("client_id").and_then(Value::as_str) {
            return Ok(given.to_owned());
        }
        let form: Form = read(document.get("saml").cloned().unwrap_or_default())?;
        Ok(self.with_fetched(form).await?.read(None, self.now())?.entity_id)
    }

    /// Fetches the metadata from the given address, unless that was done before.
    async fn with_fetched(&self, mut form: Form) -> Result<Form, EngineError> {
        if let (Some(url), None, None) =
            (&form.metadata_url, &form.metadata, &form.metadata_fetched_at)
        {
            form.metadata =
                Some(self.fetch_metadata(url, form.metadata_certificate.is_some()).await?);
            form.metadata_fetched_at = Some(self.now());
        }
        Ok(form)
    }

    /// Applies a document to a service provider.
    pub(super) async fn write_service_provider(
        &self,
        app: &mut Application,
        document: &Map<String, Value>,
    ) -> Result<(), EngineError> {
        let mut rest = document.clone();
        for answered in ANSWERED {
            rest.remove(answered);
        }
        let read: Document = read(rest.into())?;
        if read.protocol != "saml" {
            let why = "an application with settings of SAML has the protocol 'saml'";
            return Err(EngineError::Invalid(why.into()));
        }
        for (name, uri) in [
            ("client_uri", &read.client_uri),
            ("logo_uri", &read.logo_uri),
            ("policy_uri", &read.policy_uri),
            ("tos_uri", &read.tos_uri),
        ] {
            let good = uri.as_deref().is_none_or(|uri| {
                url::Url::parse(uri).is_ok_and(|url| matches!(url.scheme(), "https" | "http"))
            });
            if !good {
                return Err(EngineError::Invalid(format!("{name} is no http(s) address")));
            }
        }
        let form = self.with_fetched(read.saml).await?;
        let found = form.read(Some(&app.client_id), self.now())?;
        app.name = read.client_name.or(found.name).unwrap_or_else(|| app.client_id.clone());
        app.enabled = read.enabled;
        app.backchannel_logout_uri = found.soap;
        let mut settings = crate::saml::without_openid(
            found.settings,
            sojourn_model::ApplicationSettings::default(),
        );
        settings.oidc.token_endpoint_auth_method = ClientAuthMethod::None;
        settings.home_uri = read.client_uri;
        settings.logo_uri = read.logo_uri;
        settings.policy_uri = read.policy_uri;
        settings.tos_uri = read.tos_uri;
        settings.first_party = read.first_party;
        app.settings = settings;
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, EngineError> {
    serde_json::from_value(value).map_err(|error| EngineError::Invalid(error.to_string()))
}
