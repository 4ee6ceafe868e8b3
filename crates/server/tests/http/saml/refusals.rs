//! What isn't answered: nothing leaves, and the page says why.

use serde_json::json;
use sojourn_saml::binding::{self, Kind};
use sojourn_saml::xml::Element;
use sojourn_testkit::service_provider::ServiceProvider;

use super::{Read, ask, scene};

#[tokio::test]
async fn requests_that_are_not_the_service_providers_own() {
    let (server, sp, _) = scene(json!({})).await;
    let stranger = ServiceProvider::start("https://stranger.test").await;
    let thief = ServiceProvider::start("https://sp.test/metadata").await;
    let browser = server.signed_in("alex", "alex123").await;
    let now = server.engine.now();
    for other in [&stranger, &thief] {
        other.talks_to(&server.base);
    }
    let plain = |sp: &ServiceProvider| sp.request("_1", now, |request| request).write();
    let with = |change: fn(Element) -> Element| sp.request("_1", now, change).write();
    let old = sp.request("_1", now.plus(-600_000), |request| request).write();
    let early = sp.request("_1", now.plus(600_000), |request| request).write();
    for (why, path) in [
        ("unknown", stranger.by_query(Kind::Request, &plain(&stranger), None, true)),
        ("not signed", sp.by_query(Kind::Request, &plain(&sp), None, false)),
        ("signed by another", thief.by_query(Kind::Request, &plain(&sp), None, true)),
        ("too old", sp.by_query(Kind::Request, &old, None, true)),
        ("too early", sp.by_query(Kind::Request, &early, None, true)),
        (
            "another address",
            sp.by_query(
                Kind::Request,
                &with(|request| request.attr("AssertionConsumerServiceURL", "https://evil.test/")),
                None,
                true,
            ),
        ),
        (
            "another number",
            sp.by_query(
                Kind::Request,
                &with(|request| request.attr("AssertionConsumerServiceIndex", "7")),
                None,
                true,
            ),
        ),
        (
            "another destination",
            sp.by_query(
                Kind::Request,
                &plain(&sp).replace(&server.base, "https://evil.test"),
                None,
                true,
            ),
        ),
        ("a long RelayState", sp.by_query(Kind::Request, &plain(&sp), Some(&"x".repeat(81)), true)),
        ("no request", sp.by_query(Kind::Response, &plain(&sp), None, true)),
        ("nothing", "/samlsso".to_owned()),
        ("no base64", "/samlsso?SAMLRequest=!".to_owned()),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 400, "{why}: {answer:?}");
        assert!(answer.field("SAMLResponse").is_empty(), "{why}");
    }
    // A signature of the query that was taken for another request.
    let good = sp.by_query(Kind::Request, &plain(&sp), Some("a"), true);
    let changed = good.replace("RelayState=a", "RelayState=b");
    assert_eq!(browser.get(&changed).await.status, 400);
    assert_eq!(Read::of(&server, &browser.get(&good).await).await.status(), ["Success"]);
}

#[tokio::test]
async fn a_request_is_answered_once_and_again_only_to_the_same_session() {
    let (server, sp, _) = scene(json!({})).await;
    server.user("mia", "mia12345", &[]).await;
    let now = server.engine.now();
    let xml = sp.request("_once", now, |request| request).write();
    let alex = server.signed_in("alex", "alex123").await;
    for _ in 0..2 {
        let read = Read::of(&server, &ask(&alex, &sp, &xml, None).await).await;
        assert_eq!(read.status(), ["Success"]);
    }
    let mia = server.signed_in("mia", "mia12345").await;
    let answer = ask(&mia, &sp, &xml, None).await;
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[tokio::test]
async fn the_binding_of_the_answer_is_post() {
    let (server, sp, _) = scene(json!({})).await;
    let browser = server.signed_in("alex", "alex123").await;
    let artifact = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Artifact";
    let xml =
        sp.request("_1", server.engine.now(), |request| request.attr("ProtocolBinding", artifact));
    let read = Read::of(&server, &ask(&browser, &sp, &xml.write(), None).await).await;
    assert_eq!(read.status(), ["Requester", "UnsupportedBinding"]);
}

#[tokio::test]
async fn openid_and_saml_don_t_know_each_others_applications() {
    let (server, sp, app) = scene(json!({})).await;
    server.app("openid", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let answer = browser.authorize(&app.client_id, "openid", &[]).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let openid = ServiceProvider::start("openid").await;
    let xml = openid.request("_1", server.engine.now(), |request| request).write();
    assert_eq!(ask(&browser, &openid, &xml, None).await.status, 400);
    let form = [("grant_type", "client_credentials"), ("client_id", &*app.client_id)];
    assert_eq!(server.post("/oauth2/token", None, &form).await.status, 401);
    let _ = sp;
}

#[tokio::test]
async fn malformed_envelopes_are_faults() {
    let (server, sp, _) = scene(json!({})).await;
    let request = sp.request("_1", server.engine.now(), |request| request).write();
    for body in ["", "<a/>", "{}", &binding::envelope(request)] {
        let answer = server.browser().post_body("/samlsso/soap", "text/xml", body.to_owned()).await;
        assert_eq!(answer.status, 500, "{body}");
        assert!(answer.body.contains("faultstring"), "{}", answer.body);
    }
}
