//! Second factors: added, used, removed, and everything that somebody could try instead.

use futures_util::future::join_all;
use serde_json::json;
use sojourn_crypto::totp;
use sojourn_engine::ThrottleLimits;
use sojourn_model::{EventName, GrantType};
use sojourn_testkit::server::{Answer, Browser, CALLBACK, TestServer, claims};

pub(crate) const ALEX: (&str, &str) = ("alex", "alex-123");
pub(crate) const APP: &str = "/myaccount/factors/app";
pub(crate) const STEP_MS: i64 = 30_000;

pub(crate) async fn server() -> TestServer {
    let server = TestServer::start().await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    server.user("boss", "boss-123", &["admin"]).await;
    server.app("app", |_| {}).await;
    server
}

fn unbase32(text: &str) -> Vec<u8> {
    let digits = text.bytes().filter(|byte| *byte != b' ').map(|byte| match byte {
        b'A'..=b'Z' => u64::from(byte - b'A'),
        digit => u64::from(digit - b'2') + 26,
    });
    let digits: Vec<u64> = digits.collect();
    let group = |eight: &[u64]| {
        let number = eight.iter().fold(0, |number, digit| number << 5 | digit);
        number.to_be_bytes()[3..].to_vec()
    };
    digits.chunks(8).flat_map(group).collect()
}

/// An authenticator app.
pub(crate) struct Phone {
    pub(crate) seed: Vec<u8>,
    pub(crate) codes: Vec<String>,
}

impl Phone {
    pub(crate) fn code(&self, server: &TestServer) -> String {
        totp::code(&self.seed, server.engine.now().seconds() / totp::PERIOD_SECONDS)
    }
}

pub(crate) fn seed_in(page: &Answer) -> Vec<u8> {
    let (_, rest) = page.body.split_once("<code id=\"secret\">").expect("a secret");
    unbase32(rest.split('<').next().expect("its text"))
}

/// Adds an app, at a time whose code it uses up.
pub(crate) async fn enrol(server: &TestServer, browser: &Browser) -> Phone {
    let page = browser.get(APP).await;
    assert_eq!(page.status, 200, "{page:?}");
    let mut phone = Phone { seed: seed_in(&page), codes: Vec::new() };
    let (csrf, offer, code) = (page.field("csrf"), page.field("offer"), phone.code(server));
    let form = [("csrf", &*csrf), ("offer", &offer), ("code", &code), ("name", "Phone")];
    let added = browser.post(APP, &form).await;
    assert_eq!(added.status, 200, "{added:?}");
    let listed = added.body.split("<li><code>").skip(1);
    phone.codes = listed.filter_map(|rest| rest.split('<').next()).map(str::to_owned).collect();
    assert_eq!(phone.codes.len(), 10, "{added:?}");
    server.clock.advance(STEP_MS);
    phone
}

/// Gives name and password, and gets the page that asks for the code.
pub(crate) async fn half(server: &TestServer) -> (Browser, Answer) {
    half_of(server, ALEX).await
}

async fn half_of(server: &TestServer, (name, password): (&str, &str)) -> (Browser, Answer) {
    let browser = server.browser();
    let page = browser.sign_in(name, password).await;
    assert!(page.status == 200 && page.body.contains("name=\"code\""), "{page:?}");
    (browser, page)
}

pub(crate) async fn give(browser: &Browser, page: &Answer, code: &str) -> Answer {
    let (csrf, state) = (page.field("csrf"), page.field("state"));
    browser.post("/login/factor", &[("csrf", &csrf), ("state", &state), ("code", code)]).await
}

/// The same, and trusts the browser.
pub(crate) async fn trust(browser: &Browser, page: &Answer, code: &str) -> Answer {
    let (csrf, state) = (page.field("csrf"), page.field("state"));
    let form = [("csrf", &*csrf), ("state", &state), ("code", code), ("trust", "on")];
    browser.post("/login/factor", &form).await
}

