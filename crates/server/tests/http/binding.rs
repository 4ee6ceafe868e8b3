//! The two tables of article 002: which sessions share an access token, and who loses it.

use sojourn_model::AccessTokenBinding;
use sojourn_testkit::server::{Browser, TestServer};
use sojourn_testkit::store::Engine;

async fn end(server: &TestServer, browser: &Browser) {
    let page = browser.get("/myaccount").await;
    let csrf = page.field("csrf");
    assert_eq!(browser.post("/logout", &[("csrf", &csrf)]).await.status, 303);
    let _ = server;
}

/// Four sessions: the first two with the same scopes, the others with their own.
async fn four(server: &TestServer, client: &str) -> Vec<(Browser, String)> {
    let mut all = Vec::new();
    for scope in ["openid profile", "openid profile", "openid email", "openid"] {
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, client, scope).await;
        all.push((browser, tokens["access_token"].as_str().expect("a token").to_owned()));
    }
    all
}

#[tokio::test]
async fn without_binding_sessions_share_a_token_and_lose_it_together() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("alex", "alex123", &[]).await;
        server.app("app", |app| app.settings.oidc.token_binding = AccessTokenBinding::None).await;
        let all = four(&server, "app").await;
        assert_eq!(all[0].1, all[1].1, "token1 is session1's and session2's");
        assert_ne!(all[1].1, all[2].1);
        assert_ne!(all[2].1, all[3].1);
        for (_, token) in &all {
            assert!(server.active("app", token).await);
        }
        // Shrinks as it is given out again.
        server.clock.advance(600_000);
        let late = server.tokens(&all[0].0, "app", "openid profile").await;
        assert_eq!(late["access_token"], *all[0].1);
        assert_eq!(late["expires_in"], 3000);
        end(&server, &all[1].0).await;
        assert!(!server.active("app", &all[0].1).await, "session1 lost it too");
        assert!(server.active("app", &all[2].1).await);
        assert!(server.active("app", &all[3].1).await);
        // The session that is left gets a new one.
        let next = server.tokens(&all[0].0, "app", "openid profile").await;
        assert!(server.active("app", next["access_token"].as_str().expect("a token")).await);
        server.stop().await;
    }
}

