//! Single sign-on (Profiles §4.1).

use serde_json::json;
use sojourn_engine::Authority;
use sojourn_saml::binding::{self, Kind};
use sojourn_saml::xml::Element;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::service_provider::ServiceProvider;
use sojourn_testkit::store::Engine;

use super::{Read, ask, register, scene};

#[tokio::test]
async fn a_person_signs_in_once_and_the_service_provider_learns_who_it_is() {
    let preset = json!({ "attribute_preset": "basic", "signed_part": "response" });
    let (server, sp, app) = scene(preset).await;
    let browser = server.browser();
    let now = server.engine.now();
    let xml = sp.request("_one", now, |request| request).write();
    let answer = ask(&browser, &sp, &xml, Some("back & forth")).await;
    assert!(answer.location().starts_with("/login?ticket="), "{answer:?}");
    let answer = browser.sign_in_at(answer.location(), "alex", "alex123", false).await;
    let answer = browser.get(answer.location()).await;
    assert!(answer.body.contains("action=\"https://sp.test/acs\""), "{}", answer.body);
    let read = Read::of(&server, &answer).await;
    assert_eq!(read.status(), ["Success"]);
    assert_eq!(read.relay_state, "back &#38; forth");
    assert_eq!(read.attr("Response", "InResponseTo"), "_one");
    assert_eq!(read.attr("Response", "Destination"), "https://sp.test/acs");
    assert_eq!(read.attr("SubjectConfirmationData", "Recipient"), "https://sp.test/acs");
    assert_eq!(read.attr("SubjectConfirmationData", "InResponseTo"), "_one");
    assert_eq!(read.text("Audience"), "https://sp.test/metadata");
    assert_eq!(read.text("Issuer"), format!("{}/identity/metadata/saml2", server.base));
    assert_eq!(read.values("username"), ["alex"]);
    assert_eq!(read.values("email"), ["alex@example.test"]);
    assert_eq!(read.values("roles"), ["courier"]);
    assert_eq!(read.attr("NameID", "SPNameQualifier"), "https://sp.test/metadata");
    assert!(read.text("AuthnContextClassRef").ends_with(":PasswordProtectedTransport"));

    // The same session, another request: nobody is asked, and the name is the same.
    let xml = sp.request("_two", now, |request| request).write();
    let again = Read::of(&server, &ask(&browser, &sp, &xml, None).await).await;
    assert_eq!(again.text("NameID"), read.text("NameID"));
    let index = read.attr("AuthnStatement", "SessionIndex");
    assert_eq!(again.attr("AuthnStatement", "SessionIndex"), index);
    assert_ne!(again.attr("Assertion", "ID"), read.attr("Assertion", "ID"));

    // It stands among the applications of the session.
    let page = browser.get("/myaccount/security").await;
    assert!(page.body.contains(&app.name), "{}", page.body);
}

#[tokio::test]
async fn requests_come_by_query_and_by_form_and_what_is_signed_can_be_chosen() {
    for part in ["assertion", "response", "both"] {
        let (server, sp, _) = scene(json!({ "signed_part": part })).await;
        let browser = server.signed_in("alex", "alex123").await;
        let request = sp.request("_one", server.engine.now(), |request| request);
        let value = binding::form_value(&sp.signed(request));
        let form = [("SAMLRequest", &*value), ("RelayState", "x")];
        let answer = browser.post_from("https://sp.test", "/samlsso", &form).await;
        let read = Read::of(&server, &answer).await;
        assert_eq!((read.status(), read.relay_state.as_str()), (vec!["Success".to_owned()], "x"));
        let signatures = read.xml.matches("<ds:Signature ").count();
        assert_eq!(signatures, if part == "both" { 2 } else { 1 }, "{part}");
    }
}

