//! What an organisation demands of sign-ins and allows there: second factors, trusted browsers, an account that is secured.

use serde_json::json;
use sojourn_model::GrantType;
use sojourn_testkit::server::{Answer, Browser, CALLBACK, TestServer, claims};

use crate::factors::{
    ALEX, APP, Phone, STEP_MS, enrol, give, half, is_in, seed_in, server, sign_out, signed_in,
    trust, untrust_path,
};

#[tokio::test]
async fn where_a_factor_is_demanded_a_sign_in_adds_one() {
    let server = server().await;
    server.app("direct", |app| app.settings.oidc.grant_types.push(GrantType::Password)).await;
    let before = server.signed_in(ALEX.0, ALEX.1).await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let path = format!("/api/sessions/v1/policies/users/{}", alex.id);
    let policy = json!({"second_factor": "required"});
    let set = server.send("PUT", &path, ("boss", "boss-123"), &policy).await;
    assert_eq!(set.status, 200, "{set:?}");
    // A session that began before is enough for nothing any more.
    let own = before.get("/myaccount").await;
    assert!(own.location().starts_with("/login?ticket="), "{own:?}");
    let silent = before.authorize("app", "openid", &[("prompt", "none")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"), "{silent:?}");
    let asked = before.authorize("app", "openid", &[]).await;
    assert!(asked.location().starts_with("/login?ticket="), "{asked:?}");
    let page = before.sign_in_at(asked.location(), ALEX.0, ALEX.1, false).await;
    assert!(page.status == 200 && page.body.contains("Your organisation asks"), "{page:?}");
    let phone = Phone { seed: seed_in(&page), codes: Vec::new() };
    let send = async |browser: &Browser, page: &Answer, code: &str| {
        let (csrf, state, offer) = (page.field("csrf"), page.field("state"), page.field("offer"));
        let form = [
            ("csrf", &*csrf),
            ("state", &state),
            ("offer", &offer),
            ("code", code),
            ("name", "Phone"),
        ];
        browser.post("/login/enrol", &form).await
    };
    let wrong = send(&before, &page, "000000").await;
    assert!(wrong.status == 400 && seed_in(&wrong) == phone.seed, "{wrong:?}");
    // Its state doesn't serve as that of another step, nor the offer in another sign-in.
    let (csrf, state) = (page.field("csrf"), page.field("state"));
    let form = [("csrf", &*csrf), ("state", &state), ("code", &phone.code(&server))];
    assert!(before.post("/login/factor", &form).await.location().starts_with("/login?ticket="));
    // The codes are shown however long it took: installing an app takes time.
    server.clock.advance(6 * 60_000);
    let done = send(&before, &page, &phone.code(&server)).await;
    assert!(done.status == 200 && done.body.contains("id=\"codes\""), "{done:?}");
    let (_, rest) = done.body.split_once("id=\"kept\" href=\"").expect("a way on");
    let on = rest.split('"').next().expect("its address").replace("&amp;", "&");
    let answer = before.get(&on).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    let redeemed = server.redeem("app", &answer.redirect_param("code").expect("a code")).await;
    assert_eq!(claims(redeemed.json()["id_token"].as_str().expect("one"))["acr"], "2");
    // From now on the factor is asked for, and nobody adds another one with the password alone.
    let (browser, asks) = half(&server).await;
    assert!(send(&browser, &asks, "000000").await.location().starts_with("/login?ticket="));
    server.clock.advance(STEP_MS);
    assert_eq!(give(&browser, &asks, &phone.code(&server)).await.status, 303);
    // Where nobody can be asked, who has none is refused as well.
    let cleo = server.user("cleo", "cleo-123", &[]).await;
    let path = format!("/api/sessions/v1/policies/users/{}", cleo.id);
    server.send("PUT", &path, ("boss", "boss-123"), &policy).await;
    let form = [("grant_type", "password"), ("username", "cleo"), ("password", "cleo-123")];
    let refused = server.post("/oauth2/token", Some(("direct", "secret")), &form).await;
    assert!(refused.body.contains("authorization code flow"), "{refused:?}");
    assert_eq!(server.api("GET", "/scim2/Me", ("cleo", "cleo-123")).await.status, 401);
}

#[tokio::test]
async fn a_trusted_browser_is_not_asked_until_something_changes() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let asked = |answer: &Answer| answer.status == 200 && answer.body.contains("name=\"code\"");
    // Where no policy allows it, it isn't offered, and asking for it does nothing.
    let (browser, page) = half(&server).await;
    assert!(!page.body.contains("name=\"trust\""), "{page:?}");
    trust(&browser, &page, &phone.code(&server)).await;
    sign_out(&browser).await;
    assert!(asked(&browser.sign_in(ALEX.0, ALEX.1).await));
    let tenant = "/api/sessions/v1/policies/tenant";
    let policy = json!({"trust_browser_ms": 7 * DAY_MS, "second_factor": "required"});
    let boss = ("boss", "boss-123");
    let set = server.send("PUT", tenant, boss, &policy).await;
    assert_eq!(set.status, 200, "{set:?}");
    let again = async |browser: &Browser| {
        server.clock.advance(STEP_MS);
        sign_out(browser).await;
        let page = browser.sign_in(ALEX.0, ALEX.1).await;
        assert!(asked(&page), "{page:?}");
        assert!(page.body.contains("for 7 days"), "{page:?}");
        let done = trust(browser, &page, &phone.code(&server)).await;
        assert_eq!(done.status, 303, "{done:?}");
        sign_out(browser).await;
        let in_again = browser.sign_in(ALEX.0, ALEX.1).await;
        assert_eq!(in_again.status, 303, "trusted: {in_again:?}");
    };
    again(&browser).await;
    // It is enough for the organisation, and says nothing to applications.
    let tokens = server.tokens(&browser, "app", "openid").await;
    let told = claims(tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!((&told["acr"], &told["amr"]), (&json!("1"), &json!(["pwd"])));
    let step_up = browser.authorize("app", "openid", &[("acr_values", "2")]).await;
    assert!(step_up.location().starts_with("/login/factor?"), "{step_up:?}");
    assert!(!browser.get(step_up.location()).await.body.contains("name=\"trust\""));
    // Nor is it a proof to change factors with.
    assert!(browser.get(APP).await.location().starts_with("/login/factor?"));
    // Another browser is asked.
    assert!(asked(&server.browser().sign_in(ALEX.0, ALEX.1).await));
    // Trusted no longer.
    let security = browser.get("/myaccount/security").await;
    let path = untrust_path(&security).expect("it is listed");
    let csrf = security.field("csrf");
    let done = browser.post(&path, &[("csrf", &csrf)]).await;
    assert_eq!(done.location(), "/myaccount/security?done=untrusted", "{done:?}");
    assert_eq!(browser.post(&path, &[("csrf", &csrf)]).await.location(), "/myaccount/security");
    again(&browser).await;
    // Time.
    server.clock.advance(8 * DAY_MS);
    again(&browser).await;
    // An administrator ends everything of the person.
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let by = sojourn_engine::Authority::system();
    for state in [sojourn_model::UserState::Disabled, sojourn_model::UserState::Active] {
        let set = server.engine.set_user_state(&server.tenant, &alex, state, &by).await;
        set.expect("set");
    }
    assert!(asked(&browser.sign_in(ALEX.0, ALEX.1).await), "switched off meanwhile");
    again(&browser).await;
    // Another factor.
    let page = browser.get(APP).await;
    assert!(page.location().starts_with("/login/factor?"), "{page:?}");
    let page = browser.get(page.location()).await;
    server.clock.advance(STEP_MS);
    assert_eq!(give(&browser, &page, &phone.code(&server)).await.location(), APP);
    let page = browser.get(APP).await;
    let other = Phone { seed: seed_in(&page), codes: Vec::new() };
    let (csrf, offer, code) = (page.field("csrf"), page.field("offer"), other.code(&server));
    let form = [("csrf", &*csrf), ("offer", &offer), ("code", &code), ("name", "Tablet")];
    assert_eq!(browser.post(APP, &form).await.location(), "/myaccount/security?done=factor");
    sign_out(&browser).await;
    assert!(asked(&browser.sign_in(ALEX.0, ALEX.1).await), "a factor was added");
}

#[tokio::test]
async fn an_account_is_secured_in_one_act() {
    let server = server().await;
    let plain = server.signed_in(ALEX.0, ALEX.1).await;
    let offline = server.tokens(&plain, "app", "openid offline_access").await;
    let offline = offline["refresh_token"].as_str().expect("a refresh token").to_owned();
    let phone = enrol(&server, &plain).await;
    let proven = signed_in(&server, &phone.code(&server)).await;
    let boss = server.signed_in("boss", "boss-123").await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let page = format!("/console/users/{}", alex.id);
    let act = format!("{page}/acts/secure");
    assert!(boss.get(&page).await.body.contains(&act), "it is offered");
    let asked = boss.get(&act).await;
    assert!(asked.body.contains("2 sessions of"), "{asked:?}");
    let done = boss.post(&act, &[("csrf", &asked.field("csrf"))]).await;
    assert_eq!(done.location(), format!("{page}?done=secure"), "{done:?}");
    assert!(!is_in(&plain).await && !is_in(&proven).await);
    assert_eq!(server.refresh("app", &offline).await.json()["error"], "invalid_grant");
    let left = server.engine.factors(&server.tenant, alex.id).await.expect("read");
    assert!(left.factors.is_empty() && left.codes_left == 0, "{left:?}");
    let refused = server.browser().sign_in(ALEX.0, ALEX.1).await;
    assert!(refused.status == 403 && refused.body.contains("no longer valid"), "{refused:?}");
    // An administrator's password opens it again.
    let by = sojourn_engine::Authority::system();
    let set = server.engine.reset_password(&server.tenant, &alex, "rainy-tuesday-9", &by).await;
    set.expect("set");
    assert_eq!(server.browser().sign_in(ALEX.0, "rainy-tuesday-9").await.status, 303);
}

/// Trust is a rule of where one signs in: elsewhere, and under a stricter rule, it is none. It goes with the factors.
#[tokio::test]
async fn trust_holds_where_the_policy_says_so_and_as_long_as_it_says_now() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let server = server().await;
    let app = server.app("other", |_| {}).await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let boss = ("boss", "boss-123");
    let set = async |scope: &str, policy: serde_json::Value| {
        let path = format!("/api/sessions/v1/policies/{scope}");
        let set = server.send("PUT", &path, boss, &policy).await;
        assert_eq!(set.status, 200, "{set:?}");
    };
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    set(&format!("users/{}", alex.id), json!({"second_factor": "required"})).await;
    let trusting = format!("applications/{}", app.id);
    set(&trusting, json!({"trust_browser_ms": 7 * DAY_MS})).await;
    let browser = server.browser();
    let sign_in = async || {
        let asked = browser.authorize("other", "openid", &[]).await;
        browser.sign_in_at(asked.location(), ALEX.0, ALEX.1, false).await
    };
    let page = sign_in().await;
    assert_eq!(trust(&browser, &page, &phone.code(&server)).await.status, 303);
    let silently = async |client: &str| {
        let answer = browser.authorize(client, "openid", &[("prompt", "none")]).await;
        answer.redirect_param("error")
    };
    assert_eq!(silently("app").await, None, "the factor was proven");
    sign_out(&browser).await;
    assert_eq!(sign_in().await.status, 303, "trusted");
    assert_eq!(silently("other").await, None);
    assert_eq!(silently("app").await.as_deref(), Some("login_required"), "not there");
    let own = browser.get("/myaccount").await;
    assert!(own.location().starts_with("/login/factor?"), "{own:?}");
    sign_out(&browser).await;
    // A shorter time holds for what was trusted before.
    server.clock.advance(2 * 3_600_000);
    set(&trusting, json!({"trust_browser_ms": 3_600_000})).await;
    assert!(sign_in().await.body.contains("name=\"code\""), "an hour is over");
    set(&trusting, json!({"trust_browser_ms": 7 * DAY_MS})).await;
    assert_eq!(sign_in().await.status, 303, "trusted");
    // Without factors there is nothing that the trust could stand for.
    let by = sojourn_engine::Authority::system();
    server.engine.reset_factors(&server.tenant, &alex, &by).await.expect("reset");
    assert_eq!(silently("other").await.as_deref(), Some("login_required"), "it has ended");
}

/// Who has a factor that isn't enough proves it first, in a trusted browser too: then they add one.
#[tokio::test]
async fn what_there_is_is_proven_before_a_key_is_added() {
    let server =
        TestServer::with(|settings| settings.passkeys.rp_id = Some("localhost".into())).await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    server.user("boss", "boss-123", &["admin"]).await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let set = async |policy: serde_json::Value| {
        let path = "/api/sessions/v1/policies/tenant";
        assert_eq!(server.send("PUT", path, ("boss", "boss-123"), &policy).await.status, 200);
    };
    set(json!({"trust_browser_ms": 86_400_000, "second_factor": "required"})).await;
    let (browser, page) = half(&server).await;
    assert_eq!(trust(&browser, &page, &phone.code(&server)).await.status, 303);
    sign_out(&browser).await;
    set(json!({"trust_browser_ms": 86_400_000, "second_factor": "phishing_resistant"})).await;
    server.clock.advance(STEP_MS);
    let page = browser.sign_in(ALEX.0, ALEX.1).await;
    assert!(
        page.body.contains("name=\"code\"") && !page.body.contains("name=\"trust\""),
        "{page:?}"
    );
    // Another step's form doesn't lead past it.
    let page_state = page.field("state");
    let form = [("csrf", &*page.field("csrf")), ("state", &page_state), ("credential", "{}")];
    let past = browser.post("/login/enrol", &form).await;
    assert!(past.location().starts_with("/login"), "{past:?}");
    let page = give(&browser, &page, &phone.code(&server)).await;
    assert!(page.body.contains("data-key=\"create\""), "then a key is added: {page:?}");
}

/// A recovery code that is right stays its person's where the sign-in is refused for another reason.
#[tokio::test]
async fn a_refused_sign_in_costs_no_recovery_code() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let path = format!("/api/sessions/v1/policies/users/{}", alex.id);
    let full = json!({"max_sessions": 1, "at_limit": "deny"});
    assert_eq!(server.send("PUT", &path, ("boss", "boss-123"), &full).await.status, 200);
    let left =
        async || server.engine.factors(&server.tenant, alex.id).await.expect("read").codes_left;
    let (browser, page) = half(&server).await;
    let refused = give(&browser, &page, &phone.codes[0]).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(left().await, 10);
    assert_eq!(server.send("PUT", &path, ("boss", "boss-123"), &json!({})).await.status, 200);
    let (browser, page) = half(&server).await;
    assert_eq!(give(&browser, &page, &phone.codes[0]).await.status, 303);
    assert_eq!(left().await, 9);
}