#[tokio::test]
async fn bound_to_the_session_each_has_its_own() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("alex", "alex123", &[]).await;
        server.app("app", |_| {}).await;
        let all = four(&server, "app").await;
        let mut tokens: Vec<&String> = all.iter().map(|(_, token)| token).collect();
        tokens.dedup();
        assert_eq!(tokens.len(), 4);
        end(&server, &all[1].0).await;
        for (index, (_, token)) in all.iter().enumerate() {
            assert_eq!(server.active("app", token).await, index != 1, "{index}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn an_offline_grant_survives_logout_and_not_the_account() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let offline = server.tokens(&browser, "app", "openid offline_access").await;
    let bound = server.tokens(&browser, "app", "openid").await;
    end(&server, &browser).await;
    let refresh =
        |tokens: &serde_json::Value| tokens["refresh_token"].as_str().expect("a token").to_owned();
    assert_eq!(server.refresh("app", &refresh(&bound)).await.status, 400);
    assert!(server.active("app", offline["access_token"].as_str().expect("a token")).await);
    let next = server.refresh("app", &refresh(&offline)).await;
    assert_eq!(next.status, 200, "{next:?}");
    let actor = sojourn_engine::Authority::system();
    let disabled = sojourn_model::UserState::Disabled;
    server.engine.set_user_state(&server.tenant, &alex, disabled, &actor).await.expect("disabled");
    assert_eq!(server.refresh("app", &refresh(&next.json())).await.status, 400);
    assert!(!server.active("app", next.json()["access_token"].as_str().expect("a token")).await);
}

#[tokio::test]
async fn bound_to_the_browser_by_a_cookie_of_its_own() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user("alex", "alex123", &[]).await;
        server
            .app("app", |app| {
                app.settings.oidc.token_binding = AccessTokenBinding::Cookie;
                app.settings.oidc.validate_token_binding = true;
            })
            .await;
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "app", "openid").await;
        let access = tokens["access_token"].as_str().expect("a token").to_owned();
        let cookie = browser.cookie("atbv").expect("the browser is known from now on");
        let again = server.tokens(&browser, "app", "openid").await;
        assert_eq!(browser.cookie("atbv").as_ref(), Some(&cookie), "and stays so");
        let introspect = async |token: &str| {
            let form = [("token", token)];
            let answer = server.post("/oauth2/introspect", Some(("app", "secret")), &form).await;
            answer.json()
        };
        let told = introspect(&access).await;
        assert_eq!(told["binding_type"], "cookie");
        let other = introspect(again["access_token"].as_str().expect("a token")).await;
        assert_eq!(told["binding_ref"], other["binding_ref"], "one browser, one reference");
        let ask = async |path: &str, cookie: Option<&str>, form: &[(&str, &str)], bearer: bool| {
            let mut request = server.http.post(format!("{}{path}", server.base)).form(form);
            request = if bearer {
                request.bearer_auth(&access)
            } else {
                request.basic_auth("app", Some("secret"))
            };
            if let Some(cookie) = cookie {
                request = request.header("cookie", format!("atbv={cookie}"));
            }
            request.send().await.expect("an answer").status().as_u16()
        };
        let refresh = tokens["refresh_token"].as_str().expect("a token");
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let stranger = "x".repeat(43);
        for wrong in [None, Some(&*stranger)] {
            assert_eq!(ask("/oauth2/token", wrong, &form, false).await, 400);
            assert_eq!(ask("/oauth2/userinfo", wrong, &[], true).await, 400);
            assert_eq!(ask("/oauth2/revoke", wrong, &[("token", &access)], false).await, 400);
        }
        assert_eq!(ask("/oauth2/userinfo", Some(&cookie), &[], true).await, 200);
        assert_eq!(ask("/oauth2/token", Some(&cookie), &form, false).await, 200);
        end(&server, &browser).await;
        assert!(!server.active("app", &access).await, "the sign-out takes them by default");
        server.stop().await;
    }
}

#[tokio::test]
async fn what_an_application_keeps_outlives_a_sign_out_but_no_other_end() {
    for engine in Engine::BOTH {
        for binding in [AccessTokenBinding::Cookie, AccessTokenBinding::None] {
            let server = TestServer::on(engine, |_| {}).await;
            let alex = server.user("alex", "alex123", &[]).await;
            server
                .app("keeps", |app| {
                    app.settings.oidc.token_binding = binding;
                    app.settings.oidc.revoke_tokens_when_session_ends = false;
                })
                .await;
            server
                .app("bound", |app| app.settings.oidc.revoke_tokens_when_session_ends = false)
                .await;
            let browser = server.signed_in("alex", "alex123").await;
            let token = async |client: &str| {
                let tokens = server.tokens(&browser, client, "openid").await;
                tokens["access_token"].as_str().expect("a token").to_owned()
            };
            let (kept, bound) = (token("keeps").await, token("bound").await);
            end(&server, &browser).await;
            assert!(server.active("keeps", &kept).await, "{binding:?}");
            assert!(!server.active("bound", &bound).await, "bound to the session it dies with it");
            if binding == AccessTokenBinding::Cookie {
                let plan = sojourn_engine::EndPlan::new(
                    sojourn_model::EndTarget::User(alex.id),
                    sojourn_model::EndReason::RoleChanged,
                    sojourn_model::Actor::System,
                );
                server
                    .engine
                    .end_sessions(&server.tenant, plan, &sojourn_engine::Authority::system())
                    .await
                    .expect("ended");
                assert!(!server.active("keeps", &kept).await, "an end of the account takes all");
            }
            server.stop().await;
        }
    }
}