/// With `SameSite=Lax` a browser keeps its cookie back from a form of another site.
#[tokio::test]
async fn a_form_that_came_without_the_cookie_goes_on_by_a_link() {
    let lax = |options: &mut sojourn_server::ServerOptions| options.same_site = "Lax";
    let server = TestServer::with_options(Engine::Sqlite, |_| {}, lax).await;
    server.user("alex", "alex123", &[]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    register(&server, &sp, json!({})).await;
    let signed = |id: &str| {
        let request = sp.request(id, server.engine.now(), |request| request);
        binding::form_value(&sp.signed(request))
    };
    let browser = server.browser();
    let value = signed("_one");
    let led = browser.post_from("https://sp.test", "/samlsso", &[("SAMLRequest", &*value)]).await;
    assert!(led.location().starts_with("/samlsso?continue="), "{led:?}");
    let asked = browser.get(led.location()).await;
    assert!(asked.location().starts_with("/login?ticket="), "{asked:?}");
    let answer = browser.sign_in_at(asked.location(), "alex", "alex123", false).await;
    let read = Read::of(&server, &browser.get(answer.location()).await).await;
    assert_eq!(read.status(), ["Success"]);
}

#[tokio::test]
async fn names_are_given_in_the_format_that_is_asked_for() {
    const PREFIX: &str = "urn:oasis:names:tc:SAML:";
    let (server, sp, _) = scene(json!({})).await;
    let other = ServiceProvider::start("https://other.test").await;
    register(&server, &other, json!({})).await;
    let browser = server.signed_in("alex", "alex123").await;
    let now = server.engine.now();
    let mut seen = Vec::new();
    for (number, format) in [
        "2.0:nameid-format:persistent",
        "2.0:nameid-format:transient",
        "1.1:nameid-format:unspecified",
    ]
    .into_iter()
    .enumerate()
    {
        for provider in [&sp, &other] {
            let xml = provider.request(&format!("_{number}a"), now, |request| {
                let policy = Element::new("samlp:NameIDPolicy");
                request.child(policy.attr("Format", format!("{PREFIX}{format}")))
            });
            let answer = ask(&browser, provider, &xml.write(), None).await;
            let read = Read::of(&server, &answer).await;
            assert_eq!(read.status(), ["Success"], "{format}");
            seen.push(read.text("NameID"));
        }
    }
    // Unspecified is as registered: persistent. All others differ, by format and by service provider.
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
    // What isn't given at all, and what says who somebody is, unless it is registered.
    for (id, format) in [
        ("_x", "urn:oasis:names:tc:SAML:2.0:nameid-format:kerberos"),
        ("_y", "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"),
    ] {
        let xml = sp.request(id, now, |request| {
            request.child(Element::new("samlp:NameIDPolicy").attr("Format", format))
        });
        let read = Read::of(&server, &ask(&browser, &sp, &xml.write(), None).await).await;
        assert_eq!(read.status(), ["Requester", "InvalidNameIDPolicy"]);
    }
    let mail = ServiceProvider::start("https://mail.test").await;
    register(&server, &mail, json!({ "name_id_format": "email_address" })).await;
    let xml = mail.request("_z", now, |request| request).write();
    let read = Read::of(&server, &ask(&browser, &mail, &xml, None).await).await;
    assert_eq!(read.text("NameID"), "alex@example.test");
}

#[tokio::test]
async fn passive_forced_and_contexts_are_needs_like_those_of_openid() {
    let (server, sp, _) = scene(json!({})).await;
    let browser = server.browser();
    let now = server.engine.now();
    let passive =
        |id: &str| sp.request(id, now, |request| request.attr("IsPassive", "true")).write();
    let read = Read::of(&server, &ask(&browser, &sp, &passive("_1"), None).await).await;
    assert_eq!(read.status(), ["Responder", "NoPassive"]);
    browser.sign_in("alex", "alex123").await;
    let read = Read::of(&server, &ask(&browser, &sp, &passive("_2"), None).await).await;
    assert_eq!(read.status(), ["Success"]);

    // Core §3.4.1: the person proves afresh who they are, and the assertion says when.
    server.clock.advance(60_000);
    let before = read.attr("AuthnStatement", "AuthnInstant");
    let forced =
        sp.request("_3", server.engine.now(), |request| request.attr("ForceAuthn", "true"));
    let answer = ask(&browser, &sp, &forced.write(), None).await;
    assert!(answer.location().starts_with("/login?ticket="), "{answer:?}");
    let answer = browser.sign_in_at(answer.location(), "alex", "alex123", false).await;
    let read = Read::of(&server, &browser.get(answer.location()).await).await;
    assert!(read.attr("AuthnStatement", "AuthnInstant") > before, "{before}");

    // A level that the person has no factor for.
    for (id, comparison, class, want) in [
        ("_4", "exact", "https://refeds.org/profile/mfa", vec!["Responder", "NoAuthnContext"]),
        ("_5", "exact", "urn:x", vec!["Responder", "NoAuthnContext"]),
        ("_6", "minimum", "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", vec!["Success"]),
    ] {
        let now = server.engine.now();
        let xml = sp.request(id, now, |request| {
            let class = Element::new("saml:AuthnContextClassRef").text(class);
            let asked = Element::new("samlp:RequestedAuthnContext").attr("Comparison", comparison);
            request.child(asked.child(class))
        });
        let read = Read::of(&server, &ask(&browser, &sp, &xml.write(), None).await).await;
        assert_eq!(read.status(), want, "{class}");
    }
}

#[tokio::test]
async fn a_third_party_is_approved_once_and_a_refusal_is_told() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    sp.talks_to(&server.base);
    let document = json!({ "saml": { "metadata": sp.metadata(), "attribute_preset": "basic" } });
    let document = document.as_object().expect("an object").clone();
    let by = Authority::system();
    server.engine.create_application(&server.tenant, &document, &by).await.expect("registered");
    let browser = server.signed_in("alex", "alex123").await;
    let now = server.engine.now();
    for (id, say) in [("_1", "no"), ("_2", "yes")] {
        let xml = sp.request(id, now, |request| request).write();
        let answer = ask(&browser, &sp, &xml, None).await;
        assert!(answer.location().starts_with("/consent?ticket="), "{answer:?}");
        let page = browser.get(answer.location()).await;
        let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
        let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", say)];
        let answer = browser.post("/consent", &form).await;
        let read = Read::of(&server, &browser.get(answer.location()).await).await;
        let want = if say == "yes" { vec!["Success"] } else { vec!["Responder", "RequestDenied"] };
        assert_eq!(read.status(), want);
    }
    let xml = sp.request("_3", now, |request| request).write();
    let read = Read::of(&server, &ask(&browser, &sp, &xml, None).await).await;
    assert_eq!(read.status(), ["Success"]);
}

