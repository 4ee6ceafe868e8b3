//! The form of a SAML service provider: by its metadata, by the address of its metadata, or by hand.

use serde_json::{Map, Value, json};
use sojourn_model::{Application, LogoutBinding, SamlSettings};

use crate::web::upload::Upload;

/// The part of the form that says where the service provider is, as it is shown: from the settings, or as it was sent.
#[derive(Default)]
pub(super) struct Where {
    /// Whether the part that is filled in by hand is open.
    pub(super) by_hand: bool,
    /// Entity id, which can't change later.
    pub(super) entity_id: String,
    /// Address from which metadata is fetched.
    pub(super) metadata_url: String,
    /// Certificate that has to sign fetched metadata.
    pub(super) metadata_certificate: String,
    /// Addresses for assertions, one in each line.
    pub(super) consumers: String,
    /// Address for logout requests by SOAP.
    pub(super) soap: String,
    /// Address for logout requests in the browser.
    pub(super) logout: String,
    /// Certificates of its signatures, in PEM or base64, with an empty line between them.
    pub(super) certificates: String,
}

/// The address for logout in the browser that the form shows: the first one.
fn browser_logout(settings: &SamlSettings) -> Option<(LogoutBinding, &str)> {
    settings.logout_services.first().map(|one| (one.binding, one.url.as_str()))
}

impl Where {
    /// A mark of these values, by which a form that was opened before a change is noticed.
    pub(super) fn mark(&self) -> String {
        let all = [
            &self.metadata_url,
            &self.metadata_certificate,
            &self.consumers,
            &self.soap,
            &self.logout,
            &self.certificates,
        ];
        let all: Vec<String> = all.iter().map(|text| format!("{}:{text}", text.len())).collect();
        sojourn_engine::b64url(&sojourn_engine::sha256(all.concat().as_bytes()))
    }

    /// What is registered.
    pub(super) fn of(app: &Application, settings: &SamlSettings) -> Self {
        let consumers: Vec<&str> =
            settings.assertion_consumers.iter().map(|one| one.url.as_str()).collect();
        Self {
            by_hand: false,
            entity_id: app.client_id.clone(),
            metadata_url: settings.metadata_url.clone().unwrap_or_default(),
            metadata_certificate: settings.metadata_certificate.clone().unwrap_or_default(),
            consumers: consumers.join("\n"),
            soap: app.backchannel_logout_uri.clone().unwrap_or_default(),
            logout: browser_logout(settings).map(|(_, url)| url.to_owned()).unwrap_or_default(),
            certificates: settings.certificates.join("\n\n"),
        }
    }

    /// What was sent, so that a form that is refused keeps it.
    pub(super) fn sent(upload: &Upload) -> Self {
        let text = |name: &str| upload.text(name).replace("\r\n", "\n");
        let mut found = Self {
            by_hand: false,
            entity_id: text("entity_id"),
            metadata_url: text("metadata_url"),
            metadata_certificate: text("metadata_certificate"),
            consumers: text("consumers"),
            soap: text("soap"),
            logout: text("logout"),
            certificates: text("certificates"),
        };
        let by_hand =
            [&found.entity_id, &found.consumers, &found.soap, &found.logout, &found.certificates];
        found.by_hand = by_hand.iter().any(|text| !text.is_empty());
        found
    }

