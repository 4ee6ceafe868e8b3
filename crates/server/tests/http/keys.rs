//! Passkeys and security keys: made, proven, refused, removed; and everything that somebody could try instead.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sojourn_model::{EventName, Subject, User};
use sojourn_testkit::authenticator::SoftKey;
use sojourn_testkit::server::{Answer, Browser, CALLBACK, TestServer, claims};

pub(crate) const ALEX: (&str, &str) = ("alex", "alex-123");
pub(crate) const BOSS: (&str, &str) = ("boss", "boss-123");
pub(crate) const PASSKEY: &str = "/myaccount/factors/key/passkey";
pub(crate) const SECURITY_KEY: &str = "/myaccount/factors/key/security_key";
const SECURITY: &str = "/myaccount/security";

/// A server whose relying party has a name, though its address has none.
pub(crate) async fn server() -> TestServer {
    let server =
        TestServer::with(|settings| settings.passkeys.rp_id = Some("localhost".into())).await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    server.app("app", |_| {}).await;
    server
}

/// The form of a page that asks the browser for a key: what it asks, and a field of it.
pub(crate) struct Asked {
    pub(crate) options: Value,
    pub(crate) form: String,
}

impl Asked {
    pub(crate) fn of(page: &Answer) -> Self {
        let (_, form) = page.body.split_once("<form class=\"key\"").expect("a form for keys");
        let form = form.split_once("</form>").expect("its end").0;
        let (_, options) = form.split_once("data-options=\"").expect("options");
        let options = options.split('"').next().expect("their end").replace("&#34;", "\"");
        let options = serde_json::from_str(&options).expect("JSON");
        Self { options, form: form.to_owned() }
    }

    fn field(&self, name: &str) -> String {
        let (_, rest) =
            self.form.split_once(&format!("name=\"{name}\" value=\"")).expect("a field");
        rest.split('"').next().expect("its end").to_owned()
    }
}

pub(crate) async fn send(browser: &Browser, path: &str, asked: &Asked, credential: &str) -> Answer {
    let fields = ["csrf", "ticket", "state", "offer", "name"];
    let given = fields.iter().filter(|name| asked.form.contains(&format!("name=\"{name}\" value")));
    let mut form: Vec<(&str, String)> = given.map(|name| (*name, asked.field(name))).collect();
    form.push(("credential", credential.to_owned()));
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    browser.post(path, &form).await
}

/// Adds a key to the account of a browser's session.
pub(crate) async fn add(server: &TestServer, browser: &Browser, path: &str) -> (SoftKey, Answer) {
    let page = browser.get(path).await;
    assert_eq!(page.status, 200, "{page:?}");
    let asked = Asked::of(&page);
    let key = SoftKey::new(&asked.options, &server.base);
    let added = send(browser, path, &asked, &key.created(&asked.options)).await;
    (key, added)
}

/// Signs in by a passkey in a fresh browser.
pub(crate) async fn sign_in(server: &TestServer, key: &mut SoftKey) -> (Browser, Answer) {
    let browser = server.browser();
    let asked = Asked::of(&browser.get("/login").await);
    let credential = key.proved(&asked.options);
    let answer = send(&browser, "/login/passkey", &asked, &credential).await;
    (browser, answer)
}

async fn alex(server: &TestServer) -> User {
    server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex")
}

async fn is_in(browser: &Browser) -> bool {
    browser.get("/myaccount").await.status == 200
}

async fn id_token(server: &TestServer, browser: &Browser) -> Value {
    let tokens = server.tokens(browser, "app", "openid").await;
    claims(tokens["id_token"].as_str().expect("an ID token"))
}

fn factor_in(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("data-factor=\"").expect("a factor");
    rest.split('"').next().expect("its id").to_owned()
}

