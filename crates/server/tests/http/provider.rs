//! Response types and modes, claims, prompts, consent, request objects, client assertions.

use serde_json::{Value, json};
use sojourn_crypto::{SigningKey, sign_jwt};
use sojourn_model::{AccessTokenFormat, ClientAuthMethod, GrantType, SigningAlg, SubjectType};
use sojourn_oidc::claims::half_hash;
use sojourn_testkit::inbox::Documents;
use sojourn_testkit::server::{Answer, CALLBACK, TestServer, VERIFIER, claims, jwt_header};

const ALL_TYPES: [&str; 6] =
    ["code", "id_token", "id_token token", "code id_token", "code token", "code id_token token"];

async fn with_all_types(server: &TestServer) {
    server
        .app("app", |app| {
            app.settings.oidc.response_types = ALL_TYPES.map(str::to_owned).to_vec();
            app.settings.oidc.grant_types =
                vec![GrantType::AuthorizationCode, GrantType::Implicit, GrantType::RefreshToken];
        })
        .await;
}

#[tokio::test]
async fn core_3_2_and_3_3_every_response_type_answers_what_it_names() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    with_all_types(&server).await;
    let browser = server.signed_in("alex", "alex123").await;
    for kind in ALL_TYPES {
        let answer = browser.ask("app", "openid email", &[("response_type", kind)]).await;
        let part = |name: &str| {
            if kind == "code" { answer.redirect_param(name) } else { answer.fragment_param(name) }
        };
        assert_eq!(part("state").as_deref(), Some("st"), "{kind}");
        assert_eq!(part("iss").as_deref(), Some(&*server.base), "{kind}");
        assert!(part("session_state").is_some(), "{kind}");
        let has = |word: &str| kind.split(' ').any(|one| one == word);
        let (code, token, id_token) = (part("code"), part("access_token"), part("id_token"));
        assert_eq!(code.is_some(), has("code"), "{kind}");
        assert_eq!(token.is_some(), has("token"), "{kind}");
        assert_eq!(id_token.is_some(), has("id_token"), "{kind}");
        if let Some(token) = &token {
            assert_eq!(part("token_type").as_deref(), Some("Bearer"));
            assert_eq!(part("expires_in").as_deref(), Some("3600"));
            assert!(server.active("app", token).await, "{kind}");
        }
        if let Some(id_token) = &id_token {
            let told = claims(id_token);
            let hash = |text: &Option<String>| match text {
                Some(text) => json!(half_hash(SigningAlg::Rs256, text)),
                None => Value::Null,
            };
            assert_eq!(told["at_hash"], hash(&token), "{kind}");
            assert_eq!(told["c_hash"], hash(&code), "{kind}");
            assert_eq!(told["nonce"], "no");
            assert_eq!(told["acr"], "1");
            // Core 5.4: only where there is no access token to ask userinfo with.
            assert_eq!(told.get("email").is_some(), kind == "id_token", "{kind}");
        }
        if let Some(code) = &code {
            let tokens = server.redeem("app", code).await;
            assert_eq!(tokens.status, 200, "{kind} {tokens:?}");
            let second = tokens.json()["access_token"].as_str().expect("a token").to_owned();
            assert_ne!(Some(&second), token.as_ref(), "{kind}");
            assert_eq!(server.redeem("app", code).await.status, 400);
            assert!(!server.active("app", &second).await, "the code was used twice");
            if let Some(token) = &token {
                assert!(!server.active("app", token).await, "so everything of its grant is dead");
            }
        }
    }
}

