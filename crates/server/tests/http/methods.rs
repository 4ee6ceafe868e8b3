//! Methods that a policy allows, and how old a second factor may be.

use serde_json::{Value, json};
use sojourn_testkit::server::{CALLBACK, TestServer};

use crate::factors::{STEP_MS, enrol, give};
use crate::keys::{ALEX, Asked, BOSS, PASSKEY, SECURITY_KEY, add, server, sign_in};

const TENANT: &str = "/api/sessions/v1/policies/tenant";
const MINUTE_MS: i64 = 60_000;

async fn set(server: &TestServer, path: &str, policy: &Value) {
    let set = server.send("PUT", path, BOSS, policy).await;
    assert_eq!(set.status, 200, "{set:?}");
}

async fn of_alex(server: &TestServer) -> String {
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    format!("/api/sessions/v1/policies/users/{}", alex.id)
}

#[tokio::test]
async fn a_second_factor_that_is_too_old_is_asked_for_in_the_same_session() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    for ms in [0, 1_000, 59_999] {
        let policy = json!({"second_factor": "required", "second_factor_age_ms": ms});
        assert_eq!(server.send("PUT", TENANT, BOSS, &policy).await.status, 400, "{ms}");
    }
    let policy = json!({"second_factor": "required", "second_factor_age_ms": 10 * MINUTE_MS});
    set(&server, &of_alex(&server).await, &policy).await;
    server.clock.advance(STEP_MS);
    let browser = server.browser();
    let page = browser.sign_in(ALEX.0, ALEX.1).await;
    assert_eq!(give(&browser, &page, &phone.code(&server)).await.status, 303);
    let sid = async |answer: &str| server.redeem("app", answer).await.json()["id_token"].clone();
    let first = browser.authorize("app", "openid", &[]).await;
    let first = sid(&first.redirect_param("code").expect("a code")).await;
    server.clock.advance(10 * MINUTE_MS);
    assert!(browser.authorize("app", "openid", &[]).await.location().starts_with(CALLBACK));
    server.clock.advance(1);
    let silent = browser.authorize("app", "openid", &[("prompt", "none")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"), "{silent:?}");
    assert!(browser.get("/myaccount").await.location().starts_with("/login/factor?"));
    let asked = browser.authorize("app", "openid", &[]).await;
    assert!(asked.location().starts_with("/login/factor?"), "{asked:?}");
    let page = browser.get(asked.location()).await;
    let on = give(&browser, &page, &phone.code(&server)).await;
    let answer = browser.get(on.location()).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    let again = sid(&answer.redirect_param("code").expect("a code")).await;
    let claim = |token: &Value, name: &str| {
        sojourn_testkit::server::claims(token.as_str().expect("an ID token"))[name].clone()
    };
    assert_eq!(claim(&first, "sid"), claim(&again, "sid"), "the session goes on");
    assert_eq!(claim(&again, "acr"), "2");
    server.stop().await;
}

#[tokio::test]
async fn a_policy_that_nobody_can_meet_is_refused() {
    let server = server().await;
    for (policy, why) in [
        (json!({"methods": []}), "at least one of"),
        (json!({"methods": ["face"]}), "is not one of"),
        (json!({"methods": ["totp", "security_key"]}), "must include password or passkey"),
        (json!({"methods": ["password"], "second_factor": "required"}), "can't reach"),
        (
            json!({"methods": ["password", "recovery_code"], "second_factor": "required"}),
            "can't reach",
        ),
        (
            json!({"methods": ["password", "totp"], "second_factor": "phishing_resistant"}),
            "can't reach",
        ),
    ] {
        let refused = server.send("PUT", TENANT, BOSS, &policy).await;
        assert!(refused.status == 400 && refused.body.contains(why), "{policy} {refused:?}");
    }
    // The form says it as well, and keeps what was in force.
    let boss = server.signed_in(BOSS.0, BOSS.1).await;
    let page = boss.get("/console/policies").await;
    let csrf = page.field("csrf");
    let refused = boss.post("/console/policies", &[("csrf", &csrf), ("method_totp", "on")]).await;
    assert!(refused.status == 400 && refused.body.contains("password or passkey"), "{refused:?}");
    let form = [("csrf", &*csrf), ("method_passkey", "on"), ("method_password", "on")];
    assert_eq!(boss.post("/console/policies", &form).await.status, 303);
    let found = server.api("GET", TENANT, BOSS).await.json();
    assert_eq!(found["methods"], json!(["password", "passkey"]));
    let page = boss.get("/console/policies").await;
    assert!(page.body.contains("name=\"method_passkey\" checked"), "{}", page.body);
    server.stop().await;
}

#[tokio::test]
async fn where_passwords_do_not_count_they_only_lead_to_a_passkey() {
    let server = server().await;
    let own = server.signed_in(ALEX.0, ALEX.1).await;
    let (mut key, added) = add(&server, &own, PASSKEY).await;
    assert_eq!(added.status, 200, "{added:?}");
    set(&server, TENANT, &json!({"methods": ["passkey"]})).await;
    // A session by password is raised by the passkey; silently it can't be.
    let silent = own.authorize("app", "openid", &[("prompt", "none")]).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"), "{silent:?}");
    let asked = own.authorize("app", "openid", &[]).await;
    assert!(asked.location().starts_with("/login/factor?"), "{asked:?}");
    // A password alone signs nobody in: it leads to the page that asks for the passkey, and offers no code.
    let page = server.browser().sign_in(ALEX.0, ALEX.1).await;
    assert!(page.status == 200 && page.body.contains("data-key=\"get\""), "{page:?}");
    assert_eq!(server.api("GET", "/scim2/Me", ALEX).await.status, 401);
    let (browser, answer) = sign_in(&server, &mut key).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(browser.authorize("app", "openid", &[]).await.location().starts_with(CALLBACK));
    // A user without one adds it, and can't add an authenticator app instead.
    server.user("cleo", "cleo-123", &[]).await;
    let page = server.browser().sign_in("cleo", "cleo-123").await;
    assert!(page.body.contains("data-key=\"create\""), "{page:?}");
    assert!(!page.body.contains("name=\"code\""), "{page:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_and_not_used_up() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let (mut key, _) = add(&server, &server.signed_in(BOSS.0, BOSS.1).await, PASSKEY).await;
    let (by_passkey, _) = sign_in(&server, &mut key).await;
    set(&server, TENANT, &json!({"methods": ["password", "totp"]})).await;
    // A session with the passkey isn't raised in a circle: its user signs in with the password.
    let asked = by_passkey.authorize("app", "openid", &[]).await;
    assert!(asked.location().starts_with("/login?ticket="), "{asked:?}");
    let (_, refused) = sign_in(&server, &mut key).await;
    assert!(refused.status == 403 && refused.body.contains("allow passkeys here"), "{refused:?}");
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let browser = server.browser();
    let page = browser.sign_in(ALEX.0, ALEX.1).await;
    let code = give(&browser, &page, &phone.codes[0]).await;
    assert_eq!(code.status, 401, "{code:?}");
    let left = server.engine.factors(&server.tenant, alex.id).await.expect("read").codes_left;
    assert_eq!(left, 10, "a recovery code that doesn't count stays");
    server.clock.advance(STEP_MS);
    assert_eq!(give(&browser, &page, &phone.code(&server)).await.status, 303);
    // A security key is what remains to be added where passkeys and apps don't count.
    let strict = json!({"methods": ["password", "security_key"], "second_factor": "required"});
    server.user("cleo", "cleo-123", &[]).await;
    set(&server, TENANT, &strict).await;
    let page = server.browser().sign_in("cleo", "cleo-123").await;
    assert!(!page.body.contains("name=\"code\""), "{page:?}");
    let options = Asked::of(&page).options;
    assert_eq!(options["authenticatorSelection"]["residentKey"], "discouraged", "{options}");
    server.stop().await;
}

#[tokio::test]
async fn the_page_of_the_second_factor_offers_what_counts() {
    let server = server().await;
    let own = server.signed_in(ALEX.0, ALEX.1).await;
    add(&server, &own, SECURITY_KEY).await;
    let own = server.browser();
    let page = own.sign_in(ALEX.0, ALEX.1).await;
    assert!(
        page.body.contains("data-key=\"get\"") && page.body.contains("recovery codes"),
        "{page:?}"
    );
    for (methods, key, code) in [
        (json!(["password", "totp"]), false, Some("that your authenticator app shows.<")),
        (json!(["password", "recovery_code"]), false, Some("One of your recovery codes.")),
        (json!(["password", "security_key"]), true, None),
        // The key is no passkey. It is still proven before another one is added.
        (json!(["password", "passkey"]), true, None),
    ] {
        set(&server, TENANT, &json!({ "methods": methods })).await;
        let page = server.browser().sign_in(ALEX.0, ALEX.1).await;
        assert_eq!(page.body.contains("data-key=\"get\""), key, "{methods} {page:?}");
        assert_eq!(page.body.contains("name=\"code\""), code.is_some(), "{methods} {page:?}");
        assert!(code.is_none_or(|text| page.body.contains(text)), "{methods} {page:?}");
    }
    server.stop().await;
}
