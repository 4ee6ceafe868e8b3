//! Single logout (Profiles §4.4).

use serde_json::json;
use sojourn_engine::{Authority, EndPlan};
use sojourn_model::{Actor, DeliveryState, EndReason, EndTarget};
use sojourn_saml::binding::{self, Kind};
use sojourn_saml::{NameId, SubStatus};
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Browser, TestServer};
use sojourn_testkit::service_provider::ServiceProvider;

use super::{Read, ask, register, scene};

/// Signs Alex on, and answers the name and the number of the stay.
async fn signed_on(
    server: &TestServer,
    browser: &Browser,
    sp: &ServiceProvider,
    id: &str,
) -> (NameId, String) {
    let xml = sp.request(id, server.engine.now(), |request| request).write();
    let read = Read::of(server, &ask(browser, sp, &xml, None).await).await;
    assert_eq!(read.status(), ["Success"]);
    let attr = |name: &str| Some(read.attr("NameID", name)).filter(|value| !value.is_empty());
    let name = NameId {
        value: read.text("NameID"),
        format: read.attr("NameID", "Format"),
        qualifier: attr("NameQualifier"),
        sp_qualifier: attr("SPNameQualifier"),
    };
    (name, read.attr("AuthnStatement", "SessionIndex"))
}

async fn living(server: &TestServer, browser: &Browser) -> bool {
    let xml = browser.get("/myaccount/security").await;
    let _ = server;
    xml.status == 200
}

#[tokio::test]
async fn an_end_of_any_kind_is_told_by_soap_with_the_name_that_was_given() {
    let (server, sp, app) = scene(json!({})).await;
    let browser = server.signed_in("alex", "alex123").await;
    let (name, index) = signed_on(&server, &browser, &sp, "_1").await;
    let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
    let plan = EndPlan::new(EndTarget::User(user.id), EndReason::Admin, Actor::Operator);
    server.engine.end_sessions(&server.tenant, plan, &Authority::system()).await.expect("ended");
    let told = sp.wait_for(1).await;
    assert_eq!((&told[0].name, &told[0].session_indexes), (&name, &vec![index]));
    let deliveries = eventually("a receipt", async || {
        let all = server.engine.reads(server.tenant.id).deliveries(10).await.ok()?;
        all.iter().all(|one| one.state == DeliveryState::Delivered).then_some(all)
    })
    .await;
    assert_eq!((deliveries.len(), deliveries[0].app), (1, app.id));
}

