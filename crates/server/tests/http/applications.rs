//! Applications and tenants by administrators: what they make, change and remove, and what ends with it.

use serde_json::json;
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{CALLBACK, TestServer, authorization, authorize_path};
use sojourn_testkit::store::Engine;

const BASE: &str = "/api/server/v1/applications";
const ADMIN: (&str, &str) = ("admin", "admin12");

#[tokio::test]
async fn an_application_is_made_used_changed_and_removed() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        server.user("alex", "alex123", &[]).await;
        let body = json!({
            "client_id": "shop", "client_name": "Shop", "redirect_uris": [CALLBACK],
            "grant_types": ["authorization_code", "refresh_token"], "first_party": true,
            "backchannel_logout_uri": inbox.uri(), "scope": "openid offline_access",
        });
        let made = server.send("POST", BASE, ADMIN, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let document = made.json();
        let (id, secret) = (document["id"].as_str(), document["client_secret"].as_str());
        let (id, secret) = (id.expect("an id"), secret.expect("a secret").to_owned());
        assert_eq!(document["token_binding"], "sso-session");
        let path = format!("{BASE}/{id}");
        let again = server.send("POST", BASE, ADMIN, &body).await;
        assert_eq!(again.status, 409, "{again:?}");
        let read = server.api("GET", &path, ADMIN).await.json();
        assert!(read.get("client_secret").is_none(), "told once: {read}");

        let redeem = async |secret: &str, browser: &sojourn_testkit::server::Browser| {
            let code = browser.code("shop", "openid").await;
            let form = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", sojourn_testkit::server::VERIFIER),
            ];
            server.post("/oauth2/token", Some(("shop", secret)), &form).await
        };
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = redeem(&secret, &browser).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        let rotated = server.send("POST", &format!("{path}/secret"), ADMIN, &json!({})).await;
        let rotated = rotated.json()["client_secret"].as_str().expect("a secret").to_owned();
        assert_eq!(redeem(&secret, &browser).await.status, 401, "the old one opens nothing");
        let tokens = redeem(&rotated, &browser).await.json();
        let access = tokens["access_token"].as_str().expect("a token");
        let active = async |token: &str| {
            let form = [("token", token)];
            server.post("/oauth2/introspect", Some(("shop", &rotated)), &form).await.json()["active"]
                == true
        };
        assert!(active(access).await);

        let wrong = json!({ "redirect_uris": ["javascript:alert(1)"] });
        assert_eq!(server.send("PATCH", &path, ADMIN, &wrong).await.status, 400);
        let wrong = json!({ "client_id": "other" });
        assert_eq!(server.send("PATCH", &path, ADMIN, &wrong).await.status, 400);
        let off = server.send("PATCH", &path, ADMIN, &json!({ "enabled": false })).await;
        assert_eq!((off.status, &off.json()["enabled"]), (200, &json!(false)));
        inbox.wait_for(1).await;
        assert_eq!(browser.get("/myaccount").await.status, 200, "the session itself goes on");
        let on = server.send("PATCH", &path, ADMIN, &json!({ "enabled": true })).await;
        assert_eq!(on.status, 200);
        assert!(!active(access).await, "the stay has ended, and with it the token");

        let tokens = redeem(&rotated, &browser).await.json();
        assert!(active(tokens["access_token"].as_str().expect("a token")).await);
        assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 204);
        inbox.wait_for(2).await;
        assert_eq!(server.api("GET", &path, ADMIN).await.status, 404);
        let gone = browser.authorize("shop", "openid", &[]).await;
        assert_eq!(gone.status, 400, "nobody of that name: {gone:?}");
        let again = server.send("POST", BASE, ADMIN, &body).await;
        assert_eq!(again.status, 201, "the name is free: {again:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn wso2_s_words_for_sessions_and_tokens() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let body = json!({ "client_id": "shop", "redirect_uris": [CALLBACK] });
    let made = server.send("POST", BASE, ADMIN, &body).await.json();
    let path = format!("{BASE}/{}/inbound-protocols/oidc", made["id"].as_str().expect("an id"));
    let set = json!({
        "accessToken": {
            "bindingType": "None", "revokeTokensWhenIDPSessionTerminated": false,
            "validateTokenBinding": true,
        },
        "logout": { "backChannelLogoutUrl": "https://shop.test/out", "frontChannelLogoutUrl": "" },
    });
    let answer = server.send("PUT", &path, ADMIN, &set).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let shown = server.api("GET", &path, ADMIN).await.json();
    assert_eq!(shown["accessToken"]["bindingType"], "None");
    assert_eq!(shown["accessToken"]["revokeTokensWhenIDPSessionTerminated"], false);
    assert_eq!(shown["accessToken"]["validateTokenBinding"], true);
    assert_eq!(shown["logout"], json!({ "backChannelLogoutUrl": "https://shop.test/out" }));
    assert_eq!(shown["callbackURLs"], json!([CALLBACK]), "what was left out stays");
    for wrong in [
        json!({ "accessToken": { "bindingType": "DPoP" } }),
        json!({ "accessToken": { "bindingType": 7 } }),
        json!({ "logout": { "backChannelLogoutUrl": "ftp://x" } }),
        json!({ "nothing": true }),
    ] {
        assert_eq!(server.send("PUT", &path, ADMIN, &wrong).await.status, 400, "{wrong}");
    }
    server.stop().await;
}