/// Where the first trusted browser of the list is trusted no longer.
pub(crate) fn untrust_path(security: &Answer) -> Option<String> {
    let (_, rest) = security.body.split_once("data-browser=\"")?;
    Some(format!("/myaccount/browsers/{}/untrust", rest.split('"').next()?))
}

pub(crate) async fn sign_out(browser: &Browser) {
    let csrf = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
}

pub(crate) async fn signed_in(server: &TestServer, code: &str) -> Browser {
    let (browser, page) = half(server).await;
    let answer = give(&browser, &page, code).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    browser
}

/// Everything that happens to factors, once, to someone who has none.
pub(crate) async fn everything(server: &TestServer, who: (&str, &str)) {
    let phone = enrol(server, &server.signed_in(who.0, who.1).await).await;
    let (browser, page) = half_of(server, who).await;
    assert_eq!(give(&browser, &page, &phone.codes[0]).await.status, 303);
    let (browser, page) = half_of(server, who).await;
    assert_eq!(trust(&browser, &page, &phone.code(server)).await.status, 303);
    let (wrong, page) = half_of(server, who).await;
    let shown = browser.get("/myaccount/security").await;
    if let Some(path) = untrust_path(&shown) {
        let done = browser.post(&path, &[("csrf", &shown.field("csrf"))]).await;
        assert_eq!(done.location(), "/myaccount/security?done=untrusted", "{done:?}");
    }
    let (_, rest) = shown.body.split_once("data-factor=\"").expect("a factor");
    let remove = format!("/myaccount/factors/{}/remove", rest.split('"').next().expect("its id"));
    assert_eq!(give(&wrong, &page, "000000").await.status, 401);
    let user = server.engine.user_named(&server.tenant, who.0).await.expect("a user");
    let by = sojourn_engine::Authority::system();
    let active = sojourn_model::UserState::Active;
    server.engine.set_user_state(&server.tenant, &user, active, &by).await.expect("unlocked");
    let browser = match browser.get("/myaccount/security").await {
        still if still.status == 200 => browser,
        _ => {
            server.clock.advance(STEP_MS);
            let (browser, page) = half_of(server, who).await;
            assert_eq!(give(&browser, &page, &phone.code(server)).await.status, 303);
            browser
        }
    };
    let csrf = browser.get("/myaccount/security").await.field("csrf");
    let rename = remove.replace("/remove", "/rename");
    let renamed = browser.post(&rename, &[("csrf", &csrf), ("name", "Old phone")]).await;
    assert_eq!(renamed.location(), "/myaccount/security", "{renamed:?}");
    let removed = browser.post(&remove, &[("csrf", &csrf)]).await;
    assert!(removed.location().starts_with("/signed-out"), "{removed:?}");
    server.engine.reset_factors(&server.tenant, &user, &by).await.expect("reset");
    server.engine.secure_account(&server.tenant, &user, &by).await.expect("secured");
}

pub(crate) async fn is_in(browser: &Browser) -> bool {
    browser.get("/myaccount").await.status == 200
}

