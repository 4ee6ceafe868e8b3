//! What is demanded holds everywhere, and what was taken opens nothing.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_model::{AccessTokenBinding, AccessTokenFormat, ChangeSet, Op, SigningAlg};
use sojourn_testkit::server::{TestServer, authorization, authorize_path, claims, jwt_header};
use sojourn_testkit::store::Engine;

/// A fresh sign-in that is demanded holds for pages of ours and the session extender as for applications.
#[tokio::test]
async fn a_demanded_sign_in_holds_for_pages_and_the_extender() {
    for database in Engine::BOTH {
        let server = TestServer::on(database, |_| {}).await;
        server.app("shop", |app| app.settings.oidc.session_extension = true).await;
        let boss = server.user("boss", "password", &["admin"]).await;
        let browser = server.signed_in("boss", "password").await;
        let tokens = server.tokens(&browser, "shop", "openid").await;
        let key = claims(tokens["id_token"].as_str().expect("one"))["isk"].clone();
        let by_key =
            format!("/identity/extend-session?idpSessionKey={}", key.as_str().expect("a key"));
        for path in ["/console", "/myaccount", "/identity/extend-session", &by_key] {
            assert_eq!(browser.get(path).await.status, 200, "{database:?} {path}");
            server.clock.advance(2_000);
        }
        let demand = ChangeSet::of(server.tenant.id, Op::DemandSignIn { user: boss.id });
        server.store.apply(demand).await.expect("written");
        for path in ["/console", "/console/users", "/myaccount"] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, 303, "{database:?} {path}");
            assert!(answer.location().starts_with("/login?"), "{answer:?}");
        }
        for path in ["/identity/extend-session", &by_key] {
            assert_eq!(browser.get(path).await.status, 400, "{database:?} {path}");
            server.clock.advance(2_000);
        }
        let asked = browser.get(&authorize_path(&authorization("shop", "openid"))).await;
        assert!(asked.location().contains("/login"), "{asked:?}");
        let to = browser.get("/console/users").await.location().to_owned();
        let done = browser.sign_in_at(&to, "boss", "password", false).await;
        assert_eq!(done.location(), "/console/users", "{database:?}");
        assert_eq!(browser.get("/console").await.status, 200, "{database:?}");
        // A policy that wants no sign-in older than so is as good a demand.
        let policy = json!({ "max_authentication_age": "10m" });
        let path = "/api/sessions/v1/policies/tenant";
        let set = server.send("PUT", path, ("boss", "password"), &policy).await;
        let set = if set.status == 400 {
            let policy = json!({ "max_authentication_age_ms": 600_000 });
            server.send("PUT", path, ("boss", "password"), &policy).await
        } else {
            set
        };
        assert_eq!(set.status, 200, "{set:?}");
        server.clock.advance(601_000);
        assert_eq!(browser.get("/console").await.status, 303, "{database:?}");
        server.stop().await;
    }
}

/// A page of another site can't keep a session alive by a picture of ours.
#[tokio::test]
async fn another_site_extends_nothing_with_the_cookie_alone() {
    let server = TestServer::start().await;
    server.user("cleo", "password", &[]).await;
    let browser = server.signed_in("cleo", "password").await;
    let secret = browser.cookie("__Host-sojourn").expect("a cookie");
    let extend = async |header: Option<(&str, &str)>| {
        server.clock.advance(2_000);
        let request = server.http.get(format!("{}/identity/extend-session", server.base));
        let request = request.header("cookie", format!("__Host-sojourn={secret}"));
        let request = match header {
            Some((name, value)) => request.header(name, value),
            None => request,
        };
        request.send().await.expect("an answer").status().as_u16()
    };
    for (header, status) in [
        (Some(("sec-fetch-site", "cross-site")), 400),
        (Some(("sec-fetch-site", "same-site")), 400),
        (Some(("origin", "https://evil.example")), 400),
        (Some(("referer", "https://evil.example/page")), 400),
        (Some(("sec-fetch-site", "same-origin")), 200),
        (None, 200),
    ] {
        assert_eq!(extend(header).await, status, "{header:?}");
    }
    server.stop().await;
}