#[tokio::test]
async fn response_modes_are_honoured_and_errors_travel_with_them() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    with_all_types(&server).await;
    let browser = server.signed_in("alex", "alex123").await;
    let fragment = [("response_mode", "fragment")];
    assert!(browser.ask("app", "openid", &fragment).await.fragment_param("code").is_some());
    let posted = browser.ask("app", "openid", &[("response_mode", "form_post")]).await;
    assert_eq!(posted.status, 200);
    assert!(posted.body.contains(&format!("action=\"{CALLBACK}\"")), "{}", posted.body);
    assert!(!posted.field("code").is_empty() && posted.field("state") == "st");
    assert!(posted.header("content-security-policy").contains("script-src 'self'"));
    let wrong = [("response_mode", "form_post"), ("prompt", "none login")];
    let error = browser.ask("app", "openid", &wrong).await;
    assert_eq!((error.status, error.field("error")), (200, "invalid_request".into()));
    let query = [("response_mode", "query"), ("response_type", "id_token")];
    let refused = browser.ask("app", "openid", &query).await;
    assert_eq!(refused.fragment_param("error").as_deref(), Some("invalid_request"));
    let nonce = [("response_type", "code id_token"), ("nonce", "")];
    let refused = browser.ask("app", "openid", &nonce).await;
    assert_eq!(refused.fragment_param("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn core_5_5_claims_by_name_and_acr() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let asked = json!({
        "userinfo": {"email": {"essential": true}},
        "id_token": {"name": null, "acr": {"values": ["1"]}},
    });
    let answer = browser.ask("app", "openid", &[("claims", &asked.to_string())]).await;
    let code = answer.redirect_param("code").expect("a code");
    let tokens = server.redeem("app", &code).await.json();
    let told = claims(tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!((&told["name"], &told["acr"]), (&json!("alex the tester"), &json!("1")));
    let access = tokens["access_token"].as_str().expect("a token");
    let who = userinfo(&server, access).await.json();
    assert_eq!(who["email"], "alex@example.test");
    assert!(who.get("name").is_none(), "it was asked for in the ID token alone");
    for (claims, want) in [
        (
            json!({"id_token": {"acr": {"essential": true, "values": ["9"]}}}),
            "unmet_authentication_requirements",
        ),
        (json!({"id_token": {"sub": {"value": "someone else"}}}), "login_required"),
    ] {
        let more = [("claims", &*claims.to_string()), ("prompt", "none")];
        let answer = browser.ask("app", "openid", &more).await;
        assert_eq!(answer.redirect_param("error").as_deref(), Some(want), "{claims}");
    }
}

async fn userinfo(server: &TestServer, access: &str) -> Answer {
    let request = server.http.get(format!("{}/oauth2/userinfo", server.base));
    Answer::of(request.bearer_auth(access).send().await.expect("an answer")).await
}

#[tokio::test]
async fn id_token_hint_names_the_person_who_is_expected() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.user("sam", "sam1234", &[]).await;
    server.app("app", |_| {}).await;
    let alex = server.signed_in("alex", "alex123").await;
    let sam = server.signed_in("sam", "sam1234").await;
    let tokens = server.tokens(&alex, "app", "openid").await;
    let hint = tokens["id_token"].as_str().expect("an ID token");
    let silent = [("prompt", "none"), ("id_token_hint", hint)];
    assert!(alex.ask("app", "openid", &silent).await.redirect_param("code").is_some());
    let other = sam.ask("app", "openid", &silent).await;
    assert_eq!(other.redirect_param("error").as_deref(), Some("login_required"));
    let forged = [("prompt", "none"), ("id_token_hint", "a.b.c")];
    let answer = alex.ask("app", "openid", &forged).await;
    assert_eq!(answer.redirect_param("error").as_deref(), Some("invalid_request"));
    // Sam is asked to sign in as the one who is expected; who comes back is Sam again.
    let asked = sam.ask("app", "openid", &[("id_token_hint", hint)]).await;
    let back = sam.sign_in_at(asked.location(), "sam", "sam1234", false).await;
    let answer = sam.get(back.location()).await;
    assert_eq!(answer.redirect_param("error").as_deref(), Some("login_required"), "{answer:?}");
}

