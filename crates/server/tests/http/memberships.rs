//! The scopes `roles` and `groups`.

use serde_json::{Value, json};
use sojourn_engine::Authority;
use sojourn_model::AccessTokenFormat;
use sojourn_testkit::server::{TestServer, claims};

#[tokio::test]
async fn roles_and_groups_are_told_in_every_token_that_has_the_scopes() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &["courier"]).await;
    let (engine, tenant) = (&server.engine, &server.tenant);
    let group = engine
        .add_group(tenant, "Sales", None, &[alex.id], &Authority::system())
        .await
        .expect("a group");
    let role = engine.role_named(tenant, "courier").await.expect("a role");
    let wide = "openid profile roles groups";
    let scopes = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (client, ids, jwt) in [("names", false, false), ("ids", true, true)] {
        server
            .app(client, |app| {
                app.settings.oidc.scopes = scopes(wide);
                app.settings.oidc.membership_ids = ids;
                if jwt {
                    app.settings.oidc.access_token_format = AccessTokenFormat::Jwt;
                }
            })
            .await;
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, client, wide).await;
        let text = |name: &str| tokens[name].as_str().expect("one").to_owned();
        let (roles, groups) = match ids {
            true => (role.id.to_string(), group.id.to_string()),
            false => ("courier".to_owned(), "Sales".to_owned()),
        };
        let introspected = server
            .post(
                "/oauth2/introspect",
                Some((client, "secret")),
                &[("token", &text("access_token"))],
            )
            .await
            .json();
        let userinfo = server
            .http
            .get(format!("{}/oauth2/userinfo", server.base))
            .bearer_auth(text("access_token"))
            .send()
            .await
            .expect("an answer");
        let userinfo: Value = userinfo.json().await.expect("JSON");
        let mut all = vec![claims(&text("id_token")), introspected, userinfo];
        if jwt {
            all.push(claims(&text("access_token")));
        }
        for told in all {
            assert_eq!(
                (&told["roles"], &told["groups"]),
                (&json!([roles]), &json!([groups])),
                "{told}"
            );
        }
        let narrow = server.tokens(&browser, client, "openid profile").await;
        let told = claims(narrow["id_token"].as_str().expect("one"));
        assert!(told.get("roles").is_none() && told.get("groups").is_none(), "{told}");
    }
    // An application that isn't registered for them isn't given them.
    server.app("plain", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "plain", wide).await;
    assert!(claims(tokens["id_token"].as_str().expect("one")).get("roles").is_none());
    let document = browser.get("/.well-known/openid-configuration").await.json();
    for scope in ["roles", "groups"] {
        assert!(document["scopes_supported"].as_array().expect("scopes").contains(&json!(scope)));
        assert!(document["claims_supported"].as_array().expect("claims").contains(&json!(scope)));
    }
}

#[tokio::test]
async fn too_many_groups_are_named_by_where_they_are() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    for n in 0..201 {
        let name = format!("Group {n}");
        let (engine, tenant) = (&server.engine, &server.tenant);
        engine
            .add_group(tenant, &name, None, &[alex.id], &Authority::system())
            .await
            .expect("a group");
    }
    server
        .app("app", |app| {
            app.settings.oidc.scopes = vec!["openid".into(), "roles".into(), "groups".into()]
        })
        .await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid roles groups").await;
    let told = claims(tokens["id_token"].as_str().expect("one"));
    assert_eq!((told.get("groups"), &told["roles"]), (None, &json!([])));
    let source = told["_claim_names"]["groups"].as_str().expect("a source");
    let endpoint = told["_claim_sources"][source]["endpoint"].as_str().expect("an address");
    let answer = server.http.get(endpoint).basic_auth("alex", Some("alex123")).send().await;
    let found: Value = answer.expect("an answer").json().await.expect("JSON");
    assert_eq!(found["groups"].as_array().map(Vec::len), Some(201), "{found}");
}
