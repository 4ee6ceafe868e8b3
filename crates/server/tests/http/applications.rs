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
        let void = json!({ "previous_valid_for": 0 });
        let rotated = server.send("POST", &format!("{path}/secret"), ADMIN, &void).await;
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
    let actor = sojourn_engine::Authority::system();
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
        let owner = json!([{ "username": "olga", "password": "a long word of olga", "email": "o@acme.test" }]);
        let body = json!({ "domain": "acme", "owners": owner });
        let made = server.send("POST", TENANTS, ADMIN, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["id"].as_str().expect("an id").to_owned();
        assert_eq!(server.send("POST", TENANTS, ADMIN, &body).await.status, 409);
        let olga = ("olga", "a long word of olga");
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

/// Which of these secrets an application authenticates with, by password and by MAC.
async fn good(server: &TestServer, secrets: &[&str]) -> Vec<bool> {
    let mut all = Vec::new();
    for secret in secrets {
        let form = [("token", "x")];
        let answer = server.post("/oauth2/introspect", Some(("shop", secret)), &form).await;
        all.push(answer.status == 200);
    }
    all
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_good_for_as_long_as_was_chosen() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("admin", "admin12", &["admin"]).await;
        let body = json!({ "client_id": "shop", "redirect_uris": [CALLBACK] });
        let made = server.send("POST", BASE, ADMIN, &body).await.json();
        let path = format!("{BASE}/{}", made["id"].as_str().expect("an id"));
        let first = made["client_secret"].as_str().expect("a secret").to_owned();
        let rotate = async |body: &serde_json::Value| {
            let answer = server.send("POST", &format!("{path}/secret"), ADMIN, body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.json()["client_secret"].as_str().expect("a secret").to_owned()
        };
        let listed = async || {
            let answer = server.api("GET", &format!("{path}/secrets"), ADMIN).await.json();
            answer["secrets"].as_array().expect("a list").clone()
        };
        assert_eq!(listed().await[0]["last_used_at"], json!(null));
        assert_eq!(good(&server, &[&first]).await, [true]);
        // A day, unless something else is asked for.
        let second = rotate(&json!({})).await;
        assert_eq!(good(&server, &[&first, &second]).await, [true, true], "{engine:?}");
        let shown = listed().await;
        assert_eq!(shown.len(), 2);
        assert!(second.ends_with(shown[0]["ends_with"].as_str().expect("characters")));
        assert!(first.ends_with(shown[1]["ends_with"].as_str().expect("characters")));
        assert!(shown.iter().all(|one| one["last_used_at"].is_i64()), "{shown:?}");
        assert_eq!(
            (&shown[0]["valid_until"], shown[1]["valid_until"].is_i64()),
            (&json!(null), true)
        );
        // It outlives changes of the application, and its time.
        let renamed = json!({ "client_name": "Shop" });
        assert_eq!(server.send("PATCH", &path, ADMIN, &renamed).await.status, 200);
        server.clock.advance(24 * 3_600_000 - 1_000);
        assert_eq!(good(&server, &[&first, &second]).await, [true, true]);
        server.clock.advance(1_000);
        assert_eq!(good(&server, &[&first, &second]).await, [false, true]);
        assert_eq!(listed().await.len(), 1);
        // Two at most; and one that somebody else may have ends at once.
        let third = rotate(&json!({ "previous_valid_for": 3600 })).await;
        let fourth = rotate(&json!({ "previous_valid_for": 3600 })).await;
        let all = [&*second, &third, &fourth];
        assert_eq!(good(&server, &all).await, [false, true, true], "{engine:?}");
        let dropped = server.api("DELETE", &format!("{path}/secrets/previous"), ADMIN).await;
        assert_eq!(dropped.status, 204, "{dropped:?}");
        assert_eq!(good(&server, &all).await, [false, false, true]);
        let dropped = server.api("DELETE", &format!("{path}/secrets/previous"), ADMIN).await;
        assert_eq!(dropped.status, 404);
        for wrong in [
            json!({"previous_valid_for": -1}),
            json!({"previous_valid_for": 9_000_000}),
            json!({"x": 1}),
        ] {
            let answer = server.send("POST", &format!("{path}/secret"), ADMIN, &wrong).await;
            assert_eq!(answer.status, 400, "{wrong}: {answer:?}");
        }
        assert_eq!(good(&server, &[&fourth]).await, [true], "nothing was lost");
        // With the version that was read, a request that is sent twice creates one secret.
        let read = server.api("GET", &format!("{path}/secrets"), ADMIN).await;
        let tag = read.headers["etag"].to_str().expect("a tag").to_owned();
        let twice = async || {
            let sent = (&*tag, &json!({}));
            server.send_if_match("POST", &format!("{path}/secret"), ADMIN, sent).await
        };
        let fifth = twice().await;
        assert_eq!(fifth.status, 200, "{fifth:?}");
        let fifth = fifth.json()["client_secret"].as_str().expect("a secret").to_owned();
        assert_eq!(twice().await.status, 412);
        let drop = format!("{path}/secrets/previous");
        let old = server.send_if_match("DELETE", &drop, ADMIN, (&tag, &json!({}))).await;
        assert_eq!(old.status, 412, "{old:?}");
        assert_eq!(good(&server, &[&fourth, &fifth]).await, [true, true]);
    }
}

#[tokio::test]
async fn the_console_asks_before_it_gives_another_secret() {
    let server = TestServer::start().await;
    server.user("ada", "ada12345", &["admin"]).await;
    let browser = server.signed_in("ada", "ada12345").await;
    let body = json!({ "client_id": "shop", "redirect_uris": [CALLBACK] });
    let made = server.send("POST", BASE, ("ada", "ada12345"), &body).await.json();
    let first = made["client_secret"].as_str().expect("a secret").to_owned();
    let path = format!("/console/applications/{}/secret", made["id"].as_str().expect("an id"));
    let page = browser.get(&path).await;
    assert!(page.body.contains("never used") && !page.body.contains("id=\"drop\""), "{page:?}");
    let csrf = page.field("csrf");
    let version = page.field("version");
    let form = [("csrf", &*csrf), ("act", "new"), ("keep", "3600000"), ("version", &*version)];
    let (answer, twice) =
        futures_util::future::join(browser.post(&path, &form), browser.post(&path, &form)).await;
    let shown = |answer: &sojourn_testkit::server::Answer| {
        let rest = answer.body.split("id=\"secret\">").nth(1).map(str::to_owned);
        rest.and_then(|rest| rest.split('<').next().map(str::to_owned))
    };
    assert_eq!(shown(&answer), shown(&twice), "a double click makes one");
    let second = answer.body.split("id=\"secret\">").nth(1).and_then(|rest| rest.split('<').next());
    let second = second.expect("the page shows it").to_owned();
    assert_eq!(good(&server, &[&first, &second]).await, [true, true]);
    let page = browser.get(&path).await;
    assert!(page.body.contains("valid until") && page.body.contains("id=\"drop\""), "{page:?}");
    // An old page ends nothing that it didn't show.
    let old = [("csrf", &*csrf), ("act", "drop"), ("version", &*version)];
    assert_eq!(browser.post(&path, &old).await.status, 303);
    assert_eq!(good(&server, &[&first, &second]).await, [true, true]);
    server.clock.advance(11_000);
    let late = browser.post(&path, &form).await;
    assert!(shown(&late).is_none() && late.body.contains("id=\"drop\""), "{late:?}");
    let version = page.field("version");
    for _ in 0..2 {
        let form = [("csrf", &*csrf), ("act", "drop"), ("version", &*version)];
        let dropped = browser.post(&path, &form).await;
        assert_eq!((dropped.status, dropped.location()), (303, &*path), "{dropped:?}");
    }
    assert_eq!(good(&server, &[&first, &second]).await, [false, true]);
}