#[tokio::test]
async fn an_app_counts_once_its_person_has_shown_a_code() {
    let server = server().await;
    let browser = server.signed_in(ALEX.0, ALEX.1).await;
    let page = browser.get(APP).await;
    let phone = Phone { seed: seed_in(&page), codes: Vec::new() };
    assert!(page.body.contains("otpauth://totp/") && page.body.contains("<svg class=\"qr\""));
    let (csrf, offer, right) = (page.field("csrf"), page.field("offer"), phone.code(&server));
    let send = |code: &str, name: &str| {
        let (csrf, offer) = (csrf.clone(), offer.clone());
        let (code, name, browser) = (code.to_owned(), name.to_owned(), &browser);
        async move {
            let form = [("csrf", &*csrf), ("offer", &offer), ("code", &code), ("name", &name)];
            browser.post(APP, &form).await
        }
    };
    for (code, name) in [("000000", "Phone"), ("", "Phone"), (&*right, ""), (&right, "a\u{202e}b")]
    {
        let again = send(code, name).await;
        assert!(again.status == 400 && seed_in(&again) == phone.seed, "{code} {name} {again:?}");
    }
    assert!(server.browser().sign_in(ALEX.0, ALEX.1).await.status == 303, "nothing is added yet");
    // Another person's form, and one of another session.
    let boss = server.signed_in("boss", "boss-123").await;
    let csrf_of_boss = boss.get(APP).await.field("csrf");
    let form = [("csrf", &*csrf_of_boss), ("offer", &offer), ("code", &right), ("name", "Phone")];
    assert_eq!(boss.post(APP, &form).await.location(), "/myaccount/security");
    let (first, second) = (send(&right, "Phone").await, send(&right, "Phone").await);
    assert!(first.status == 200 && first.body.contains("id=\"codes\""), "{first:?}");
    assert_eq!(second.location(), "/myaccount/security", "sent twice it is added once");
    let shown = browser.get("/myaccount/security").await;
    assert_eq!(shown.body.matches("data-factor=").count(), 1, "{shown:?}");
    assert!(shown.body.contains("10 recovery codes left"), "{shown:?}");
    let stored = server
        .engine
        .reads(server.tenant.id)
        .factors_of(server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex").id)
        .await
        .expect("read");
    assert!(!stored[0].secret.windows(10).any(|part| part == &phone.seed[..10]), "it is sealed");
}

#[tokio::test]
async fn a_code_signs_in_once_and_tokens_say_so() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let (browser, page) = half(&server).await;
    assert!(!is_in(&browser).await, "half of the proof is none");
    for wrong in ["", "123", "000000", "AAAA-BBBB-CCCC-DDDD"] {
        let again = give(&browser, &page, wrong).await;
        assert!(again.status == 401 && !is_in(&browser).await, "{wrong} {again:?}");
        assert_eq!(again.field("state"), page.field("state"), "the time isn't begun again");
    }
    let code = phone.code(&server);
    assert_eq!(give(&browser, &page, &code).await.status, 303);
    // A double click leads to the same session.
    assert_eq!(give(&browser, &page, &code).await.status, 303);
    assert!(is_in(&browser).await);
    let tokens = server.tokens(&browser, "app", "openid").await;
    let told = claims(tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!((&told["acr"], &told["amr"]), (&json!("2"), &json!(["pwd", "otp", "mfa"])));
    // In another browser the same code is worth nothing, nor is an earlier one.
    let (other, page) = half(&server).await;
    assert_eq!(give(&other, &page, &code).await.status, 401);
    server.clock.advance(STEP_MS);
    assert_eq!(give(&other, &page, &code).await.status, 401);
    assert_eq!(give(&other, &page, &phone.code(&server)).await.status, 303);
    let names: Vec<String> = events(&server).await;
    for (name, count) in [
        (EventName::PostAddFactor, 1),
        (EventName::PostUseFactor, 2),
        (EventName::FactorFailure, 6),
        (EventName::AuthenticationFailure, 0),
    ] {
        let found = names.iter().filter(|one| *one == name.as_str()).count();
        assert_eq!(found, count, "{name:?} {names:?}");
    }
}

async fn events(server: &TestServer) -> Vec<String> {
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let subject = sojourn_model::Subject::User(alex.id);
    let found = server.engine.reads(server.tenant.id).events(subject, 0, 1_000).await;
    found.expect("read").into_iter().map(|event| event.name).collect()
}

#[tokio::test]
async fn one_code_in_many_browsers_signs_in_one() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let mut halves = Vec::new();
    for _ in 0..4 {
        halves.push(half(&server).await);
    }
    let code = phone.code(&server);
    let all = join_all(halves.iter().map(|(browser, page)| give(browser, page, &code))).await;
    let good = all.iter().filter(|answer| answer.status == 303).count();
    assert_eq!(good, 1, "{all:?}");
    let recovery = phone.codes[0].clone();
    let all = join_all(halves.iter().map(|(browser, page)| give(browser, page, &recovery))).await;
    // The browser that is in gives it for its own session, and may be the one.
    assert_eq!(all.iter().filter(|answer| answer.status == 303).count(), 1, "{all:?}");
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_new_ones_replace_the_old() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let typed = phone.codes[3].to_lowercase().replace('-', " ");
    let browser = signed_in(&server, &typed).await;
    let shown = browser.get("/myaccount/security").await;
    assert!(shown.body.contains("9 recovery codes left"), "{shown:?}");
    let (again, page) = half(&server).await;
    assert_eq!(give(&again, &page, &phone.codes[3]).await.status, 401, "it is used up");
    let csrf = shown.field("csrf");
    let fresh = browser.post("/myaccount/factors/codes", &[("csrf", &csrf)]).await;
    assert!(fresh.status == 200 && fresh.body.contains("id=\"codes\""), "{fresh:?}");
    assert_eq!(give(&again, &page, &phone.codes[4]).await.status, 401, "the old ones are void");
    let (_, rest) = fresh.body.split_once("<li><code>").expect("codes");
    let new = rest.split('<').next().expect("a code");
    assert_eq!(give(&again, &page, new).await.status, 303);
}