#[tokio::test]
async fn a_passkey_signs_in_by_itself() {
    let server = server().await;
    let own = server.signed_in(ALEX.0, ALEX.1).await;
    let (mut key, added) = add(&server, &own, PASSKEY).await;
    assert!(added.status == 200 && added.body.contains("id=\"codes\""), "{added:?}");
    let listed = own.get(SECURITY).await;
    assert!(listed.body.contains("Passkey") && listed.body.contains("on one device only"));
    assert!(listed.body.contains("data-keys-accepted"), "authenticators learn which are good");
    let (browser, answer) = sign_in(&server, &mut key).await;
    assert_eq!((answer.status, answer.location()), (303, "/myaccount"), "{answer:?}");
    let token = id_token(&server, &browser).await;
    assert_eq!((&token["acr"], &token["amr"]), (&json!("phrh"), &json!(["hwk", "user", "mfa"])));
    // One that is synced says less.
    let asked = Asked::of(&browser.get(PASSKEY).await);
    assert_eq!(asked.options["excludeCredentials"].as_array().map(Vec::len), Some(1));
    assert_eq!(asked.options["user"]["id"], key.handle, "the account has one handle");
    let mut synced = SoftKey::new(&asked.options, &server.base);
    synced.synced = true;
    let added = send(&browser, PASSKEY, &asked, &synced.created(&asked.options)).await;
    assert_eq!(added.location(), "/myaccount/security?done=passkey", "{added:?}");
    let (browser, _) = sign_in(&server, &mut synced).await;
    let token = id_token(&server, &browser).await;
    assert_eq!((&token["acr"], &token["amr"]), (&json!("phr"), &json!(["swk", "user", "mfa"])));
    // The password alone still signs in: nothing else was demanded.
    let plain = server.signed_in(ALEX.0, ALEX.1).await;
    assert_eq!(id_token(&server, &plain).await["acr"], "1");
    // With that nobody changes what is stronger.
    assert!(plain.get(PASSKEY).await.location().starts_with("/login/factor?ticket="));
}

#[tokio::test]
async fn a_proof_counts_once_in_its_browser_for_its_challenge() {
    let server = server().await;
    let (mut key, _) = add(&server, &server.signed_in(ALEX.0, ALEX.1).await, PASSKEY).await;
    let browser = server.browser();
    let before = Asked::of(&browser.get("/login").await);
    let asked = Asked::of(&browser.get("/login").await);
    // In the same browser and millisecond.
    assert_ne!(before.options["challenge"], asked.options["challenge"]);
    let credential = key.proved(&asked.options);
    // In another browser, whose forms have another secret.
    let thief = server.browser();
    let theirs = Asked::of(&thief.get("/login").await);
    let stolen = send(&thief, "/login/passkey", &asked, &credential).await;
    assert_eq!(stolen.status, 403, "{stolen:?}");
    let swapped = send(&thief, "/login/passkey", &theirs, &credential).await;
    assert_eq!(swapped.status, 401, "another challenge: {swapped:?}");
    // A form that is sent twice leads to one session.
    let both =
        join_all((0..4).map(|_| send(&browser, "/login/passkey", &asked, &credential))).await;
    assert!(both.iter().all(|answer| answer.status == 303), "{both:?}");
    let user = alex(&server).await;
    let live = server.engine.sessions_of_user(&server.tenant, user.id).await.expect("read");
    assert_eq!(live.len(), 2, "with the one in which the key was added");
    // After the session has ended, the same answer opens nothing.
    let csrf = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    let replayed = send(&browser, "/login/passkey", &asked, &credential).await;
    assert_eq!(replayed.status, 401, "{replayed:?}");
    // A page that is too old.
    let late = server.browser();
    let asked = Asked::of(&late.get("/login").await);
    let credential = key.proved(&asked.options);
    server.clock.advance(31 * 60_000);
    assert_eq!(send(&late, "/login/passkey", &asked, &credential).await.status, 403);
    // The page of another tenant.
    server.second_tenant("other.example").await;
    let there = server.browser();
    let asked = Asked::of(&there.get("/t/other.example/login").await);
    let credential = key.proved(&asked.options);
    let answer = send(&there, "/t/other.example/login/passkey", &asked, &credential).await;
    // Its authenticator must not forget a key that is good elsewhere.
    assert!(answer.status == 401 && !answer.body.contains("data-key-unknown"), "{answer:?}");
    let here = send(&there, "/login/passkey", &asked, &credential).await;
    assert!([400, 403].contains(&here.status), "{here:?}");
}