#[tokio::test]
async fn consent_is_asked_once_remembered_and_withdrawn() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |app| app.settings.first_party = false).await;
    let browser = server.signed_in("alex", "alex123").await;
    let silent = browser.ask("app", "openid email", &[("prompt", "none")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("consent_required"));
    let asked = browser.ask("app", "openid email", &[]).await;
    assert!(asked.location().starts_with("/consent?ticket="), "{asked:?}");
    let page = browser.get(asked.location()).await;
    assert!(page.body.contains("Your mail address") && page.body.contains("app.test"));
    let form = |answer: &'static str| {
        vec![
            ("csrf", page.field("csrf")),
            ("ticket", page.field("ticket")),
            ("answer", answer.into()),
        ]
    };
    let post = async |answer: &'static str| {
        let form = form(answer);
        let form: Vec<(&str, &str)> = form.iter().map(|(a, b)| (*a, b.as_str())).collect();
        let back = browser.post("/consent", &form).await;
        browser.get(back.location()).await
    };
    let declined = post("no").await;
    assert_eq!(declined.redirect_param("error").as_deref(), Some("access_denied"), "{declined:?}");
    let code = post("yes").await.redirect_param("code").expect("a code");
    let tokens = server.redeem("app", &code).await.json();
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let silent = browser.ask("app", "openid email", &[("prompt", "none")]).await;
    assert!(silent.redirect_param("code").is_some(), "remembered");
    let more = browser.ask("app", "openid email profile", &[]).await;
    assert!(more.location().starts_with("/consent"), "more than was approved");
    let again = browser.ask("app", "openid", &[("prompt", "consent")]).await;
    assert!(again.location().starts_with("/consent"), "asked for");
    let list = browser.get("/myaccount/connections").await;
    let action =
        list.body.split("action=\"").find(|part| part.contains("/withdraw")).expect("a form");
    let action = action.split('"').next().expect("an address");
    let csrf = list.field("csrf");
    assert_eq!(browser.post(action, &[("csrf", &csrf)]).await.status, 303);
    assert!(!server.active("app", &access).await, "withdrawn with all that was given");
    assert!(browser.ask("app", "openid", &[]).await.location().starts_with("/consent"));
}

#[tokio::test]
async fn select_account_goes_on_or_asks_for_another() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let asked = browser.ask("app", "openid", &[("prompt", "select_account")]).await;
    assert!(asked.location().starts_with("/select-account?ticket="), "{asked:?}");
    let page = browser.get(asked.location()).await;
    assert!(page.body.contains("Continue as alex the tester"), "{}", page.body);
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let answer = |answer| [("csrf", &*csrf), ("ticket", &*ticket), ("answer", answer)];
    let other = browser.post("/select-account", &answer("other")).await;
    assert!(other.location().starts_with("/login"), "{other:?}");
    let back = browser.post("/select-account", &answer("this")).await;
    assert!(browser.get(back.location()).await.redirect_param("code").is_some());
}

fn key(alg: SigningAlg) -> SigningKey {
    SigningKey::generate(alg).and_then(|pkcs8| SigningKey::from_pkcs8(alg, &pkcs8)).expect("a key")
}

