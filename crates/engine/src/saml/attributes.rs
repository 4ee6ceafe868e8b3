//! Mapping of claims to SAML attributes.

use serde_json::{Map, Value};
use sojourn_model::{Application, NameIdFormat, SamlSettings, Tenant, User};
use sojourn_saml::assertion::Attribute;

use crate::engine::Engine;
use crate::error::EngineError;

/// The scope that the user must approve before a claim is sent.
pub(super) fn scope_of(claim: &str) -> &'static str {
    match claim {
        "email" | "email_verified" => "email",
        "address" => "address",
        "phone_number" | "phone_number_verified" => "phone",
        "roles" => "roles",
        "groups" => "groups",
        _ => "profile",
    }
}

/// The scopes that cover everything that a service provider receives.
#[must_use]
pub(super) fn scopes(settings: &SamlSettings) -> Vec<String> {
    let mut all: Vec<String> =
        settings.attributes.iter().map(|one| scope_of(&one.claim).to_owned()).collect();
    all.push("openid".into());
    // The name identifier itself may reveal personal data.
    all.extend(match settings.name_id_format {
        NameIdFormat::EmailAddress => Some("email".to_owned()),
        NameIdFormat::Unspecified => Some("profile".to_owned()),
        NameIdFormat::Persistent | NameIdFormat::Transient => None,
    });
    all.sort_unstable();
    all.dedup();
    all
}

/// Converts a claim to text values. Objects produce none: each member has its own claim.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::Object(members) => {
            let formatted = members.get("formatted").and_then(Value::as_str);
            formatted.map(str::to_owned).into_iter().collect()
        }
        other => vec![other.to_string()],
    }
}

impl Engine {
    /// The attributes of a user for a service provider, by its mapping. Claims without a value are left out.
    pub(super) async fn saml_attributes(
        &self,
        tenant: &Tenant,
        app: &Application,
        settings: &SamlSettings,
        user: &User,
    ) -> Result<Vec<Attribute>, EngineError> {
        if settings.attributes.is_empty() {
            return Ok(Vec::new());
        }
        let scopes = scopes(settings).join(" ");
        let mut claims = sojourn_oidc::claims::of_user(user, &scopes, &Map::new());
        claims.extend(self.memberships(tenant, app, user.id, &scopes).await?);
        claims.insert("sub".into(), self.subject(app, user.id).into());
        claims.insert("username".into(), user.username.clone().into());
        let mapped = settings.attributes.iter().filter_map(|one| {
            let values = texts(claims.get(&one.claim)?);
            (!values.is_empty()).then(|| Attribute {
                name: one.name.clone(),
                friendly_name: one.friendly_name.clone(),
                name_format: one.name_format.clone(),
                values,
            })
        });
        Ok(mapped.collect())
    }
}