    /// Whether nothing says where the service provider is.
    pub(super) fn is_empty(&self) -> bool {
        self.metadata_url.is_empty() && !self.by_hand
    }
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// Certificates in PEM, or in base64 with empty lines between them.
fn certificates(text: &str) -> Vec<String> {
    if text.contains("-----BEGIN") {
        let parts = text.split("-----END CERTIFICATE-----").map(str::trim);
        return parts
            .filter(|part| !part.is_empty())
            .map(|part| format!("{part}\n-----END CERTIFICATE-----"))
            .collect();
    }
    text.split("\n\n").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Addresses for assertions as they are after a change: those that were known keep their index, new ones get the lowest
/// that is free.
fn consumers(text: &str, settings: Option<&SamlSettings>) -> Value {
    let known =
        settings.map(|settings| settings.assertion_consumers.as_slice()).unwrap_or_default();
    let mut free = (0..=u16::MAX).filter(|index| known.iter().all(|one| one.index != *index));
    let all = lines(text).into_iter().enumerate().map(|(place, url)| {
        let index = known.iter().find(|one| one.url == url).map(|one| one.index);
        let index = index.or_else(|| free.next()).unwrap_or(u16::MAX);
        json!({ "url": url, "index": index, "is_default": place == 0 })
    });
    all.collect()
}

/// Services for logout in the browser as they are after a change of the first one's address.
fn services(url: &str, settings: Option<&SamlSettings>) -> Value {
    let known = settings.map(|settings| settings.logout_services.as_slice()).unwrap_or_default();
    let (first, rest) =
        known.split_first().map_or((None, known), |(first, rest)| (Some(first), rest));
    let binding = first.map_or(LogoutBinding::Redirect, |one| one.binding).as_str();
    let first = (!url.is_empty()).then(|| json!({ "binding": binding, "url": url }));
    let rest = rest.iter().filter_map(|one| serde_json::to_value(one).ok());
    first.into_iter().chain(rest).collect()
}

/// Adds the fields that say where the service provider is, if they differ from what is registered: other members of the
/// settings, such as a second address for logout, aren't in the form and stay as they are.
fn put_where(
    upload: &Upload,
    sent: &Where,
    now: Option<(&Application, &SamlSettings)>,
    saml: &mut Map<String, Value>,
) {
    let before = now.map(|(app, settings)| Where::of(app, settings)).unwrap_or_default();
    let settings = now.map(|(_, settings)| settings);
    let text = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let (mut by_hand, mut moved) = (false, false);
    for (field, name, is, was, value) in [
        (
            "consumers",
            "assertion_consumers",
            &sent.consumers,
            &before.consumers,
            consumers(&sent.consumers, settings),
        ),
        ("soap", "soap_logout_url", &sent.soap, &before.soap, text(&sent.soap)),
        (
            "logout",
            "logout_services",
            &sent.logout,
            &before.logout,
            services(&sent.logout, settings),
        ),
        (
            "certificates",
            "certificates",
            &sent.certificates,
            &before.certificates,
            certificates(&sent.certificates).into(),
        ),
    ] {
        if upload.has(field) && is != was {
            saml.insert(name.to_owned(), value);
            by_hand = true;
        }
    }
    for (name, is, was) in [
        ("metadata_url", &sent.metadata_url, &before.metadata_url),
        ("metadata_certificate", &sent.metadata_certificate, &before.metadata_certificate),
    ] {
        if upload.has(name) && is != was {
            saml.insert(name.to_owned(), text(is));
            moved = true;
        }
    }
    // What is said by hand would be replaced when the metadata is fetched again.
    if by_hand && !moved && !before.metadata_url.is_empty() {
        saml.insert("metadata_url".into(), Value::Null);
    }
}

/// Converts the form to a document of settings. `now` is the service provider that is changed.
pub(super) fn document(
    upload: &Upload,
    now: Option<(&Application, &SamlSettings)>,
) -> Map<String, Value> {
    let mut saml = Map::new();
    let sent = Where::sent(upload);
    put_where(upload, &sent, now, &mut saml);
    let metadata = String::from_utf8_lossy(upload.bytes("metadata")).into_owned();
    if !metadata.trim().is_empty() {
        // The file says all of it: what the form showed of the settings before is no wish.
        saml.clear();
        saml.insert("metadata".into(), metadata.into());
        // Nor is the address fetched again, which would replace what the file says.
        if now.is_some_and(|(_, settings)| settings.metadata_url.is_some()) {
            saml.insert("metadata_url".into(), Value::Null);
        }
    }
    let mut text = |name: &str| {
        let value = upload.text(name);
        if !value.is_empty() {
            saml.insert(name.to_owned(), value.into());
        }
    };
    text("attribute_preset");
    text("name_id_format");
    saml.insert("idp_initiated".into(), upload.has("idp_initiated").into());
    // A new service provider takes this setting from its metadata.
    if now.is_some() {
        saml.insert("signed_requests".into(), upload.has("signed_requests").into());
    }
    let mut document = Map::new();
    let name = upload.text("name");
    document.insert("client_name".into(), if name.is_empty() { Value::Null } else { name.into() });
    document.insert("first_party".into(), upload.has("first_party").into());
    document.insert("saml".into(), saml.into());
    if now.is_none() && !sent.entity_id.is_empty() {
        document.insert("client_id".into(), sent.entity_id.into());
    }
    document
}

#[cfg(test)]
mod tests {
    use sojourn_model::AssertionConsumer;

    use super::*;

    #[test]
    fn addresses_keep_their_index_and_new_ones_get_a_free_one() {
        let known =
            |url: &str, index| AssertionConsumer { url: url.into(), index, is_default: false };
        let assertion_consumers = vec![known("a", 0), known("b", u16::MAX)];
        let settings = SamlSettings { assertion_consumers, ..SamlSettings::default() };
        let found = consumers("b\nc\n\n d \na", Some(&settings));
        let found: Vec<_> = found.as_array().expect("a list").iter().collect();
        let indexes: Vec<_> = found.iter().map(|one| one["index"].as_u64()).collect();
        assert_eq!(indexes, [Some(u16::MAX.into()), Some(1), Some(2), Some(0)]);
        assert_eq!(found[0]["is_default"], true);
        assert_eq!(found[3]["is_default"], false);
    }

    #[test]
    fn certificates_are_taken_apart() {
        let pem = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----";
        assert_eq!(certificates(&format!("{pem}\n\n{pem}\n")), [pem, pem]);
        assert_eq!(certificates("AA\nBB\n\nCC"), ["AA\nBB", "CC"]);
        assert!(certificates(" \n\n ").is_empty());
    }
}