#[tokio::test]
async fn nobody_gets_by_an_application_what_they_have_not() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let actor = sojourn_model::Actor::System;
    let role = server.engine.add_role(&server.tenant, "apps", "internal_application_mgt", &actor);
    role.await.expect("a role");
    server.user("helper", "helper1", &["apps"]).await;
    let who = ("helper", "helper1");
    let strong = json!({
        "client_id": "robot", "grant_types": ["client_credentials"], "response_types": [],
        "own_scopes": ["internal_*"],
    });
    assert_eq!(server.send("POST", BASE, who, &strong).await.status, 403);
    let made = server.send("POST", BASE, ADMIN, &strong).await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("{BASE}/{}", made.json()["id"].as_str().expect("an id"));
    for (method, path) in
        [("POST", format!("{path}/secret")), ("PATCH", path.clone()), ("DELETE", path.clone())]
    {
        let answer = server.send(method, &path, who, &json!({})).await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    // What belongs to the file or to the program is changed there.
    let all = server.api("GET", BASE, ADMIN).await.json();
    let all = all["applications"].as_array().expect("a list");
    let built_in = all.iter().find(|app| app["owner"] == "program").expect("My Account");
    let path = format!("{BASE}/{}", built_in["id"].as_str().expect("an id"));
    assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 400);
    let nobody = server.user("plain", "plain12", &[]).await;
    assert_eq!(server.api("GET", BASE, ("plain", "plain12")).await.status, 403, "{}", nobody.id);
    assert_eq!(server.api("GET", "/api/server/v1/audit", who).await.status, 403);
    let audit = server.api("GET", "/api/server/v1/audit?limit=50", ADMIN).await.json();
    let acts = audit["items"].as_array().expect("a list");
    assert!(acts.iter().any(|act| act["action"] == "application.add"), "{audit}");
    server.stop().await;
}

#[tokio::test]
async fn tenants_are_made_switched_off_and_removed() {
    const TENANTS: &str = "/api/server/v1/tenants";
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let owner =
            json!([{ "username": "olga", "password": "a word of olga", "email": "o@acme.test" }]);
        let body = json!({ "domain": "acme", "owners": owner });
        let made = server.send("POST", TENANTS, ADMIN, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(server.send("POST", TENANTS, ADMIN, &body).await.status, 409);
        let olga = ("olga", "a word of olga");
        let users = server.api("GET", "/t/acme/scim2/Users", olga).await;
        assert_eq!((users.status, &users.json()["totalResults"]), (200, &json!(1)));
        // Its administrator rules there, and nowhere else.
        assert_eq!(server.api("GET", "/scim2/Users", olga).await.status, 401);
        for path in [TENANTS.to_owned(), format!("{TENANTS}/{id}")] {
            assert_eq!(server.api("GET", &format!("/t/acme{path}"), olga).await.status, 404);
        }
        let tenant = server.engine.tenant("acme").await.expect("acme");
        let uri = inbox.uri();
        server.app_in(&tenant, "shop", |app| app.backchannel_logout_uri = Some(uri)).await;
        let browser = server.browser();
        let answer = browser.sign_in_at("/t/acme/login", olga.0, olga.1, false).await;
        assert_eq!(answer.status, 303);
        let path = authorize_path(&authorization("shop", "openid"));
        let answer = browser.get(&format!("/t/acme{path}")).await;
        assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
        let status = format!("{TENANTS}/{id}/lifecycle-status");
        let off = server.send("PUT", &status, ADMIN, &json!({ "activated": false })).await;
        assert_eq!(off.status, 200, "{off:?}");
        inbox.wait_for(1).await;
        server.clock.advance(2_000);
        assert_eq!(server.api("GET", "/t/acme/scim2/Me", olga).await.status, 404);
        server.send("PUT", &status, ADMIN, &json!({ "activated": true })).await;
        assert_eq!(server.api("GET", "/t/acme/scim2/Me", olga).await.status, 200);
        let path = format!("{TENANTS}/{id}");
        assert_eq!(server.api("DELETE", &path, ADMIN).await.status, 202);
        eventually("the tenant is gone", || async {
            (server.api("GET", &path, ADMIN).await.status == 404).then_some(())
        })
        .await;
        let default = server.api("GET", TENANTS, ADMIN).await.json();
        let default = default["tenants"][0]["id"].as_str().expect("an id").to_owned();
        assert_eq!(server.api("DELETE", &format!("{TENANTS}/{default}"), ADMIN).await.status, 400);
        server.stop().await;
    }
}
