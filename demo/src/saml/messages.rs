//! What the application sends and what it takes: requests, assertions, logout requests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::{Document, Node};

use super::xml::{child, is_signed, text_at};

const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// The response says why there is no assertion.
pub(super) const DECLINED: &str = "the identity provider declined";
/// Seconds by which clocks may differ.
const SKEW: u64 = 60;

/// What is known of the identity provider, from its metadata.
pub(super) struct Provider {
    pub(super) entity_id: String,
    pub(super) sign_on: String,
    pub(super) logout: String,
    pub(super) keys: Vec<Vec<u8>>,
}

impl Provider {
    pub(super) fn read(metadata: &str) -> Option<Self> {
        let document = Document::parse(metadata).ok()?;
        let root = document.root_element();
        let role = child(root, "IDPSSODescriptor")?;
        let at = |name: &str, binding: &str| {
            let mut all = role.children().filter(|one| one.tag_name().name() == name);
            let found =
                all.find(|one| one.attribute("Binding").is_some_and(|it| it.ends_with(binding)));
            found.and_then(|one| one.attribute("Location")).map(str::to_owned)
        };
        let certificates = role
            .descendants()
            .filter(|one| one.tag_name().name() == "X509Certificate")
            .filter_map(|one| one.text());
        Some(Self {
            entity_id: root.attribute("entityID")?.to_owned(),
            sign_on: at("SingleSignOnService", "HTTP-POST")?,
            logout: at("SingleLogoutService", "HTTP-POST")?,
            keys: certificates.filter_map(super::xml::key_of).collect(),
        })
    }
}

/// A person who is signed in.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) name_id: String,
    pub(super) session_index: String,
}

#[expect(clippy::disallowed_methods, reason = "an application looks at its own clock")]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A time as `xs:dateTime` in UTC, to the second (the days of the civil calendar, after H. Hinnant).
fn instant(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted - era * 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn header(id: &str, destination: &str) -> String {
    let now = instant(now().as_secs());
    format!("ID=\"{id}\" Version=\"2.0\" IssueInstant=\"{now}\" Destination=\"{destination}\"")
}

fn issuer(entity_id: &str) -> String {
    format!(
        "<saml:Issuer xmlns:saml=\"{ASSERTION}\">{}</saml:Issuer>",
        crate::pages::escaped(entity_id)
    )
}

/// An authentication request, as the form carries it.
pub(super) fn sign_on(
    id: &str,
    entity_id: &str,
    (acs, passive): (&str, bool),
    provider: &Provider,
) -> String {
    let xml = format!(
        "<samlp:AuthnRequest xmlns:samlp=\"{PROTOCOL}\" {} AssertionConsumerServiceURL=\"{acs}\" IsPassive=\"{passive}\">{}</samlp:AuthnRequest>",
        header(id, &provider.sign_on),
        issuer(entity_id)
    );
    STANDARD.encode(xml)
}

/// A logout request, as the form carries it. It isn't signed: it names the session, which nobody else knows.
pub(super) fn logout(id: &str, entity_id: &str, person: &Person, provider: &Provider) -> String {
    let xml = format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{PROTOCOL}\" {}>{}<saml:NameID xmlns:saml=\"{ASSERTION}\">{}</saml:NameID>\
         <samlp:SessionIndex>{}</samlp:SessionIndex></samlp:LogoutRequest>",
        header(id, &provider.logout),
        issuer(entity_id),
        crate::pages::escaped(&person.name_id),
        crate::pages::escaped(&person.session_index)
    );
    STANDARD.encode(xml)
}