#[tokio::test]
async fn steps_can_not_be_left_out_swapped_or_carried_elsewhere() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let (browser, page) = half(&server).await;
    let (csrf, state) = (page.field("csrf"), page.field("state"));
    let begins_again = |answer: &Answer| answer.location().starts_with("/login?ticket=");
    // The state of one page on another.
    for (path, field) in [("/login/password", "token"), ("/login/sessions", "choice")] {
        let form =
            [("csrf", &*csrf), (field, &state), ("new", "another-9"), ("again", "another-9")];
        let answer = browser.post(path, &form).await;
        assert!(begins_again(&answer) && !is_in(&browser).await, "{path} {answer:?}");
    }
    // What isn't a state at all, and a ticket in its place.
    let ticket = browser.get("/login").await.field("ticket");
    for text in ["", "soj_si_AAAA", &ticket, &ticket.replace("soj_in_", "soj_si_")] {
        let form = [("csrf", &*csrf), ("state", text), ("code", &phone.code(&server))];
        assert_eq!(browser.post("/login/factor", &form).await.status, 400, "{text}");
    }
    // In another browser, in another tenant, and after ten minutes.
    let thief = server.browser();
    let own = thief.get("/login").await.field("csrf");
    let form = [("csrf", &*own), ("state", &state), ("code", &phone.code(&server))];
    assert!(begins_again(&thief.post("/login/factor", &form).await));
    server.second_tenant("other").await;
    let csrf_there = browser.get("/t/other/login").await.field("csrf");
    let form = [("csrf", &*csrf_there), ("state", &state), ("code", &phone.code(&server))];
    assert_eq!(browser.post("/t/other/login/factor", &form).await.status, 400);
    server.clock.advance(11 * 60_000);
    assert!(begins_again(&give(&browser, &page, &phone.code(&server)).await));
    // What happens to the account meanwhile ends a sign-in that waits.
    let (browser, page) = half(&server).await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let by = sojourn_engine::Authority::system();
    server.engine.reset_password(&server.tenant, &alex, "rainy-monday-7", &by).await.expect("set");
    let late = give(&browser, &page, &phone.code(&server)).await;
    assert!(late.status == 409 && !is_in(&browser).await, "{late:?}");
}

