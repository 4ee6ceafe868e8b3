//! SAML 2.0: a service provider against the server. `Profiles`, `Core` and `Bindings` are those of SAML 2.0.

mod logout;
mod management;
mod refusals;
mod sign_on;

use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_model::Application;
use sojourn_saml::binding::{self, Kind};
use sojourn_saml::names::PROTOCOL;
use sojourn_saml::signature::verify;
use sojourn_saml::xml::Document;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::service_provider::ServiceProvider;

/// Registers a service provider by its metadata, with further settings.
pub(super) async fn register(
    server: &TestServer,
    sp: &ServiceProvider,
    saml: Value,
) -> Application {
    sp.talks_to(&server.base);
    let mut settings = json!({ "metadata": sp.metadata(), "name_id_format": "persistent" });
    for (name, value) in saml.as_object().expect("an object") {
        settings[name] = value.clone();
    }
    let document = json!({ "saml": settings, "first_party": true });
    let document = document.as_object().expect("an object");
    let made =
        server.engine.create_application(&server.tenant, document, &Authority::system()).await;
    made.expect("registered").0
}

/// A response as a service provider reads it: the attributes and texts that matter, after its signature was verified.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) xml: String,
    pub(super) relay_state: String,
}

impl Read {
    /// Takes it out of the form that the browser is to post, and verifies it with the certificate of the metadata.
    pub(super) async fn of(server: &TestServer, answer: &Answer) -> Self {
        let value = answer.field("SAMLResponse");
        assert!(!value.is_empty(), "no response: {answer:?}");
        let carried = binding::from_form(None, Some(&value), None).expect("decodes");
        let certificate = certificate(server).await;
        let xml = String::from_utf8(carried.xml.clone()).expect("UTF-8");
        // An assertion that is signed itself is looked at by itself.
        let assertion = xml.split_once("<saml:Assertion ").map(|(_, rest)| rest);
        let assertion = assertion.and_then(|rest| rest.split_once("</saml:Assertion>"));
        let assertion = assertion
            .map(|(inside, _)| format!("<saml:Assertion {inside}</saml:Assertion>"))
            .filter(|assertion| assertion.contains("<ds:Signature "));
        let signed = assertion.as_ref().unwrap_or(&xml);
        let document = Document::parse(signed.as_bytes()).expect("XML");
        verify(&document, &[certificate]).expect("signed by the server");
        Self { xml, relay_state: answer.field("RelayState") }
    }

    /// The text of the first element of a name.
    pub(super) fn text(&self, name: &str) -> String {
        let tree = tree_of(&self.xml);
        let found = tree.descendants().find(|node| node.tag_name().name() == name);
        found.and_then(|node| node.text().map(str::to_owned)).unwrap_or_default()
    }

    /// An attribute of the first element of a name.
    pub(super) fn attr(&self, name: &str, attribute: &str) -> String {
        let tree = tree_of(&self.xml);
        let found = tree.descendants().find(|node| node.tag_name().name() == name);
        found.and_then(|node| node.attribute(attribute).map(str::to_owned)).unwrap_or_default()
    }

    /// The names of its status, without their namespace.
    pub(super) fn status(&self) -> Vec<String> {
        let tree = tree_of(&self.xml);
        tree.descendants()
            .filter(|node| node.has_tag_name((PROTOCOL, "StatusCode")))
            .filter_map(|node| node.attribute("Value"))
            .map(|value| value.rsplit(':').next().unwrap_or_default().to_owned())
            .collect()
    }

    /// The values of an attribute of the person.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let tree = tree_of(&self.xml);
        tree.descendants()
            .filter(|node| {
                node.tag_name().name() == "Attribute" && node.attribute("Name") == Some(name)
            })
            .flat_map(|node| node.children())
            .filter_map(|node| node.text().map(str::to_owned))
            .collect()
    }
}

fn tree_of(xml: &str) -> roxmltree::Document<'_> {
    roxmltree::Document::parse(xml).expect("XML")
}

/// The certificate in the server's metadata.
pub(super) async fn certificate(server: &TestServer) -> sojourn_crypto::Certificate {
    let metadata = server.browser().get("/identity/metadata/saml2").await;
    assert_eq!(metadata.status, 200, "{metadata:?}");
    let text = metadata.body.split_once("<ds:X509Certificate>").expect("a certificate").1;
    let text = text.split('<').next().expect("its end");
    sojourn_crypto::Certificate::from_text(text).expect("a certificate")
}

/// A request by query, as a browser brings it.
pub(super) async fn ask(
    browser: &Browser,
    sp: &ServiceProvider,
    xml: &str,
    relay_state: Option<&str>,
) -> Answer {
    browser.get(&sp.by_query(Kind::Request, xml, relay_state, true)).await
}

/// A server with Alex, a service provider, and what is registered of it.
pub(super) async fn scene(saml: Value) -> (TestServer, ServiceProvider, Application) {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &["courier"]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    let app = register(&server, &sp, saml).await;
    (server, sp, app)
}