#[tokio::test]
async fn a_sign_on_begins_here_only_where_that_is_allowed() {
    for allowed in [false, true] {
        let (server, sp, _) = scene(json!({ "idp_initiated": allowed })).await;
        let browser = server.signed_in("alex", "alex123").await;
        let id: String = form_urlencoded::byte_serialize(sp.entity_id.as_bytes()).collect();
        let answer = browser.get(&format!("/samlsso?spEntityID={id}&RelayState=start")).await;
        if !allowed {
            assert_eq!(answer.status, 400, "{answer:?}");
            continue;
        }
        let read = Read::of(&server, &answer).await;
        assert_eq!(
            (read.status(), read.relay_state.as_str()),
            (vec!["Success".to_owned()], "start")
        );
        assert_eq!(read.attr("Response", "InResponseTo"), "");
    }
}

#[tokio::test]
async fn the_tenant_of_wso2s_parameter_answers() {
    let server = TestServer::start().await;
    let tenant = server.second_tenant("acme").await;
    server.user_in(&tenant, "mia", "mia12345", &[]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    sp.talks_to(&format!("{}/t/acme", server.base));
    let document = json!({ "saml": { "metadata": sp.metadata() }, "first_party": true });
    let document = document.as_object().expect("an object").clone();
    let by = Authority::system();
    server.engine.create_application(&tenant, &document, &by).await.expect("registered");
    let xml = sp.request("_1", server.engine.now(), |request| request).write();
    let path = sp.by_query(Kind::Request, &xml, None, true);
    let browser = server.browser();
    // Not of this tenant.
    assert_eq!(browser.get(&path).await.status, 400);
    let elsewhere = browser.get(&format!("{path}&tenantDomain=acme")).await;
    assert_eq!(elsewhere.status, 307);
    assert!(elsewhere.location().starts_with("/t/acme/samlsso?SAMLRequest="), "{elsewhere:?}");
    let answer = browser.get(elsewhere.location()).await;
    assert!(answer.location().starts_with("/t/acme/login?ticket="), "{answer:?}");
}