#[tokio::test]
async fn what_is_wrong_with_a_proof_is_refused() {
    let server = server().await;
    let own = server.signed_in(ALEX.0, ALEX.1).await;
    let (mut key, _) = add(&server, &own, PASSKEY).await;
    let ben = server.user("ben", "ben-123", &[]).await;
    type Change = fn(&mut SoftKey);
    let wrong: [(&str, Change); 6] = [
        ("another origin", |key| key.origin = "https://evil.example".into()),
        ("another relying party", |key| key.rp_id = "evil.example".into()),
        ("nobody verified", |key| key.verifies = false),
        ("a key that became another kind", |key| key.synced = true),
        ("somebody else's handle", |key| key.handle = "AAAA".into()),
        ("an id that no account has", |key| key.id = vec![7; 16]),
    ];
    for (what, change) in wrong {
        let kept = (key.id.clone(), key.handle.clone(), key.rp_id.clone(), key.origin.clone());
        change(&mut key);
        let (browser, answer) = sign_in(&server, &mut key).await;
        assert!(answer.status == 401 && !is_in(&browser).await, "{what}: {answer:?}");
        (key.id, key.handle, key.rp_id, key.origin) = kept;
        (key.verifies, key.synced) = (true, false);
    }
    let browser = server.browser();
    let asked = Asked::of(&browser.get("/login").await);
    for credential in ["", "{}", "[]", "{\"rawId\":\"\"}", &"x".repeat(60_000)] {
        let answer = send(&browser, "/login/passkey", &asked, credential).await;
        assert!([400, 401].contains(&answer.status), "{answer:?}");
    }
    // A counter that goes back is told, not refused: some keys count strangely.
    let (_, answer) = sign_in(&server, &mut key).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    key.counter = 0;
    let (_, answer) = sign_in(&server, &mut key).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let audit = server.audit(10).await;
    assert!(audit.iter().any(|row| row.action == "user.factor_counter"), "{audit:?}");
    // An account that is switched off, and one that is gone.
    let (user, by) = (alex(&server).await, sojourn_engine::Authority::system());
    let off = sojourn_model::UserState::Disabled;
    server.engine.set_user_state(&server.tenant, &user, off, &by).await.expect("off");
    assert_eq!(sign_in(&server, &mut key).await.1.status, 401);
    server.engine.remove_user(&server.tenant, &user, &by).await.expect("gone");
    assert_eq!(sign_in(&server, &mut key).await.1.status, 401);
    drop(ben);
}

#[tokio::test]
async fn a_credential_belongs_to_one_account_and_one_offer() {
    let server = server().await;
    server.user("ben", "ben-123", &[]).await;
    let (alex, ben) =
        (server.signed_in(ALEX.0, ALEX.1).await, server.signed_in("ben", "ben-123").await);
    let page = alex.get(PASSKEY).await;
    let asked = Asked::of(&page);
    let mut key = SoftKey::new(&asked.options, &server.base);
    let made = key.created(&asked.options);
    // Another person's session has no use for the offer; nor has another challenge for the answer.
    let theirs = Asked::of(&ben.get(PASSKEY).await);
    let forms = [
        (theirs.field("csrf"), asked.field("offer"), 303),
        (theirs.field("csrf"), theirs.field("offer"), 400),
    ];
    for (csrf, offer, status) in &forms {
        let form = [("csrf", &**csrf), ("offer", offer), ("name", "Mine"), ("credential", &made)];
        assert_eq!(ben.post(PASSKEY, &form).await.status, *status);
    }
    type Change = fn(&mut SoftKey);
    let wrong: [(&str, Change); 3] = [
        ("another origin", |key| key.origin = "https://evil.example".into()),
        ("another relying party", |key| key.rp_id = "evil.example".into()),
        ("nobody verified", |key| key.verifies = false),
    ];
    for (what, change) in wrong {
        let mut other = SoftKey::new(&asked.options, &server.base);
        change(&mut other);
        let answer = send(&alex, PASSKEY, &asked, &other.created(&asked.options)).await;
        assert_eq!(answer.status, 400, "{what}: {answer:?}");
    }
    // Sent twice, it is there once.
    let both = join_all((0..3).map(|_| send(&alex, PASSKEY, &asked, &made))).await;
    assert_eq!(both.iter().filter(|answer| answer.status == 200).count(), 1, "{both:?}");
    assert!(both.iter().all(|answer| [200, 303].contains(&answer.status)), "{both:?}");
    // The same credential for another account.
    let theirs = Asked::of(&ben.get(PASSKEY).await);
    let taken = key.created(&theirs.options);
    assert_eq!(send(&ben, PASSKEY, &theirs, &taken).await.location(), SECURITY);
    assert!(!ben.get(SECURITY).await.body.contains("data-factor"), "it isn't his");
    let (browser, _) = sign_in(&server, &mut key).await;
    assert!(browser.get("/myaccount").await.body.contains(ALEX.0));
    // Who signed in a while ago proves it again first.
    server.clock.advance(6 * 60_000);
    assert!(alex.get(PASSKEY).await.location().starts_with("/login?ticket="));
    let late = send(&ben, PASSKEY, &theirs, &taken).await;
    assert!(late.location().starts_with("/login?ticket="), "{late:?}");
}

