//! Tenants are apart: ids, cookies, tokens, codes and keys of one are nothing in another.

use sojourn_model::Role;
use sojourn_testkit::server::{CALLBACK, CHALLENGE, TestServer, VERIFIER, claims};

#[tokio::test]
async fn nothing_of_one_tenant_is_anything_in_another() {
    let server = TestServer::start().await;
    let acme = server.second_tenant("acme").await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server.user_in(&acme, "boss", "boss123", &[Role::ADMIN]).await;
    server.app_in(&acme, "app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let access = tokens["access_token"].as_str().expect("a token");

    let other = "/t/acme/oauth2/introspect";
    let told = server.post(other, Some(("app", "secret")), &[("token", access)]).await.json();
    assert_eq!(told, serde_json::json!({"active": false}));
    let code = browser.code("app", "openid").await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = server.post("/t/acme/oauth2/token", Some(("app", "secret")), &form).await;
    assert_eq!(answer.json()["error"], "invalid_grant");
    assert_eq!(server.redeem("app", &code).await.status, 200, "still good where it belongs");
    // An administrator of one tenant sees nobody of the other.
    let path = format!("/t/acme/api/users/v1/{}/sessions", alex.id);
    for method in ["GET", "DELETE"] {
        let answer = server.api(method, &path, ("boss", "boss123")).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (404, Some("UMG-10001")));
    }
    let mine = format!("/api/users/v1/{}/sessions", alex.id);
    assert_eq!(server.api("GET", &mine, ("boss", "boss123")).await.status, 401);
    assert!(server.active("app", access).await, "nothing ended");
    // A browser is signed in in one tenant alone, under cookies of their own.
    assert_eq!(browser.get("/t/acme/myaccount").await.status, 303);
    let back = browser.sign_in_at("/t/acme/login", "boss", "boss123", false).await;
    assert_eq!(back.location(), "/t/acme/myaccount");
    assert!(browser.cookie("__Host-sojourn.acme").is_some());
    let query = format!(
        "/t/acme/oauth2/authorize?response_type=code&client_id=app&redirect_uri={CALLBACK}\
         &scope=openid&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let answer = browser.get(&query).await;
    assert_eq!(answer.redirect_param("iss"), Some(format!("{}/t/acme", server.base)));
    let code = answer.redirect_param("code").expect("a code");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let tokens = server.post("/t/acme/oauth2/token", Some(("app", "secret")), &form).await.json();
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    assert_eq!(claims(id_token)["iss"], format!("{}/t/acme", server.base));
    let keys = server.engine.keys(server.tenant.id).await.expect("keys");
    assert!(sojourn_crypto::verify_jwt(keys.all(), "JWT", id_token).is_err(), "keys of its own");
    // A hint of another tenant is not ours.
    let answer = browser.get(&format!("/oidc/logout?id_token_hint={id_token}")).await;
    assert_eq!((answer.status, answer.location()), (200, ""));
    assert!(browser.cookie("__Host-sojourn.acme").is_some());
}