/// The person of a response: its one assertion is signed, for this application, for this request, and in its time.
pub(super) fn person(
    form_value: &str,
    request: &str,
    entity_id: &str,
    acs: &str,
    provider: &Provider,
) -> Result<Person, &'static str> {
    let packed: String = form_value.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).map_err(|_| "the response is no base64")?;
    let xml = String::from_utf8(bytes).map_err(|_| "the response is no UTF-8")?;
    let document = Document::parse(&xml).map_err(|_| "the response is no XML")?;
    let root = document.root_element();
    let status = child(root, "Status").and_then(|status| child(status, "StatusCode"));
    let status = status.and_then(|code| code.attribute("Value")).unwrap_or_default();
    if !status.ends_with(":Success") {
        return Err(DECLINED);
    }
    let all = document.descendants().filter(|one| one.has_tag_name((ASSERTION, "Assertion")));
    let assertion = child(root, "Assertion").ok_or("there is no assertion")?;
    if all.count() != 1 || !is_signed(assertion, &provider.keys) {
        return Err("the assertion isn't signed by the identity provider");
    }
    // From here on everything is read from what was signed.
    let confirmed = ["Subject", "SubjectConfirmation", "SubjectConfirmationData"];
    let confirmed = confirmed.iter().try_fold(assertion, |node, name| child(node, name));
    let confirmed = confirmed.ok_or("the assertion isn't confirmed")?;
    let meant = text_at(assertion, &["Issuer"]) == Some(&provider.entity_id)
        && text_at(assertion, &["Conditions", "AudienceRestriction", "Audience"])
            == Some(entity_id)
        && confirmed.attribute("Recipient") == Some(acs)
        && confirmed.attribute("InResponseTo") == Some(request);
    if !meant {
        return Err("the assertion is meant for something else");
    }
    let until = confirmed.attribute("NotOnOrAfter").unwrap_or_default();
    // Times of the same form sort as text.
    if until <= instant(now().as_secs().saturating_sub(SKEW)).as_str() {
        return Err("the assertion is too old");
    }
    let name_id = text_at(assertion, &["Subject", "NameID"]).ok_or("the assertion has no name")?;
    let statement = child(assertion, "AuthnStatement");
    let index = statement.and_then(|one| one.attribute("SessionIndex"));
    let shown = attribute(assertion, "name").unwrap_or(name_id);
    Ok(Person {
        name: shown.to_owned(),
        name_id: name_id.to_owned(),
        session_index: index.ok_or("the assertion has no session")?.to_owned(),
    })
}

fn attribute<'a>(assertion: Node<'a, '_>, name: &str) -> Option<&'a str> {
    let statement = child(assertion, "AttributeStatement")?;
    let found = statement.children().find(|one| one.attribute("Name") == Some(name))?;
    text_at(found, &["AttributeValue"])
}

/// What a logout request by SOAP ends, and its id.
pub(super) struct Ended {
    pub(super) id: String,
    pub(super) session_index: String,
}

/// Reads a logout request in an envelope, which has to be signed by the identity provider.
pub(super) fn ended(envelope: &str, provider: &Provider) -> Result<Ended, &'static str> {
    let document = Document::parse(envelope).map_err(|_| "no XML")?;
    let body = child(document.root_element(), "Body").ok_or("no body")?;
    let request = child(body, "LogoutRequest").ok_or("no logout request")?;
    if !is_signed(request, &provider.keys) {
        return Err("the logout request isn't signed by the identity provider");
    }
    let until = request.attribute("NotOnOrAfter").unwrap_or_default();
    if until <= instant(now().as_secs().saturating_sub(SKEW)).as_str() {
        return Err("the logout request is too old");
    }
    let index = text_at(request, &["SessionIndex"]).ok_or("the logout request names no session")?;
    let id = request.attribute("ID").unwrap_or_default();
    Ok(Ended { id: id.to_owned(), session_index: index.to_owned() })
}

/// The answer to it.
pub(super) fn followed(id: &str, request: &str, entity_id: &str) -> String {
    format!(
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <samlp:LogoutResponse xmlns:samlp=\"{PROTOCOL}\" ID=\"{id}\" Version=\"2.0\" IssueInstant=\"{}\" InResponseTo=\"{}\">\
         {}<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>\
         </samlp:LogoutResponse></soap:Body></soap:Envelope>",
        instant(now().as_secs()),
        crate::pages::escaped(request),
        issuer(entity_id)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, want) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(instant(seconds), want);
        }
    }
}
