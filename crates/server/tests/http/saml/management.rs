//! Service providers as administrators see and change them; certificates and their rotation.

use serde_json::json;
use sojourn_engine::Authority;
use sojourn_model::SigningAlg;
use sojourn_testkit::inbox::Documents;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::service_provider::ServiceProvider;

use super::{Read, ask, scene};

const BOSS: (&str, &str) = ("boss", "boss1234");
const PATH: &str = "/api/server/v1/applications";

#[tokio::test]
async fn a_document_is_made_read_changed_and_refused_with_reasons() {
    let server = TestServer::start().await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    let document = json!({
        "client_name": "Wiki",
        "saml": { "metadata": sp.metadata(), "attribute_preset": "oid" },
    });
    let made = server.send("POST", PATH, BOSS, &document).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["protocol"], "saml");
    assert_eq!(made["client_id"], "https://sp.test/metadata");
    assert_eq!(made["saml"]["soap_logout_url"], sp.soap());
    assert_eq!(made["saml"]["signed_requests"], true);
    assert_eq!(made["saml"]["attributes"][0]["friendly_name"], "uid");
    assert!(made.get("client_secret").is_none() && made["saml"].get("metadata").is_none());
    let one = format!("{PATH}/{}", made["id"].as_str().expect("an id"));

    // A part of it; the rest stays. What is answered can be sent back.
    let patch = json!({ "saml": { "idp_initiated": true, "attribute_preset": "none" } });
    let changed = server.send("PATCH", &one, BOSS, &patch).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let changed = changed.json();
    assert_eq!(changed["saml"]["idp_initiated"], true);
    assert_eq!(changed["saml"]["attributes"], json!([]));
    assert_eq!(changed["saml"]["certificates"], made["saml"]["certificates"]);
    let same = server.send("PUT", &one, BOSS, &changed).await;
    assert_eq!((same.status, same.json()), (200, changed));

    // New metadata replaces what the metadata before said.
    let other = ServiceProvider::start("https://sp.test/metadata").await;
    let patch = json!({ "saml": { "metadata": other.metadata() } });
    let changed = server.send("PATCH", &one, BOSS, &patch).await.json();
    assert_eq!(changed["saml"]["soap_logout_url"], other.soap());
    assert_ne!(changed["saml"]["certificates"], made["saml"]["certificates"]);
    assert_eq!(changed["saml"]["idp_initiated"], true);

    for (document, why) in [
        (json!({ "saml": { "metadata": sp.metadata() } }), "already exists"),
        (json!({ "saml": { "metadata": "<a/>" } }), "service provider"),
        (json!({ "saml": { "metadata": "<!DOCTYPE a><a/>" } }), "document type"),
        (json!({ "client_id": "x", "saml": {} }), "assertion consumer service URL"),
        (
            json!({ "client_id": "https://x.test", "saml": { "assertion_consumers": [{ "url": "ftp://x" }] } }),
            "is not an https or http URL",
        ),
        (
            json!({ "client_id": "x", "saml": { "assertion_consumers": [{ "url": "https://x.test" }], "certificates": ["x"] } }),
            "certificate",
        ),
        (
            json!({ "client_id": "x", "saml": { "assertion_consumers": [{ "url": "https://x.test" }], "signed_requests": true } }),
            "certificate",
        ),
        (
            json!({ "client_id": "x", "saml": { "assertion_consumers": [{ "url": "https://x.test" }], "signing_alg": "EdDSA" } }),
            "RS256",
        ),
        (
            json!({ "client_id": "x", "saml": { "assertion_consumers": [{ "url": "https://x.test" }], "colour": "red" } }),
            "colour",
        ),
        (
            json!({ "client_id": "x", "redirect_uris": ["https://x.test"], "saml": { "assertion_consumers": [{ "url": "https://x.test" }] } }),
            "redirect_uris",
        ),
    ] {
        let answer = server.send("POST", PATH, BOSS, &document).await;
        assert!((400..500).contains(&answer.status), "{document} {answer:?}");
        assert!(answer.body.contains(why), "{why}: {}", answer.body);
    }
}