#[tokio::test]
async fn a_demanded_password_comes_after_the_second_factor() {
    let server = server().await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let by = sojourn_engine::Authority::system();
    server.engine.demand_new_password(&server.tenant, &alex, &by).await.expect("demanded");
    let (browser, page) = half(&server).await;
    let next = give(&browser, &page, &phone.code(&server)).await;
    assert!(next.status == 200 && next.body.contains("Choose a new password"), "{next:?}");
    let (csrf, token) = (next.field("csrf"), next.field("token"));
    let form = [
        ("csrf", &*csrf),
        ("token", &token),
        ("new", "rainy-wednesday-8"),
        ("again", "rainy-wednesday-8"),
    ];
    let done = browser.post("/login/password", &form).await;
    assert!(done.status == 303 && is_in(&browser).await, "{done:?}");
    let tokens = server.tokens(&browser, "app", "openid").await;
    assert_eq!(claims(tokens["id_token"].as_str().expect("one"))["acr"], "2");
}

#[tokio::test]
async fn where_nobody_can_be_asked_a_password_alone_is_refused_with_what_to_do() {
    let server = server().await;
    server.app("direct", |app| app.settings.oidc.grant_types.push(GrantType::Password)).await;
    let boss = server.signed_in("boss", "boss-123").await;
    let me = "/scim2/Me";
    // Remembered before it is refused.
    assert_eq!(server.api("GET", me, ("boss", "boss-123")).await.status, 200);
    enrol(&server, &boss).await;
    for path in [me, "/api/users/v1/me/sessions"] {
        let refused = server.api("GET", path, ("boss", "boss-123")).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.body.contains("use an access token"), "{refused:?}");
        let wrong = server.api("GET", path, ("boss", "guess")).await;
        assert!(wrong.status == 401 && !wrong.body.contains("second factor"), "{wrong:?}");
    }
    for (password, told) in [("boss-123", true), ("guess", false)] {
        let form = [("grant_type", "password"), ("username", "boss"), ("password", password)];
        let answer = server.post("/oauth2/token", Some(("direct", "secret")), &form).await;
        assert_eq!(answer.json()["error"], "invalid_grant", "{answer:?}");
        assert_eq!(answer.body.contains("authorization code flow"), told, "{answer:?}");
    }
}

#[tokio::test]
async fn changing_factors_takes_a_fresh_proof_and_ends_what_they_made() {
    let server = server().await;
    let plain = server.signed_in(ALEX.0, ALEX.1).await;
    let phone = enrol(&server, &plain).await;
    let security = "/myaccount/security";
    let shown = plain.get(security).await;
    let (_, rest) = shown.body.split_once("data-factor=\"").expect("a factor");
    let remove = format!("/myaccount/factors/{}/remove", rest.split('"').next().expect("its id"));
    // A session without the second factor isn't fresh, however young.
    for path in [APP, &remove] {
        assert!(plain.get(path).await.location().starts_with("/login/factor?ticket="), "{path}");
    }
    for path in ["/myaccount/factors/codes", &remove] {
        let answer = plain.post(path, &[("csrf", &shown.field("csrf"))]).await;
        assert!(answer.location().starts_with("/login/factor?ticket="), "{path} {answer:?}");
    }
    let proven = signed_in(&server, &phone.code(&server)).await;
    let asked = proven.get(&remove).await;
    assert!(asked.status == 200 && asked.body.contains("1 session started with it"), "{asked:?}");
    server.clock.advance(6 * 60_000);
    let late = proven.get(&remove).await;
    assert!(late.location().starts_with("/login?ticket="), "{late:?}");
    // The sign-in leads back, in the same session.
    let before = proven.get(security).await;
    let page = proven.sign_in_at(late.location(), ALEX.0, ALEX.1, false).await;
    let back = give(&proven, &page, &phone.code(&server)).await;
    assert_eq!(back.location(), remove, "{back:?}");
    let own =
        |page: &Answer| page.body.split("data-own=\"").nth(1).map(|rest| rest[..64].to_owned());
    assert_eq!(own(&before), own(&proven.get(security).await));
    // Somebody else's, and one that isn't there.
    let boss = server.signed_in("boss", "boss-123").await;
    assert_eq!(boss.get(&remove).await.status, 404);
    let csrf = boss.get(security).await.field("csrf");
    assert_eq!(boss.post(&remove, &[("csrf", &csrf)]).await.status, 404);
    let removed =
        proven.post(&remove, &[("csrf", &proven.get(security).await.field("csrf"))]).await;
    assert!(removed.location().starts_with("/signed-out"), "{removed:?}");
    assert!(!is_in(&proven).await && is_in(&plain).await, "what didn't rest on it goes on");
    assert!(!plain.get(security).await.body.contains("recovery code"), "they go with the last one");
    assert_eq!(server.browser().sign_in(ALEX.0, ALEX.1).await.status, 303, "the password alone");
}