#[tokio::test]
async fn a_security_key_is_asked_for_after_the_password() {
    let server = server().await;
    let own = server.signed_in(ALEX.0, ALEX.1).await;
    let page = own.get(SECURITY_KEY).await;
    let asked = Asked::of(&page);
    assert_eq!(asked.options["authenticatorSelection"]["userVerification"], "discouraged");
    let mut synced = SoftKey::new(&asked.options, &server.base);
    synced.synced = true;
    let refused = send(&own, SECURITY_KEY, &asked, &synced.created(&asked.options)).await;
    assert!(refused.body.contains("so it is a passkey"), "{refused:?}");
    let mut key = SoftKey::new(&asked.options, &server.base);
    key.verifies = false;
    let added = send(&own, SECURITY_KEY, &asked, &key.created(&asked.options)).await;
    assert!(added.body.contains("id=\"codes\""), "{added:?}");
    // It signs nobody in by itself.
    assert_eq!(sign_in(&server, &mut key).await.1.status, 401);
    let browser = server.browser();
    let page = browser.sign_in(ALEX.0, ALEX.1).await;
    assert!(page.body.contains("name=\"code\""), "a recovery code would do: {page:?}");
    let asked = Asked::of(&page);
    assert_eq!(asked.options["allowCredentials"].as_array().map(Vec::len), Some(1));
    // Somebody else's key.
    let boss = server.signed_in(BOSS.0, BOSS.1).await;
    let (mut other, _) = add(&server, &boss, PASSKEY).await;
    let wrong = send(&browser, "/login/factor", &asked, &other.proved(&asked.options)).await;
    assert!(wrong.status == 401 && wrong.body.contains("not accepted"), "{wrong:?}");
    let proof = key.proved(&asked.options);
    let answer = send(&browser, "/login/factor", &asked, &proof).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let token = id_token(&server, &browser).await;
    assert_eq!(token["amr"], json!(["pwd", "hwk", "user", "mfa"]));
    assert_eq!(token["acr"], "phrh");
    // What was proven by it serves no second session.
    let csrf = browser.get("/myaccount").await.field("csrf");
    browser.post("/logout", &[("csrf", &csrf)]).await;
    assert_eq!(send(&browser, "/login/factor", &asked, &proof).await.status, 401);
}

#[tokio::test]
async fn an_application_can_ask_for_a_key() {
    let server = server().await;
    let browser = server.signed_in(ALEX.0, ALEX.1).await;
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["phr"]}}}"#;
    let refused = browser.authorize("app", "openid", &[("claims", essential)]).await;
    let error = refused.redirect_param("error");
    assert_eq!(error.as_deref(), Some("unmet_authentication_requirements"), "{refused:?}");
    let (mut key, _) = add(&server, &browser, PASSKEY).await;
    let asked = browser.authorize("app", "openid", &[("claims", essential)]).await;
    let page = browser.get(asked.location()).await;
    assert!(!page.body.contains("name=\"code\""), "no code reaches that: {page:?}");
    let asked = Asked::of(&page);
    let raised = send(&browser, "/login/factor", &asked, &key.proved(&asked.options)).await;
    let answer = browser.get(raised.location()).await;
    assert!(answer.location().starts_with(CALLBACK), "{answer:?}");
    let redeemed = server.redeem("app", &answer.redirect_param("code").expect("a code")).await;
    let token = claims(redeemed.json()["id_token"].as_str().expect("one"));
    assert_eq!(token["acr"], "phrh");
    assert_eq!(token["amr"], json!(["pwd", "hwk", "user", "mfa"]));
    let discovery = browser.get("/.well-known/openid-configuration").await.json();
    assert_eq!(discovery["acr_values_supported"], json!(["1", "2", "phr", "phrh"]));
}