#[tokio::test]
async fn wso2s_words_say_the_same() {
    let (server, sp, app) = scene(json!({})).await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let path = format!("{PATH}/{}/inbound-protocols/saml", app.id);
    let shown = server.api("GET", &path, BOSS).await.json();
    assert_eq!(shown["issuer"], sp.entity_id);
    assert_eq!(shown["assertionConsumerUrls"], json!([sp.acs()]));
    assert_eq!(shown["singleLogoutProfile"]["logoutMethod"], "BACKCHANNEL");
    let change = json!({ "manualConfiguration": {
        "issuer": sp.entity_id,
        "assertionConsumerUrls": ["https://sp.test/acs", "https://sp.test/other"],
        "defaultAssertionConsumerUrl": "https://sp.test/other",
        "singleSignOnProfile": { "enableIdpInitiatedSingleSignOn": true },
        "singleLogoutProfile": {
            "logoutMethod": "FRONTCHANNEL_HTTP_POST", "logoutRequestUrl": "https://sp.test/slo",
        },
    }});
    let changed = server.send("PUT", &path, BOSS, &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let shown = server.api("GET", &path, BOSS).await.json();
    assert_eq!(shown["defaultAssertionConsumerUrl"], "https://sp.test/other");
    assert_eq!(shown["singleLogoutProfile"]["logoutMethod"], "FRONTCHANNEL_HTTP_POST");
    assert_eq!(shown["singleSignOnProfile"]["enableIdpInitiatedSingleSignOn"], true);
    // An application of OpenID has none.
    let other = server.app("openid", |_| {}).await;
    let path = format!("{PATH}/{}/inbound-protocols/saml", other.id);
    assert_eq!(server.api("GET", &path, BOSS).await.status, 404);
}

/// A form with a file, as a browser sends it.
fn form(fields: &[(&str, &str)]) -> (String, String) {
    let mut body = String::new();
    for (name, value) in fields {
        let file = if *name == "metadata" { "; filename=\"sp.xml\"" } else { "" };
        body.push_str(&format!(
            "--limit\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--limit--\r\n");
    ("multipart/form-data; boundary=limit".into(), body)
}

#[tokio::test]
async fn the_console_adds_one_by_its_metadata_and_shows_what_was_taken() {
    let server = TestServer::start().await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    let browser = server.signed_in(BOSS.0, BOSS.1).await;
    let page = browser.get("/console/service-providers/new").await;
    let csrf = page.field("csrf");
    let metadata = sp.metadata();
    for (metadata, good) in [("<a/>", false), (metadata.as_str(), true)] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("metadata", metadata),
            ("name", "Wiki"),
            ("attribute_preset", "microsoft"),
            ("first_party", "on"),
        ];
        let (kind, body) = form(&fields);
        let answer = browser.post_body("/console/service-providers", &kind, body).await;
        if !good {
            assert_eq!(answer.status, 400, "{answer:?}");
            assert!(answer.body.contains("role of a SAML 2.0 service provider"), "{}", answer.body);
            continue;
        }
        assert_eq!(answer.status, 303, "{answer:?}");
        let page = browser.get(answer.location()).await;
        for text in ["Wiki", &sp.acs(), &sp.soap(), "claims/emailaddress", "CN=sp"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        let fields =
            [("csrf", csrf.as_str()), ("changes", "1"), ("name", "Other"), ("act", "save")];
        let (kind, body) = form(&fields);
        let changed = browser.post_body(answer.location(), &kind, body).await;
        assert!(changed.body.contains("The service provider is saved."), "{}", changed.body);
        let list = browser.get("/console/applications").await;
        assert!(list.body.contains("Other") && list.body.contains("SAML"), "{}", list.body);
    }
    // From another site, or without what proves where it comes from.
    let (kind, body) = form(&[("csrf", "x"), ("metadata", &metadata)]);
    assert_eq!(browser.post_body("/console/service-providers", &kind, body).await.status, 403);
}

#[tokio::test]
async fn the_console_shows_what_a_sign_on_would_tell_and_nothing_that_signs_on() {
    let (server, _, app) = scene(json!({ "attribute_preset": "oid" })).await;
    let boss = server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let browser = server.signed_in(BOSS.0, BOSS.1).await;
    let page = browser.get(&format!("/console/service-providers/{}/test", app.id)).await;
    assert_eq!(page.status, 200, "{page:?}");
    for text in
        [BOSS.0, "urn:oid:0.9.2342.19200300.100.1.1", "AuthnStatement", "AudienceRestriction"]
    {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    // The value of a signature is long and of Base64; what is shown has none.
    let signature = page.body.split_once("SignatureValue").expect("it says that it is signed").1;
    let value = signature.split_once("/ds:SignatureValue").expect("it ends").0;
    assert!(value.contains('…') && value.len() < 20, "{value}");
    // Nothing began: there is no stay, and nobody to tell.
    let stays = server.engine.sessions_of_user(&server.tenant, boss.id).await.expect("read");
    assert_eq!(stays.len(), 1);
    assert!(stays.iter().flat_map(|view| &view.stays).all(|stay| stay.app.id != app.id));
}

#[tokio::test]
async fn the_console_publishes_the_next_certificate() {
    let (server, _, _) = scene(json!({})).await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let browser = server.signed_in(BOSS.0, BOSS.1).await;
    let first = super::certificate(&server).await;
    let of_openid = server.engine.keys(server.tenant.id).await.expect("read").keys.len();
    let page = browser.get("/console/keys").await;
    let shown = first.fingerprint();
    assert!(page.body.contains(&shown), "{shown}: {}", page.body);
    let csrf = page.field("csrf");
    let form = [("csrf", csrf.as_str()), ("use", "saml"), ("alg", "RS256")];
    assert_eq!(browser.post("/console/keys", &form).await.status, 303);
    assert_eq!(browser.post("/console/keys", &form).await.status, 409);
    let keys = server.engine.saml_keys(server.tenant.id).await.expect("read");
    assert_eq!(keys.keys.len(), 2);
    // Of OpenID Connect there is no new one.
    let now = server.engine.keys(server.tenant.id).await.expect("read").keys.len();
    assert_eq!(now, of_openid);
}

#[tokio::test]
async fn the_next_certificate_is_published_before_it_signs() {
    const DAY: i64 = 24 * 3_600_000;
    let (server, sp, _) = scene(json!({ "signed_part": "response" })).await;
    let browser = server.signed_in("alex", "alex123").await;
    let (engine, tenant) = (&server.engine, &server.tenant);
    let certificates = async || {
        let page = server.browser().get("/identity/metadata/saml2").await.body;
        // The first one is that of the signature.
        page.split("<ds:X509Certificate>").skip(2).count()
    };
    assert_eq!(certificates().await, 1);
    let first = super::certificate(&server).await;
    let by = Authority::operator();
    let from = engine.rotate_saml_key(tenant, SigningAlg::Rs256, None, &by).await.expect("rotated");
    assert_eq!(from, engine.now().plus(30 * DAY));
    assert!(engine.rotate_saml_key(tenant, SigningAlg::Rs256, None, &by).await.is_err());
    assert_eq!(certificates().await, 2);
    assert_eq!(super::certificate(&server).await, first);
    server.clock.advance(31 * DAY);
    assert_ne!(super::certificate(&server).await, first);
    // The session has ended meanwhile.
    browser.sign_in("alex", "alex123").await;
    let xml = sp.request("_1", engine.now(), |request| request).write();
    Read::of(&server, &ask(&browser, &sp, &xml, None).await).await;
    assert_eq!(certificates().await, 2);
    server.clock.advance(30 * DAY);
    assert_eq!(certificates().await, 1);

    // By itself, 90 days before the certificate ends; and it is pointed out 30 days before.
    assert_eq!(engine.rotate_due_saml_keys().await.expect("looked"), 0);
    assert_eq!(engine.ending_certificates(tenant).await.expect("looked"), []);
    server.clock.advance((3 * 365 - 61 - 25) * DAY);
    let ending = engine.ending_certificates(tenant).await.expect("looked");
    assert_eq!(ending.iter().filter(|one| one.of.is_none()).count(), 1, "{ending:?}");
    assert_eq!(engine.rotate_due_saml_keys().await.expect("rotated"), 1);
    assert_eq!(engine.rotate_due_saml_keys().await.expect("rotated"), 0);
    assert!(
        engine
            .ending_certificates(tenant)
            .await
            .expect("looked")
            .iter()
            .all(|one| one.of.is_some())
    );
}

#[tokio::test]
async fn metadata_is_fetched_again_and_its_signature_can_be_pinned() {
    const HOURS: i64 = 3_600_000;
    let server = TestServer::start().await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let documents = Documents::start().await;
    let federation = ServiceProvider::start("https://federation.test").await.signer.clone();
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    let document = json!({ "saml": {
        "metadata_url": documents.uri("/sp.xml"),
        "metadata_certificate": federation.certificate().base64(),
        "idp_initiated": true,
    }});
    // Not signed, signed by somebody else, and as it has to be.
    for (text, status) in [
        (sp.metadata(), 400),
        (sp.metadata_signed_by(&sp.signer), 400),
        (sp.metadata_signed_by(&federation), 201),
    ] {
        documents.put("/sp.xml", &text);
        let made = server.send("POST", PATH, BOSS, &document).await;
        assert_eq!(made.status, status, "{made:?}");
    }
    // By http anybody could have written it.
    let unpinned = json!({ "saml": { "metadata_url": documents.uri("/sp.xml") } });
    assert_eq!(server.send("POST", PATH, BOSS, &unpinned).await.status, 400);
    let listed = server.api("GET", PATH, BOSS).await.json();
    let listed = listed["applications"].as_array().expect("applications").clone();
    let made = listed.iter().find(|app| app["client_id"] == "https://sp.test/metadata");
    let one = format!("{PATH}/{}", made.expect("there")["id"].as_str().expect("an id"));

    let other = ServiceProvider::start("https://sp.test/metadata").await;
    documents.put("/sp.xml", &other.metadata_signed_by(&federation));
    let engine = &server.engine;
    assert_eq!(engine.refresh_saml_metadata().await.expect("looked"), 0);
    server.clock.advance(6 * HOURS);
    assert_eq!(engine.refresh_saml_metadata().await.expect("fetched"), 1);
    let shown = server.api("GET", &one, BOSS).await.json();
    assert_eq!(shown["saml"]["soap_logout_url"], other.soap());
    assert_eq!(shown["saml"]["idp_initiated"], true);

    // What can't be taken changes nothing, and is left alone for a while.
    documents.put("/sp.xml", &sp.metadata());
    server.clock.advance(6 * HOURS);
    assert_eq!(engine.refresh_saml_metadata().await.expect("looked"), 0);
    assert_eq!(server.api("GET", &one, BOSS).await.json()["saml"], shown["saml"]);
    documents.put("/sp.xml", &sp.metadata_signed_by(&federation));
    assert_eq!(engine.refresh_saml_metadata().await.expect("looked"), 0);
    server.clock.advance(HOURS);
    assert_eq!(engine.refresh_saml_metadata().await.expect("fetched"), 1);
}

#[tokio::test]
async fn the_console_adds_one_by_the_address_of_its_metadata_or_by_hand() {
    let server = TestServer::start().await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    let sp = ServiceProvider::start("https://sp.test/metadata").await;
    let browser = server.signed_in(BOSS.0, BOSS.1).await;
    let new = "/console/service-providers/new";
    let csrf = browser.get(new).await.field("csrf");
    let csrf = csrf.as_str();
    // Nothing says where it is; what was typed is kept.
    let (kind, body) = form(&[("csrf", csrf), ("metadata", ""), ("name", "Wiki")]);
    let refused = browser.post_body("/console/service-providers", &kind, body).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("Choose a file with metadata"), "{}", refused.body);

    let documents = Documents::start().await;
    let federation = ServiceProvider::start("https://federation.test").await.signer.clone();
    let certificate = federation.certificate().base64();
    documents.put("/sp.xml", &sp.metadata_signed_by(&federation));
    let url = documents.uri("/sp.xml");
    // Over plain HTTP only with what it is signed with.
    for (pinned, status) in [("", 400), (certificate.as_str(), 303)] {
        let fields =
            [("csrf", csrf), ("metadata_url", url.as_str()), ("metadata_certificate", pinned)];
        let (kind, body) = form(&fields);
        let answer = browser.post_body("/console/service-providers", &kind, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 400 {
            assert!(answer.body.contains(&url), "what was typed stays: {}", answer.body);
            continue;
        }
        let page = browser.get(answer.location()).await;
        assert!(page.body.contains(&sp.acs()) && page.body.contains(&url), "{}", page.body);
    }

    let hand = [
        ("csrf", csrf),
        ("entity_id", "https://other.test/metadata"),
        ("consumers", "https://other.test/acs\r\nhttps://other.test/acs2"),
        ("soap", "https://other.test/soap"),
        ("logout", "https://other.test/slo"),
        ("certificates", certificate.as_str()),
    ];
    let (kind, body) = form(&hand);
    let made = browser.post_body("/console/service-providers", &kind, body).await;
    assert_eq!(made.status, 303, "{made:?}");
    let path = made.location().to_owned();
    let document = |id: &str| format!("/console/applications/{id}/document");
    let id = path.rsplit('/').next().expect("an id").to_owned();
    let saml = browser.get(&document(&id)).await.json()["saml"].clone();
    assert_eq!(saml["assertion_consumers"][0]["url"], "https://other.test/acs");
    assert_eq!(saml["assertion_consumers"][0]["is_default"], true);
    assert_eq!(saml["assertion_consumers"][1]["index"], 1);
    assert_eq!(saml["logout_services"][0]["url"], "https://other.test/slo");
    assert_eq!(saml["certificates"].as_array().map(Vec::len), Some(1));
    // A form that was opened before a change brings nothing back.
    let stale =
        [("csrf", csrf), ("changes", "1"), ("seen", "earlier"), ("soap", "https://old.test/soap")];
    let (kind, body) = form(&stale);
    let refused = browser.post_body(&path, &kind, body).await;
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("has changed since"), "{}", refused.body);
    // A change of one address alone; an empty field removes what it held.
    let change = [
        ("csrf", csrf),
        ("changes", "1"),
        ("name", "Other"),
        ("consumers", "https://other.test/acs2\nhttps://other.test/acs3"),
        ("soap", ""),
        ("logout", "https://other.test/elsewhere"),
        ("act", "save"),
    ];
    let (kind, body) = form(&change);
    let changed = browser.post_body(&path, &kind, body).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let after = browser.get(&document(&id)).await.json()["saml"].clone();
    // A known address keeps its index, a new one gets the next.
    let indexes: Vec<_> = after["assertion_consumers"]
        .as_array()
        .expect("addresses")
        .iter()
        .map(|one| one["index"].clone())
        .collect();
    assert_eq!(indexes, [1, 2]);
    assert_eq!(after["certificates"], saml["certificates"]);
    assert_eq!(after["logout_services"][0]["url"], "https://other.test/elsewhere");
    assert!(after.get("soap_logout_url").is_none(), "{after}");
    server.stop().await;
}