#[tokio::test]
async fn an_administrator_resets_them_and_the_sessions_that_they_made_end() {
    let server = server().await;
    let plain = server.signed_in(ALEX.0, ALEX.1).await;
    let phone = enrol(&server, &plain).await;
    let proven = signed_in(&server, &phone.code(&server)).await;
    let boss = server.signed_in("boss", "boss-123").await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let page = format!("/console/users/{}", alex.id);
    let act = format!("{page}/acts/reset-factors");
    assert!(boss.get(&page).await.body.contains(&act), "it is offered");
    let asked = boss.get(&act).await;
    assert!(asked.body.contains("1 session of"), "{asked:?}");
    let done = boss.post(&act, &[("csrf", &asked.field("csrf"))]).await;
    assert_eq!(done.location(), format!("{page}?done=reset-factors"), "{done:?}");
    assert!(!is_in(&proven).await && is_in(&plain).await);
    assert!(!boss.get(&page).await.body.contains(&act), "there is nothing to reset any more");
    assert_eq!(server.browser().sign_in(ALEX.0, ALEX.1).await.status, 303);
    let audit = server.audit(20).await;
    assert!(audit.iter().any(|row| row.action == "user.factors_reset"), "{audit:?}");
}

#[tokio::test]
async fn an_application_can_ask_for_more_than_the_session_has() {
    let server = server().await;
    let browser = server.signed_in(ALEX.0, ALEX.1).await;
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["2"]}}}"#;
    // Out of reach: essential is refused, voluntary goes on.
    let refused = browser.authorize("app", "openid", &[("claims", essential)]).await;
    let error = refused.redirect_param("error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"), "{refused:?}");
    let voluntary = browser.authorize("app", "openid", &[("acr_values", "2")]).await;
    assert!(voluntary.redirect_param("code").is_some(), "{voluntary:?}");
    let phone = enrol(&server, &browser).await;
    let own =
        |page: &Answer| page.body.split("data-own=\"").nth(1).map(|rest| rest[..64].to_owned());
    let before = own(&browser.get("/myaccount/security").await);
    let older = server.tokens(&browser, "app", "openid offline_access").await;
    assert_eq!(claims(older["id_token"].as_str().expect("one"))["acr"], "1");
    let silent = [("acr_values", "2"), ("prompt", "none")];
    let silent = browser.authorize("app", "openid", &silent).await;
    assert_eq!(silent.redirect_param("error").as_deref(), Some("login_required"), "{silent:?}");
    let asked = browser.authorize("app", "openid", &[("claims", essential)]).await;
    assert!(asked.location().starts_with("/login/factor?ticket="), "{asked:?}");
    let page = browser.get(asked.location()).await;
    assert!(page.body.contains("You are signed in as") && page.body.contains("app"), "{page:?}");
    assert_eq!(give(&browser, &page, "000000").await.status, 401);
    let raised = give(&browser, &page, &phone.code(&server)).await;
    assert_eq!(raised.status, 303, "{raised:?}");
    let answer = browser.get(raised.location()).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    let redeemed = server.redeem("app", &answer.redirect_param("code").expect("a code")).await;
    let newer = redeemed.json();
    assert_eq!(claims(newer["id_token"].as_str().expect("one"))["acr"], "2");
    // Older tokens keep what they had (RFC 9470), those that replace them too; at the resource server as well.
    let refresh = older["refresh_token"].as_str().expect("a refresh token");
    let refreshed = server.refresh("app", refresh).await.json();
    assert_eq!(claims(refreshed["id_token"].as_str().expect("one"))["acr"], "1");
    for (tokens, acr, amr) in
        [(&refreshed, "1", json!(["pwd"])), (&newer, "2", json!(["pwd", "otp", "mfa"]))]
    {
        let token = tokens["access_token"].as_str().expect("an access token");
        let id_token = claims(tokens["id_token"].as_str().expect("one"));
        let form = [("token", token)];
        let told = server.post("/oauth2/introspect", Some(("app", "secret")), &form).await.json();
        let asked = server.http.get(format!("{}/oauth2/userinfo", server.base));
        let asked = asked.bearer_auth(token).send().await.expect("an answer");
        for told in [told, Answer::of(asked).await.json()] {
            assert_eq!((&told["acr"], &told["amr"]), (&json!(acr), &amr), "{told}");
            assert_eq!(told["auth_time"], id_token["auth_time"], "{told}");
        }
    }
    assert_eq!(own(&browser.get("/myaccount/security").await), before, "the same session");
    // A code alone is no new sign-in, however the page for it is reached.
    server.clock.advance(90_000);
    for more in [("prompt", "login"), ("max_age", "60")] {
        let asked = browser.authorize("app", "openid", &[more]).await;
        let around = asked.location().replace("/login?", "/login/factor?");
        let page = browser.get(&around).await;
        server.clock.advance(STEP_MS);
        let raised = give(&browser, &page, &phone.code(&server)).await;
        let still = browser.get(raised.location()).await;
        assert!(still.location().starts_with("/login?ticket="), "{more:?} {still:?}");
    }
    // Nor does what was proven in a session begin another one.
    let asked = browser.authorize("app", "openid", &[("prompt", "login")]).await;
    let page = browser.get(&asked.location().replace("/login?", "/login/factor?")).await;
    let csrf = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    server.clock.advance(STEP_MS);
    let late = give(&browser, &page, &phone.code(&server)).await;
    assert!(late.location().starts_with("/login?ticket=") && !is_in(&browser).await, "{late:?}");
    // Whoever isn't signed in proves both.
    let fresh = server.browser();
    let asked = fresh.authorize("app", "openid", &[("acr_values", "2")]).await;
    assert!(asked.location().starts_with("/login?ticket="), "{asked:?}");
    // A step-up page without a session leads to the sign-in.
    let page = asked.location().replace("/login?", "/login/factor?");
    assert!(fresh.get(&page).await.location().starts_with("/login?ticket="));
}

#[tokio::test]
async fn codes_can_not_be_guessed_by_who_knows_the_password() {
    let server = TestServer::with(|settings| {
        let limits = settings.throttle;
        settings.throttle = ThrottleLimits { per_account: 5, ..limits };
    })
    .await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    let phone = enrol(&server, &server.signed_in(ALEX.0, ALEX.1).await).await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        // The right password before each guess doesn't give the guesses back.
        let (browser, page) = half(&server).await;
        statuses.push(give(&browser, &page, "000000").await.status);
    }
    // Five for the account, and five more for an address that its person has used.
    assert_eq!(statuses, [vec![401; 10], vec![429; 2]].concat());
    let (browser, page) = half(&server).await;
    assert_eq!(give(&browser, &page, &phone.code(&server)).await.status, 429);
    server.clock.advance(10 * 60_000);
    signed_in(&server, &phone.code(&server)).await;
}