#[tokio::test]
async fn core_6_request_objects_by_value_and_by_reference() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    let documents = Documents::start().await;
    let mine = key(SigningAlg::Es256);
    let jwks = json!({ "keys": [serde_json::to_value(mine.jwk()).expect("JSON")] });
    documents.put("/keys", &jwks.to_string());
    let request_uri = documents.uri("/request");
    server
        .app("app", |app| {
            app.settings.oidc.jwks_uri = Some(documents.uri("/keys"));
            app.settings.oidc.request_uris = vec![request_uri.clone()];
        })
        .await;
    server
        .app("unsigned", |app| app.settings.oidc.request_object_signing_alg = Some("none".into()))
        .await;
    let browser = server.signed_in("alex", "alex123").await;
    let object = |claims: Value| sign_jwt(&mine, "oauth-authz-req+jwt", &claims).expect("signed");
    let good = object(json!({"iss": "app", "aud": server.base, "state": "inner", "max_age": 9000}));
    let answer = browser.ask("app", "openid", &[("request", &good)]).await;
    assert_eq!(answer.redirect_param("state").as_deref(), Some("inner"), "{answer:?}");
    assert!(answer.redirect_param("code").is_some());
    documents.put("/request", &good);
    let answer = browser.ask("app", "openid", &[("request_uri", &request_uri)]).await;
    assert_eq!(answer.redirect_param("state").as_deref(), Some("inner"), "{answer:?}");
    let stranger = sign_jwt(&key(SigningAlg::Es256), "JWT", &json!({})).expect("signed");
    let none = sojourn_crypto::unsigned_jwt(&json!({"state": "inner"})).expect("JSON");
    for (name, value, want) in [
        ("request", stranger, "invalid_request_object"),
        ("request", object(json!({"sub": "app"})), "invalid_request_object"),
        ("request", object(json!({"iss": "other"})), "invalid_request_object"),
        ("request", object(json!({"aud": "https://other.test"})), "invalid_request_object"),
        ("request", object(json!({"exp": 1})), "invalid_request_object"),
        ("request", object(json!({"response_type": "id_token"})), "invalid_request_object"),
        ("request", object(json!({"request": "x"})), "invalid_request_object"),
        ("request_uri", documents.uri("/other"), "invalid_request_uri"),
    ] {
        let answer = browser.ask("app", "openid", &[(name, &value)]).await;
        assert_eq!(answer.redirect_param("error").as_deref(), Some(want), "{name} {value}");
        assert_eq!(answer.redirect_param("state").as_deref(), Some("st"));
    }
    let answer = browser.ask("unsigned", "openid", &[("request", &none)]).await;
    assert_eq!(answer.redirect_param("state").as_deref(), Some("inner"), "registered as unsigned");
    let answer = browser.ask("app", "openid", &[("request", &none)]).await;
    assert_eq!(
        answer.redirect_param("state").as_deref(),
        Some("inner"),
        "nothing else is registered"
    );
    let elsewhere = object(json!({"redirect_uri": "https://evil.test/"}));
    let refused = browser.ask("app", "openid", &[("request", &elsewhere)]).await;
    assert_eq!((refused.status, refused.location()), (400, ""), "never to an unregistered address");
}

#[tokio::test]
async fn core_9_client_assertions_are_fresh_ours_and_used_once() {
    let server = TestServer::start().await;
    let mine = key(SigningAlg::Es256);
    let jwks = json!({ "keys": [serde_json::to_value(mine.jwk()).expect("JSON")] });
    server
        .app("machine", |app| {
            app.secret = None;
            app.settings.oidc.token_endpoint_auth_method = ClientAuthMethod::PrivateKeyJwt;
            app.settings.oidc.jwks = Some(jwks);
            app.settings.oidc.grant_types = vec![GrantType::ClientCredentials];
            app.settings.oidc.own_scopes = vec!["internal_session_view".into()];
        })
        .await;
    let now = server.engine.now().seconds();
    let token_endpoint = format!("{}/oauth2/token", server.base);
    let fine = json!({"iss": "machine", "sub": "machine", "aud": token_endpoint, "exp": now + 60, "jti": "1"});
    let with = |name: &str, value: Value| {
        let mut claims = fine.clone();
        claims[name] = value;
        claims
    };
    let ask = async |claims: &Value| {
        let assertion = sign_jwt(&mine, "JWT", claims).expect("signed");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", sojourn_oidc::client_auth::JWT_BEARER),
            ("client_assertion", &assertion),
        ];
        let request = server.http.post(&token_endpoint).form(&form);
        Answer::of(request.send().await.expect("an answer")).await
    };
    assert_eq!(ask(&fine).await.status, 200);
    let again = ask(&fine).await;
    assert_eq!((again.status, again.json()["error"].as_str()), (401, Some("invalid_client")));
    assert_eq!(ask(&with("aud", json!([server.base])).clone()).await.status, 401, "same jti");
    let mut issuer = with("aud", json!([server.base]));
    issuer["jti"] = json!("2");
    assert_eq!(ask(&issuer).await.status, 200, "the issuer is an audience too");
    for (name, value) in [
        ("iss", json!("other")),
        ("aud", json!("https://other.test")),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 90_000)),
        ("nbf", json!(now + 600)),
        ("jti", json!("")),
    ] {
        let mut claims = with("jti", json!(format!("{name}{value}")));
        claims[name] = value;
        assert_eq!(ask(&claims).await.status, 401, "{claims}");
    }
}

