//! A server below a path of its host, and issuers that aren't addresses.

use sojourn_testkit::server::{CALLBACK, TestServer, authorization, authorize_path, claims};
use sojourn_testkit::store::Engine as Database;

async fn below() -> TestServer {
    let server = TestServer::with(|settings| settings.base_url.push_str("/id")).await;
    server.user("alex", "alex123", &["internal_login"]).await;
    server.app("app", |_| {}).await;
    server
}

#[tokio::test]
async fn everything_leads_on_below_the_path() {
    let server = below().await;
    let browser = server.browser();
    let request = authorize_path(&authorization("app", "openid"));
    let first = browser.get(&format!("/id{request}")).await;
    assert!(first.location().starts_with("/id/login?ticket="), "{first:?}");
    let page = browser.get(first.location()).await;
    for link in ["\"/id/assets/style.css\"", "action=\"/id/login\""] {
        assert!(page.body.contains(link), "{link}: {}", page.body);
    }
    assert_eq!(browser.get("/id/assets/style.css").await.status, 200);
    let back = browser.sign_in_at(first.location(), "alex", "alex123", false).await;
    assert!(back.location().starts_with("/id/oauth2/authorize?"), "{back:?}");
    let cookies: Vec<&str> = back
        .headers
        .get_all("set-cookie")
        .iter()
        .filter_map(|cookie| cookie.to_str().ok())
        .collect();
    assert!(!cookies.is_empty());
    for cookie in cookies {
        let plain = cookie.starts_with("sojourn_opbs=");
        assert!(plain || cookie.starts_with("__Secure-"), "{cookie}");
        assert!(cookie.contains("; Path=/id; Secure"), "{cookie}");
    }
    let answer = browser.get(back.location()).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    let issuer = format!("{}/id", server.base);
    assert_eq!(answer.redirect_param("iss").as_deref(), Some(&*issuer));
    let tokens = server.redeem("app", &answer.redirect_param("code").expect("a code")).await.json();
    assert_eq!(claims(tokens["id_token"].as_str().expect("one"))["iss"], *issuer);
    let account = browser.get("/id/myaccount/security").await;
    assert!(account.status == 200 && account.body.contains("\"/id/myaccount/history\""));
    let chosen = browser.get("/id/language?to=de&back=/id/myaccount").await;
    assert_eq!(chosen.location(), "/id/myaccount");
    assert_eq!(browser.get("/id/language?to=de&back=/elsewhere").await.location(), "/id/");
    // A proxy that takes the path away, and probes that ask the process itself.
    assert_eq!(browser.get("/health/ready").await.status, 200);
    assert_eq!(browser.get("/login").await.status, 200);
}

#[tokio::test]
async fn descriptions_are_found_at_both_places_of_each_tenant() {
    let server = below().await;
    server.second_tenant("acme").await;
    let browser = server.browser();
    let root = &server.base;
    for (tenant, issuer) in [("", format!("{root}/id")), ("/t/acme", format!("{root}/id/t/acme"))] {
        for place in [
            format!("/id{tenant}/.well-known/openid-configuration"),
            format!("/id{tenant}/.well-known/oauth-authorization-server"),
            format!("/.well-known/oauth-authorization-server/id{tenant}"),
            format!("/.well-known/openid-configuration/id{tenant}"),
        ] {
            let found = browser.get(&place).await;
            assert_eq!(found.status, 200, "{place}: {found:?}");
            assert_eq!(found.header("access-control-allow-origin"), "*");
            let document = found.json();
            assert_eq!(document["issuer"], *issuer, "{place}");
            assert_eq!(document["token_endpoint"], format!("{issuer}/oauth2/token"));
            let keys = document["jwks_uri"].as_str().expect("an address");
            assert_eq!(browser.get(keys).await.status, 200);
        }
    }
    for nowhere in [
        "/.well-known/oauth-authorization-server/other",
        "/.well-known/oauth-authorization-server/id/t/none",
    ] {
        assert_eq!(browser.get(nowhere).await.status, 404, "{nowhere}");
    }
}

#[tokio::test]
async fn an_issuer_can_be_chosen_for_all_tenants_and_for_one() {
    let server = TestServer::on(Database::Sqlite, |settings| {
        settings.issuers.form = Some("{base}/oauth2/token".into());
        settings.issuers.tenants.insert("acme".into(), "https://login.acme.test/oidc".into());
    })
    .await;
    let acme = server.second_tenant("acme").await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server.user_in(&acme, "ada", "ada12345", &[]).await;
    server.app_in(&acme, "app", |_| {}).await;
    let browser = server.browser();
    let of = |path: &'static str| {
        let browser = &browser;
        async move { browser.get(path).await.json() }
    };
    let own = of("/oauth2/token/.well-known/openid-configuration").await;
    assert_eq!(own["issuer"], format!("{}/oauth2/token", server.base));
    assert_eq!(own["authorization_endpoint"], format!("{}/oauth2/authorize", server.base));
    let found = of("/oidc/.well-known/openid-configuration").await;
    assert_eq!(found["issuer"], "https://login.acme.test/oidc");
    assert_eq!(found["jwks_uri"], format!("{}/t/acme/oauth2/jwks", server.base));
    assert_eq!(of("/t/acme/.well-known/openid-configuration").await, found);
    for (prefix, name, password, issuer) in [
        ("", "alex", "alex123", format!("{}/oauth2/token", server.base)),
        ("/t/acme", "ada", "ada12345", "https://login.acme.test/oidc".to_owned()),
    ] {
        let page = format!("{prefix}/login");
        browser.sign_in_at(&page, name, password, false).await;
        let request = authorize_path(&authorization("app", "openid"));
        let answer = browser.get(&format!("{prefix}{request}")).await;
        assert_eq!(answer.redirect_param("iss").as_deref(), Some(&*issuer), "{answer:?}");
        let code = answer.redirect_param("code").expect("a code");
        let token = server
            .http
            .post(format!("{}{prefix}/oauth2/token", server.base))
            .basic_auth("app", Some("secret"))
            .form(&[
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("redirect_uri", CALLBACK),
                ("code_verifier", sojourn_testkit::server::VERIFIER),
            ])
            .send()
            .await
            .expect("an answer");
        let tokens: serde_json::Value = token.json().await.expect("JSON");
        let hint = tokens["id_token"].as_str().expect("an ID token");
        assert_eq!(claims(hint)["iss"], *issuer);
        // The hint is ours by the issuer that is written in it.
        let out = browser.get(&format!("{prefix}/oidc/logout?id_token_hint={hint}")).await;
        assert!(out.status == 303 && out.location().contains("/signed-out"), "{out:?}");
    }
}