#[tokio::test]
async fn where_a_key_is_demanded_a_sign_in_adds_one() {
    let server = server().await;
    let user = alex(&server).await;
    let path = format!("/api/sessions/v1/policies/users/{}", user.id);
    let policy = json!({"second_factor": "phishing_resistant"});
    assert_eq!(server.send("PUT", &path, BOSS, &policy).await.status, 200);
    let browser = server.browser();
    let page = browser.sign_in(ALEX.0, ALEX.1).await;
    assert!(page.body.contains("be used on other sites"), "{page:?}");
    assert!(!page.body.contains("class=\"qr\""), "an app isn't enough: {page:?}");
    let asked = Asked::of(&page);
    let mut key = SoftKey::new(&asked.options, &server.base);
    // Not in another sign-in of the same person.
    let other = server.browser();
    let theirs = Asked::of(&other.sign_in(ALEX.0, ALEX.1).await);
    let mixed = [
        ("csrf", theirs.field("csrf")),
        ("state", asked.field("state")),
        ("offer", asked.field("offer")),
        ("name", "Key".to_owned()),
        ("credential", key.created(&asked.options)),
    ];
    let mixed: Vec<(&str, &str)> = mixed.iter().map(|(name, value)| (*name, &**value)).collect();
    assert!(other.post("/login/enrol", &mixed).await.location().starts_with("/login?ticket="));
    let done = send(&browser, "/login/enrol", &asked, &key.created(&asked.options)).await;
    assert!(done.body.contains("id=\"codes\""), "{done:?}");
    assert!(is_in(&browser).await);
    // From now on the key is asked for, and nothing else.
    let next = server.browser();
    let page = next.sign_in(ALEX.0, ALEX.1).await;
    assert!(!page.body.contains("name=\"code\""), "{page:?}");
    let asked = Asked::of(&page);
    let answer = send(&next, "/login/factor", &asked, &key.proved(&asked.options)).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    assert_eq!(sign_in(&server, &mut key).await.1.status, 303, "or by itself");
}

#[tokio::test]
async fn a_key_that_is_removed_takes_its_sessions_with_it() {
    let server = server().await;
    let plain = server.signed_in(ALEX.0, ALEX.1).await;
    let (mut key, _) = add(&server, &plain, PASSKEY).await;
    let (browser, _) = sign_in(&server, &mut key).await;
    let shown = browser.get(SECURITY).await;
    let remove = format!("/myaccount/factors/{}/remove", factor_in(&shown));
    let removed = browser.post(&remove, &[("csrf", &shown.field("csrf"))]).await;
    assert!(removed.location().starts_with("/signed-out"), "{removed:?}");
    assert!(!is_in(&browser).await && is_in(&plain).await);
    let (_, answer) = sign_in(&server, &mut key).await;
    assert!(answer.body.contains("data-key-unknown"), "the authenticator is told: {answer:?}");
    // By an administrator, all of them.
    let (mut key, _) = add(&server, &plain, PASSKEY).await;
    let (browser, _) = sign_in(&server, &mut key).await;
    let boss = server.signed_in(BOSS.0, BOSS.1).await;
    let page = format!("/console/users/{}", alex(&server).await.id);
    assert!(boss.get(&page).await.body.contains("Passkey"), "it is listed");
    let act = format!("{page}/acts/reset-factors");
    let csrf = boss.get(&act).await.field("csrf");
    boss.post(&act, &[("csrf", &csrf)]).await;
    assert!(!is_in(&browser).await);
    assert_eq!(sign_in(&server, &mut key).await.1.status, 401);
    let subject = Subject::User(alex(&server).await.id);
    let events = server.engine.reads(server.tenant.id).events(subject, 0, 50).await;
    let events = events.expect("events");
    for (name, count) in [(EventName::PostAddFactor, 2), (EventName::PostUseFactor, 2)] {
        let found = events.iter().filter(|event| event.name == name.as_str()).count();
        assert_eq!(found, count, "{name:?}");
    }
}

#[tokio::test]
async fn an_address_without_a_name_takes_no_keys() {
    let server = TestServer::start().await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    let browser = server.signed_in(ALEX.0, ALEX.1).await;
    assert!(!browser.get(SECURITY).await.body.contains("Add a passkey"));
    let refused = browser.get(PASSKEY).await;
    assert!(refused.status == 400 && refused.body.contains("address with a name"), "{refused:?}");
    let page = server.browser().get("/login").await;
    assert!(!page.body.contains("passkeys.js") && !page.body.contains("data-key"), "{page:?}");
}

#[tokio::test]
async fn further_origins_may_use_the_same_keys() {
    let server = TestServer::with(|settings| {
        settings.passkeys.rp_id = Some("localhost".into());
        settings.passkeys.related_origins = vec!["https://example.net".into()];
    })
    .await;
    server.user(ALEX.0, ALEX.1, &[]).await;
    let (mut key, _) = add(&server, &server.signed_in(ALEX.0, ALEX.1).await, PASSKEY).await;
    key.origin = "https://example.net".into();
    assert_eq!(sign_in(&server, &mut key).await.1.status, 303);
    key.origin = "https://example.com".into();
    assert_eq!(sign_in(&server, &mut key).await.1.status, 401);
    let told = server.browser().get("/.well-known/webauthn").await;
    assert_eq!(told.json(), json!({ "origins": [server.base, "https://example.net"] }));
}