#[tokio::test]
async fn core_8_pairwise_subjects_differ_by_sector_and_stay() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    for (client, uri) in [("a", "https://app.test/callback"), ("b", "https://other.test/callback")]
    {
        server
            .app(client, |app| {
                app.settings.oidc.subject_type = SubjectType::Pairwise;
                app.settings.oidc.redirect_uris = vec![uri.into(), CALLBACK.into()];
            })
            .await;
    }
    let browser = server.signed_in("alex", "alex123").await;
    let mut subs = Vec::new();
    for client in ["a", "b", "a"] {
        let tokens = server.tokens(&browser, client, "openid").await;
        let sub = claims(tokens["id_token"].as_str().expect("an ID token"))["sub"].clone();
        let access = tokens["access_token"].as_str().expect("a token");
        assert_eq!(userinfo(&server, access).await.json()["sub"], sub);
        subs.push(sub);
    }
    assert_eq!(subs[0], subs[2]);
    assert_ne!(subs[0], subs[1]);
    assert_ne!(subs[0], json!(alex.id.to_string()));
}

#[tokio::test]
async fn rfc_9068_access_tokens_that_others_can_check() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server
        .app("app", |app| {
            app.settings.oidc.access_token_format = AccessTokenFormat::Jwt;
            app.settings.oidc.audiences = vec!["https://api.test".into()];
            app.settings.oidc.userinfo_signed_response_alg = Some(SigningAlg::Ps256);
        })
        .await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid email").await;
    let access = tokens["access_token"].as_str().expect("a token");
    assert_eq!(tokens["expires_in"], 300);
    assert_eq!(jwt_header(access)["typ"], "at+jwt");
    let told = claims(access);
    let id_token = claims(tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!((&told["aud"], &told["client_id"]), (&json!(["https://api.test"]), &json!("app")));
    assert_eq!((&told["sub"], &told["sid"]), (&id_token["sub"], &id_token["sid"]));
    assert!(server.active("app", access).await);
    let jti = told["jti"].as_str().expect("a jti");
    assert!(!server.active("app", jti).await, "the jti by itself opens nothing");
    let answer = userinfo(&server, access).await;
    assert_eq!(answer.header("content-type"), "application/jwt");
    assert_eq!(jwt_header(&answer.body)["alg"], "PS256");
    let who = claims(&answer.body);
    assert_eq!((&who["aud"], &who["email"]), (&json!("app"), &json!("alex@example.test")));
    let revoked =
        server.post("/oauth2/revoke", Some(("app", "secret")), &[("token", access)]).await;
    assert_eq!(revoked.status, 200);
    assert!(!server.active("app", access).await, "revoked");
}

#[tokio::test]
async fn unsigned_id_tokens_only_where_registered_and_only_in_the_code_flow() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |app| app.settings.oidc.id_token_unsigned = true).await;
    let browser = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    assert!(id_token.ends_with('.') && jwt_header(id_token)["alg"] == "none");
}

#[tokio::test]
async fn rfc_6749_4_3_passwords_only_where_allowed_and_dead_with_the_user() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    server.app("old", |app| app.settings.oidc.grant_types.push(GrantType::Password)).await;
    let form = |password| {
        [
            ("grant_type", "password"),
            ("username", "alex"),
            ("password", password),
            ("scope", "openid email"),
        ]
    };
    let refused = server.post("/oauth2/token", Some(("app", "secret")), &form("alex123")).await;
    assert_eq!(refused.json()["error"], "unauthorized_client");
    let wrong = server.post("/oauth2/token", Some(("old", "secret")), &form("wrong")).await;
    assert_eq!(wrong.json()["error"], "invalid_grant");
    let tokens =
        server.post("/oauth2/token", Some(("old", "secret")), &form("alex123")).await.json();
    let access = tokens["access_token"].as_str().expect("a token");
    assert!(server.active("old", access).await);
    let next = server.refresh("old", tokens["refresh_token"].as_str().expect("a token")).await;
    assert_eq!(next.status, 200, "{next:?}");
    let target = sojourn_model::EndTarget::User(alex.id);
    let reason = sojourn_model::EndReason::Admin;
    let plan = sojourn_engine::EndPlan::new(target, reason, sojourn_model::Actor::System);
    server
        .engine
        .end_sessions(&server.tenant, plan, &sojourn_engine::Authority::system())
        .await
        .expect("ended");
    assert!(!server.active("old", access).await);
}