#[tokio::test]
async fn who_does_not_follow_is_told_again_and_its_answer_is_kept() {
    let (server, sp, _) = scene(json!({})).await;
    let browser = server.signed_in("alex", "alex123").await;
    signed_on(&server, &browser, &sp, "_1").await;
    sp.answer([Some(SubStatus::RequestDenied), None]);
    let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
    let plan = EndPlan::new(EndTarget::User(user.id), EndReason::Admin, Actor::Operator);
    server.engine.end_sessions(&server.tenant, plan, &Authority::system()).await.expect("ended");
    let tenant = server.tenant.id;
    for (attempts, want) in [
        (1, "it answered Responder, RequestDenied"),
        // A fault comes with status 500.
        (2, ""),
    ] {
        let one = eventually("an attempt", async || {
            let all = server.engine.reads(tenant).deliveries(10).await.ok()?;
            all.into_iter().find(|one| one.attempts == attempts)
        })
        .await;
        assert_eq!(one.state, DeliveryState::Pending);
        assert_eq!(one.last_error.as_deref().unwrap_or_default(), want);
        server.clock.advance(10_000);
    }
    eventually("followed", async || {
        let all = server.engine.reads(tenant).deliveries(10).await.ok()?;
        (all[0].state == DeliveryState::Delivered).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_service_provider_ends_the_session_in_the_browser_and_the_others_follow() {
    let (server, sp, _) = scene(json!({})).await;
    let other = ServiceProvider::start("https://other.test").await;
    register(&server, &other, json!({})).await;
    let inbox = sojourn_testkit::inbox::Inbox::start().await;
    server.app("openid", |app| app.backchannel_logout_uri = Some(inbox.uri())).await;
    let browser = server.signed_in("alex", "alex123").await;
    let (name, index) = signed_on(&server, &browser, &sp, "_1").await;
    signed_on(&server, &browser, &other, "_2").await;
    server.tokens(&browser, "openid", "openid").await;
    let now = server.engine.now();
    let address = format!("{}/samlsso", server.base);
    let xml = sp.logout(&address, now, &name, &index, false);
    let answer = browser.get(&sp.by_query(Kind::Request, &xml, Some("bye"), true)).await;
    let location = answer.location().to_owned();
    assert!(location.starts_with("https://sp.test/slo?SAMLResponse="), "{answer:?}");
    let carried = binding::from_query(location.split_once('?').expect("a query").1).expect("reads");
    let certificate = super::certificate(&server).await;
    carried.signature.as_ref().expect("signed").verify(&[certificate]).expect("by the server");
    assert_eq!(carried.relay_state.as_deref(), Some("bye"));
    let xml = String::from_utf8(carried.xml).expect("UTF-8");
    assert!(xml.contains("InResponseTo=\"_logout\"") && xml.contains(":status:Success"), "{xml}");
    assert!(!xml.contains("PartialLogout"), "{xml}");
    assert!(!living(&server, &browser).await);
    assert_eq!((other.requests().len(), inbox.tokens().len()), (1, 1));
    // The one that asked is answered and not told as well.
    assert_eq!(sp.requests().len(), 0);
}

#[tokio::test]
async fn what_did_not_follow_makes_a_partial_logout() {
    let (server, sp, _) = scene(json!({})).await;
    let other = ServiceProvider::start("https://other.test").await;
    register(&server, &other, json!({})).await;
    other.answer([Some(SubStatus::RequestDenied)]);
    let browser = server.signed_in("alex", "alex123").await;
    let (name, index) = signed_on(&server, &browser, &sp, "_1").await;
    signed_on(&server, &browser, &other, "_2").await;
    // From server to server, with all that was given: no browser is needed.
    let soap = format!("{}/samlsso/soap", server.base);
    let xml = sp.logout(&soap, server.engine.now(), &name, &index, true);
    let answer =
        server.browser().post_body("/samlsso/soap", "text/xml", binding::envelope(xml)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body.contains(":status:PartialLogout"), "{}", answer.body);
    assert!(!living(&server, &browser).await);
}

#[tokio::test]
async fn a_logout_that_is_not_proven_ends_nothing() {
    let (server, sp, _) = scene(json!({})).await;
    let stranger = ServiceProvider::start("https://sp.test/metadata").await;
    let browser = server.signed_in("alex", "alex123").await;
    let (name, index) = signed_on(&server, &browser, &sp, "_1").await;
    let now = server.engine.now();
    let address = format!("{}/samlsso", server.base);
    let soap = format!("{}/samlsso/soap", server.base);
    let unsigned = sp.logout(&address, now, &name, &index, false);
    let by_query =
        |signer: &ServiceProvider, signed| signer.by_query(Kind::Request, &unsigned, None, signed);
    for path in [by_query(&sp, false), by_query(&stranger, true)] {
        assert_eq!(browser.get(&path).await.status, 400, "{path}");
    }
    for xml in [
        sp.logout(&soap, now, &name, &index, false),
        stranger.logout(&soap, now, &name, &index, true),
        sp.logout(&soap, now, &name, &index, true)
            .replace(&index, "0123456789abcdef0123456789abcdef"),
    ] {
        let answer = browser.post_body("/samlsso/soap", "text/xml", binding::envelope(xml)).await;
        assert_eq!(answer.status, 500, "{answer:?}");
    }
    // Another name, and another number: nobody is meant.
    let nobody = NameId { value: "somebody".into(), ..name.clone() };
    let elsewhere = "0123456789abcdef0123456789abcdef";
    for (name, index) in [(&nobody, index.as_str()), (&name, elsewhere)] {
        let xml = sp.logout(&soap, now, name, index, true);
        let answer = browser.post_body("/samlsso/soap", "text/xml", binding::envelope(xml)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(living(&server, &browser).await);
}

/// The browser of somebody else, or none: the person's session ends, and nothing of it is shown or taken there.
#[tokio::test]
async fn a_logout_that_another_browser_brings_leaves_that_browser_alone() {
    let (server, sp, _) = scene(json!({})).await;
    server.user("mia", "mia12345", &[]).await;
    server
        .app("openid", |app| {
            app.settings.oidc.frontchannel_logout_uri = Some("https://app.test/out".into());
        })
        .await;
    let browser = server.signed_in("alex", "alex123").await;
    let (name, index) = signed_on(&server, &browser, &sp, "_1").await;
    server.tokens(&browser, "openid", "openid").await;
    let mia = server.signed_in("mia", "mia12345").await;
    let xml =
        sp.logout(&format!("{}/samlsso", server.base), server.engine.now(), &name, &index, false);
    let path = sp.by_query(Kind::Request, &xml, None, true);
    let answer = mia.get(&path).await;
    assert!(answer.location().starts_with("https://sp.test/slo?SAMLResponse="), "{answer:?}");
    assert!(!answer.body.contains("app.test"), "{answer:?}");
    assert!(living(&server, &mia).await);
    assert!(!living(&server, &browser).await);

    // The same request once more doesn't end what began since.
    browser.sign_in("alex", "alex123").await;
    signed_on(&server, &browser, &sp, "_2").await;
    let again =
        sp.logout(&format!("{}/samlsso", server.base), server.engine.now(), &name, &index, false);
    let again = again.replace(&format!("<samlp:SessionIndex>{index}</samlp:SessionIndex>"), "");
    mia.get(&sp.by_query(Kind::Request, &again, None, true)).await;
    assert!(living(&server, &browser).await);
}

/// A status, and an HTTP answer without one, aren't the same.
#[tokio::test]
async fn somebody_who_is_not_known_there_is_not_signed_in_there() {
    let (server, sp, _) = scene(json!({})).await;
    let browser = server.signed_in("alex", "alex123").await;
    signed_on(&server, &browser, &sp, "_1").await;
    sp.answer([Some(SubStatus::UnknownPrincipal)]);
    let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
    let plan = EndPlan::new(EndTarget::User(user.id), EndReason::Admin, Actor::Operator);
    server.engine.end_sessions(&server.tenant, plan, &Authority::system()).await.expect("ended");
    eventually("followed", async || {
        let all = server.engine.reads(server.tenant.id).deliveries(10).await.ok()?;
        (all[0].state == DeliveryState::Delivered && all[0].attempts == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_has_no_soap_is_told_in_a_frame_and_its_answer_is_a_receipt() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    let services = json!([{ "binding": "redirect", "url": "https://sp.test/slo" }]);
    let settings = json!({
        "assertion_consumers": [{ "url": sp.acs() }],
        "logout_services": services,
        "certificates": [sp.signer.certificate().base64()],
    });
    let document = json!({ "client_id": sp.entity_id, "saml": settings, "first_party": true });
    let document = document.as_object().expect("an object").clone();
    let by = sojourn_engine::Authority::system();
    server.engine.create_application(&server.tenant, &document, &by).await.expect("registered");
    sp.talks_to(&server.base);
    let browser = server.signed_in("alex", "alex123").await;
    signed_on(&server, &browser, &sp, "_1").await;
    let page = browser.get("/myaccount/security").await;
    let csrf = page.field("csrf");
    let page = browser.post("/logout", &[("csrf", &*csrf)]).await;
    let frame = page.body.split_once("https://sp.test/slo?SAMLRequest=").expect("a frame").1;
    let query =
        frame.split('"').next().expect("its end").replace("&#38;", "&").replace("&amp;", "&");
    let carried = binding::from_query(&format!("SAMLRequest={query}")).expect("reads");
    let xml = String::from_utf8(carried.xml).expect("UTF-8");
    let id = xml.split_once(" ID=\"").expect("an id").1.split('"').next().expect("its end");
    // What it answers comes back in the frame.
    let answer = sojourn_saml::logout::Answer {
        issuer: &sp.entity_id,
        id: "_answer",
        destination: Some(&format!("{}/samlsso", server.base)),
        in_response_to: Some(id),
        now: server.engine.now(),
        status: sojourn_saml::Status::Success(None),
        message: None,
    };
    let xml = answer.write(None).expect("writes");
    let noted = browser.get(&sp.by_query(Kind::Response, &xml, None, true)).await;
    assert_eq!(noted.status, 200, "{noted:?}");
    let all = server.engine.reads(server.tenant.id).deliveries(10).await.expect("reads");
    assert_eq!(all[0].state, DeliveryState::Delivered);
}