/// Identical refreshes at once get the same answer, also where sessions share their access token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identical_refreshes_at_once_get_the_same_answer() {
    for database in Engine::BOTH {
        for binding in [AccessTokenBinding::None, AccessTokenBinding::SsoSession] {
            let server = TestServer::on(database, |_| {}).await;
            server.app("shop", |app| app.settings.oidc.token_binding = binding).await;
            server.user("cleo", "password", &[]).await;
            let browser = server.signed_in("cleo", "password").await;
            let first = server.tokens(&browser, "shop", "openid").await;
            let mut token = first["refresh_token"].as_str().expect("one").to_owned();
            for round in 0..4 {
                let answers = join_all((0..16).map(|_| server.refresh("shop", &token))).await;
                let pairs: Vec<(u16, Value, Value)> = answers
                    .iter()
                    .map(|answer| {
                        let body = answer.json();
                        (answer.status, body["access_token"].clone(), body["refresh_token"].clone())
                    })
                    .collect();
                assert!(pairs.iter().all(|one| one.0 == 200), "{database:?} {round}: {pairs:?}");
                assert!(
                    pairs.iter().all(|one| *one == pairs[0]),
                    "{database:?} {round}: {pairs:?}"
                );
                token = pairs[0].2.as_str().expect("one").to_owned();
            }
            server.stop().await;
        }
    }
}

/// An application that was made with client_credentials alone has no redirect URI, and is changed like any other.
#[tokio::test]
async fn an_application_without_redirects_is_changed_in_part() {
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let who = ("admin", "admin12");
    let path = "/api/server/v1/applications";
    let document = json!({
        "client_id": "robot", "client_name": "Robot", "grant_types": ["client_credentials"],
    });
    let made = server.send("POST", path, who, &document).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let one = format!("{path}/{id}");
    let read = server.api("GET", &one, who).await;
    for change in [json!({ "client_name": "Machine" }), json!({ "enabled": false })] {
        let changed = server.send("PATCH", &one, who, &change).await;
        assert_eq!(changed.status, 200, "{changed:?}; read {read:?}");
    }
    let replaced = server.send("PUT", &one, who, &server.api("GET", &one, who).await.json()).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    server.stop().await;
}

/// A key that was stolen is replaced at once: nothing that it signed is accepted any more.
#[tokio::test]
async fn a_stolen_key_is_replaced_at_once() {
    let server = TestServer::start().await;
    server.app("jwt", |app| app.settings.oidc.access_token_format = AccessTokenFormat::Jwt).await;
    server.user("cleo", "password", &[]).await;
    let browser = server.signed_in("cleo", "password").await;
    let before = server.tokens(&browser, "jwt", "openid").await;
    let text = |tokens: &Value, name: &str| tokens[name].as_str().expect("one").to_owned();
    let (access, id_token) = (text(&before, "access_token"), text(&before, "id_token"));
    assert!(server.active("jwt", &access).await);
    let kids = async || {
        let keys = server.browser().get("/oauth2/jwks").await.json();
        let keys = keys["keys"].as_array().cloned().expect("keys");
        keys.iter().map(|key| key["kid"].as_str().expect("one").to_owned()).collect::<Vec<_>>()
    };
    let stolen = jwt_header(&id_token)["kid"].as_str().expect("one").to_owned();
    assert!(kids().await.contains(&stolen));
    let (engine, tenant) = (&server.engine, &server.tenant);
    // The next one, published ahead, lay beside it.
    engine.rotate_key(tenant, SigningAlg::Rs256, &Authority::operator()).await.expect("published");
    let kid = engine.replace_keys(tenant, SigningAlg::Rs256, &Authority::operator()).await;
    let kid = kid.expect("replaced");
    let now = kids().await;
    assert!(!now.contains(&stolen) && now.contains(&kid), "{now:?}");
    assert!(!server.active("jwt", &access).await, "a JWT of the old key is refused");
    let hint = format!("/oidc/logout?id_token_hint={id_token}");
    let asked = browser.get(&hint).await;
    assert!(asked.body.contains("id=\"confirm\""), "an ID token of it proves nothing: {asked:?}");
    let after = server.refresh("jwt", &text(&before, "refresh_token")).await.json();
    assert_eq!(jwt_header(&text(&after, "id_token"))["kid"], kid.as_str());
    assert!(server.active("jwt", &text(&after, "access_token")).await, "a refresh brings new ones");
    server.stop().await;
}