/// An administrator who has a passkey uses it for the Console, and for nothing before it.
#[tokio::test]
async fn the_console_asks_who_has_more_than_a_password() {
    let server = server().await;
    let browser = server.signed_in(BOSS.0, BOSS.1).await;
    assert_eq!(browser.get("/console").await.status, 200, "there is nothing to ask for");
    let (mut key, _) = add(&server, &browser, "/myaccount/factors/key/passkey").await;
    let other = server.signed_in(BOSS.0, BOSS.1).await;
    assert!(is_in(&other).await);
    let asks = other.get("/console/users").await;
    assert!(asks.location().starts_with("/login/factor?"), "{asks:?}");
    let page = other.get(asks.location()).await;
    let asked = Asked::of(&page);
    let proven = send(&other, "/login/factor", &asked, &key.proved(&asked.options)).await;
    assert_eq!(proven.location(), "/console/users", "{proven:?}");
    assert_eq!(other.get("/console/users").await.status, 200);
    // Who has no right there is told so, and isn't asked.
    let alex = server.signed_in(ALEX.0, ALEX.1).await;
    add(&server, &alex, "/myaccount/factors/key/passkey").await;
    assert_eq!(server.signed_in(ALEX.0, ALEX.1).await.get("/console").await.status, 403);
}

/// A flood of wrong answers writes as much as one may guess passwords, and locks nobody out.
#[tokio::test]
async fn wrong_answers_are_noted_up_to_a_limit() {
    let server = server().await;
    let (mut key, _) =
        add(&server, &server.signed_in(ALEX.0, ALEX.1).await, "/myaccount/factors/key/passkey")
            .await;
    let noted = async || {
        let store = server.engine.reads(server.tenant.id);
        let subject = sojourn_model::Subject::User(alex(&server).await.id);
        let events = store.events(subject, 0, 999).await.expect("read");
        events.iter().filter(|one| one.name == "FACTOR_FAILURE").count()
    };
    let stranger = server.browser();
    let asked = Asked::of(&stranger.get("/login").await);
    let mut other = asked.options.clone();
    other["challenge"] = json!("AAAA");
    let mut flood = async || {
        for _ in 0..30 {
            let answer = send(&stranger, "/login/passkey", &asked, &key.proved(&other)).await;
            assert_eq!(answer.status, 401, "{answer:?}");
        }
        noted().await
    };
    // Strangers have a budget, and so has an address from which the account is used.
    let limit = usize::try_from(server.engine.settings().throttle.per_account).expect("a number");
    assert_eq!(flood().await, 2 * limit);
    assert_eq!(flood().await, 2 * limit);
    assert_eq!(sign_in(&server, &mut key).await.1.status, 303, "the right one is still accepted");
}

/// What let a stranger in lets nobody in any more, however long it was there.
#[tokio::test]
async fn a_removed_key_is_kept_out_by_policy_too() {
    for (policy, made, others) in
        [("nothing", 200, 200), ("made_with_it", 303, 200), ("all", 303, 303)]
    {
        let server = server().await;
        let own = server.signed_in(ALEX.0, ALEX.1).await;
        let (mut key, added) = add(&server, &own, "/myaccount/factors/key/passkey").await;
        assert_eq!(added.status, 200, "{added:?}");
        let path = "/api/sessions/v1/policies/tenant";
        let set = server.send("PUT", path, BOSS, &json!({"on_factor_removed": policy})).await;
        assert_eq!(set.status, 200, "{set:?}");
        let other = server.signed_in(ALEX.0, ALEX.1).await;
        let (by_key, _) = sign_in(&server, &mut key).await;
        let (here, _) = sign_in(&server, &mut key).await;
        let id = factor_in(&here.get("/myaccount/security").await);
        let path = format!("/myaccount/factors/{id}/remove");
        let page = here.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        here.post(&path, &[("csrf", &page.field("csrf"))]).await;
        assert_eq!(by_key.get("/myaccount").await.status, made, "{policy}");
        assert_eq!(here.get("/myaccount").await.status, made, "{policy}: it rests on it");
        assert_eq!(other.get("/myaccount").await.status, others, "{policy}");
        assert_eq!(sign_in(&server, &mut key).await.1.status, 401, "{policy}");
    }
}