#[tokio::test]
async fn a_grace_gives_users_without_a_factor_time_and_ends() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let server = server().await;
    let boss = ("boss", "boss-123");
    let tenant = "/api/sessions/v1/policies/tenant";
    let policy = json!({"second_factor": "required", "enrolment_grace_ms": 7 * DAY_MS});
    let set = async |policy: &serde_json::Value| {
        let set = server.send("PUT", tenant, boss, policy).await;
        assert_eq!(set.status, 200, "{set:?}");
    };
    // Bounds: a grace of nothing is no grace.
    let nothing = json!({"second_factor": "required", "enrolment_grace_ms": 0});
    assert_eq!(server.send("PUT", tenant, boss, &nothing).await.status, 400);
    // A user with a factor is asked for it during the grace, too.
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    set(&policy).await;
    let (browser, page) = half(&server).await;
    assert_eq!(give(&browser, &page, &phone.code(&server)).await.status, 303);
    // A user without one signs in, sees when the grace ends, and reaches applications.
    let cleo = server.user("cleo", "cleo-123", &[]).await;
    let one = server.signed_in("cleo", "cleo-123").await;
    let check = one.get("/myaccount/check").await;
    assert!(check.body.contains("signing in requires a second factor"), "{}", check.body);
    let authorized = one.authorize("app", "openid", &[]).await;
    assert!(authorized.location().starts_with(CALLBACK), "{authorized:?}");
    let path = format!("/api/sessions/v1/policies/effective?user={}", cleo.id);
    let effective = server.api("GET", &path, boss).await.json();
    let until = effective["grace_until"].as_str().expect("an end").to_owned();
    // Saved again, it doesn't begin anew.
    server.clock.advance(3 * DAY_MS);
    set(&policy).await;
    assert_eq!(server.api("GET", &path, boss).await.json()["grace_until"], until.as_str());
    // When it is over, the next sign-in adds one; a session of before is enough for no application.
    server.clock.advance(7 * DAY_MS);
    assert!(server.api("GET", &path, boss).await.json().get("grace_until").is_none());
    let page = server.browser().sign_in("cleo", "cleo-123").await;
    assert!(page.status == 200 && page.body.contains("Your organisation asks"), "{page:?}");
    let silent = one.authorize("app", "openid", &[("prompt", "none")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"), "{silent:?}");
    server.stop().await;
}