#[tokio::test]
async fn keys_are_published_ahead_used_later_and_retired_last() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let kid = async || {
        let tokens = server.tokens(&browser, "app", "openid").await;
        let id_token = tokens["id_token"].as_str().expect("an ID token").to_owned();
        (jwt_header(&id_token)["kid"].as_str().expect("a kid").to_owned(), id_token)
    };
    let published = async || {
        let keys = browser.get("/oauth2/jwks").await.json();
        let keys = keys["keys"].as_array().expect("keys").clone();
        keys.iter().map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect::<Vec<_>>()
    };
    let (old, hint) = kid().await;
    let actor = sojourn_engine::Authority::system();
    let rotate = || server.engine.rotate_key(&server.tenant, SigningAlg::Rs256, &actor);
    let new = rotate().await.expect("rotated");
    assert!(rotate().await.is_err(), "the next one is published already");
    let both = published().await;
    assert!(both.contains(&old) && both.contains(&new), "published ahead");
    assert_eq!(kid().await.0, old, "and not used yet");
    server.clock.advance(3_600_000);
    let browser_later = server.signed_in("alex", "alex123").await;
    let tokens = server.tokens(&browser_later, "app", "openid").await;
    let id_token = tokens["id_token"].as_str().expect("an ID token");
    assert_eq!(jwt_header(id_token)["kid"], *new);
    assert!(published().await.contains(&old), "what it signed may live");
    server.clock.advance(26 * 3_600_000);
    assert!(!published().await.contains(&old));
    let path = format!("/oidc/logout?id_token_hint={hint}");
    assert_eq!(browser.get(&path).await.status, 200, "an old ID token is still a hint");
}

#[tokio::test]
async fn a_code_is_bound_to_its_verifier_even_where_none_is_required() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |_| {}).await;
    let browser = server.signed_in("alex", "alex123").await;
    let code = browser.code("app", "openid").await;
    let changed = VERIFIER.replace('d', "e");
    let form = |verifier| {
        [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", verifier),
        ]
    };
    let without = server.post("/oauth2/token", Some(("app", "secret")), &form("")).await;
    assert_eq!(without.json()["error"], "invalid_grant");
    let other = server.post("/oauth2/token", Some(("app", "secret")), &form(&changed)).await;
    assert_eq!(other.json()["error"], "invalid_grant");
    assert_eq!(
        server.post("/oauth2/token", Some(("app", "secret")), &form(VERIFIER)).await.status,
        200
    );
}

#[tokio::test]
async fn a_ticket_is_of_no_use_in_another_browser_or_for_another_request() {
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |app| app.settings.first_party = false).await;
    let thief = server.browser();
    let all = [("prompt", "consent"), ("scope", "openid profile email offline_access")];
    let asked = thief.ask("app", "openid", &all).await;
    let stolen = asked.location().replace("/login?ticket", "/oauth2/authorize?continue");
    // Alex approves something small, later.
    let alex = server.signed_in("alex", "alex123").await;
    let asked = alex.ask("app", "openid", &[]).await;
    let page = alex.get(asked.location()).await;
    let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
    let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "yes")];
    let back = alex.post("/consent", &form).await;
    assert!(alex.get(back.location()).await.redirect_param("code").is_some());
    let led = alex.get(&stolen).await;
    assert!(led.location().starts_with("/consent"), "asked for all of it: {led:?}");
    // What was done in one session counts in no other.
    server.app("own", |_| {}).await;
    let asked = alex.ask("own", "openid", &[("prompt", "login")]).await;
    let back = alex.sign_in_at(asked.location(), "alex", "alex123", false).await;
    let other = server.signed_in("alex", "alex123").await;
    assert!(other.get(back.location()).await.location().starts_with("/login"));
    assert!(alex.get(back.location()).await.redirect_param("code").is_some());
    // Nor does it live on by being used.
    for _ in 0..4 {
        server.clock.advance(10 * 60_000);
        alex.get("/myaccount").await;
    }
    let late = alex.get(back.location()).await;
    assert!(late.location().starts_with("/login?"), "too long ago: {late:?}");
}
