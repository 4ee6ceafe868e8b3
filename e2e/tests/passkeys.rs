//! Passkeys and security keys in a real browser, and with keys and verifiers that others wrote.

use std::path::PathBuf;
use std::process::Stdio;

use passkey::authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::aws_lc_rs::AwsLcRsBackend;
use passkey::types::Passkey;
use passkey::types::ctap2::{Aaguid, Ctap2Error};
use passkey::types::webauthn::CredentialRequestOptions;
use serde_json::{Value, json};
use sojourn_e2e::Browser;
use sojourn_engine::Authority;
use sojourn_engine::directory::NewUser;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Browser as Http, TestServer, claims};
use sojourn_testkit::smtp::Smtp;
use sojourn_testkit::store::Engine;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

const POLICY: &str = "/api/sessions/v1/policies/tenant";
const BOSS: (&str, &str) = ("boss", "boss123");

/// Keeps what a page asked and what the browser answered, for another verifier to look at.
const WITNESS: &str = r#"
addEventListener("submit", ({ target }) => {
  const credential = target.elements.credential?.value;
  if (!credential) return;
  const all = JSON.parse(sessionStorage.getItem("ceremonies") || "[]");
  all.push({ options: JSON.parse(target.dataset.options), credential: JSON.parse(credential), origin: location.origin });
  sessionStorage.setItem("ceremonies", JSON.stringify(all));
}, true);
"#;
/// The autofill answers at once where an authenticator consents by itself; without it, the button is what there is.
const NO_AUTOFILL: &str = "delete PublicKeyCredential.isConditionalMediationAvailable;";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// A server at a name, as passkeys need it.
async fn server() -> (TestServer, String) {
    let server = TestServer::with(|settings| {
        settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
    })
    .await;
    server.user("alex", "alex123", &[]).await;
    server.user(BOSS.0, BOSS.1, &["admin"]).await;
    server.app("shop", |_| {}).await;
    let base = server.engine.settings().base_url.clone();
    (server, base)
}

/// A program that answers a line with a line.
struct Talk {
    _program: Child,
    into: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Talk {
    fn with(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut program = command.spawn().expect("'make tools' installs it");
        let into = program.stdin.take().expect("piped");
        let from = BufReader::new(program.stdout.take().expect("piped")).lines();
        Self { _program: program, into, from }
    }

    fn verifier() -> Self {
        let mut command = Command::new("node");
        command.arg(folder().join("second_verifier.mjs"));
        Self::with(command)
    }

    async fn ask(&mut self, question: &Value) -> Value {
        self.into.write_all(format!("{question}\n").as_bytes()).await.expect("it listens");
        let answer = self.from.next_line().await.expect("it runs").expect("it answers");
        serde_json::from_str(&answer).expect("JSON")
    }
}

fn laptop(synced: bool) -> Value {
    json!({
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": true,
        "hasUserVerification": true, "isUserConsenting": true, "isUserVerified": true,
        "defaultBackupEligibility": synced, "defaultBackupState": synced,
    })
}

async fn story(language: &str) {
    let german = language == "de";
    let say = |english: &'static str, deutsch: &'static str| if german { deutsch } else { english };
    let (server, base) = server().await;
    let browser = Browser::start().await;
    let at = |path: &str| format!("{base}{path}");
    let mut found = Vec::new();
    browser.on_every_page(WITNESS).await;
    browser.goto(&at(&format!("/language?to={language}&back=/login"))).await;
    browser.look("the sign-in page", &mut found).await;
    browser.goto(&at("/myaccount/security")).await;
    browser.sign_in("alex", "alex123").await;
    let authenticator = browser.authenticator(laptop(true)).await;
    browser.click("#add-passkey").await;
    browser.find("#add-key").await;
    browser.look("adding a passkey", &mut found).await;
    browser.fill("#name", "Laptop").await;
    browser.click("#add-key").await;
    browser
        .wait_for(
            "h1",
            say("Save your recovery codes", "Speichern Sie Ihre Wiederherstellungscodes"),
        )
        .await;
    assert_eq!(browser.credentials(&authenticator).await, 1);
    browser.click("#kept").await;
    browser.find("tr[data-factor]").await;
    browser.look("the list of factors", &mut found).await;
    assert!(browser.text("#factors").await.contains("Laptop"));
    // Another one takes a proof by the one that is there; this device makes no second.
    browser.click("#add-passkey").await;
    browser.click("#key").await;
    browser.click("#add-key").await;
    let known =
        say("It has already been added to your account.", "Er gehört schon zu Ihrem Konto.");
    browser.wait_for("[data-key-error]", known).await;
    // The autofill of the sign-in page.
    browser.goto(&at("/myaccount")).await;
    browser.click("form[action$='/logout'] button").await;
    browser.wait_for("h1", say("You are signed out", "Sie sind abgemeldet")).await;
    browser.goto(&at("/myaccount/security")).await;
    browser.find("tr[data-factor]").await;
    // The button.
    browser.on_every_page(NO_AUTOFILL).await;
    browser.goto(&at("/myaccount")).await;
    browser.click("form[action$='/logout'] button").await;
    browser.wait_for("h1", say("You are signed out", "Sie sind abgemeldet")).await;
    browser.goto(&at("/myaccount/security")).await;
    browser.click("#passkey").await;
    browser.find("tr[data-factor]").await;
    // What the browser did, looked at by somebody else's verifier.
    let ceremonies = browser.run("return JSON.parse(sessionStorage.getItem('ceremonies'))").await;
    let ceremonies = ceremonies.as_array().cloned().expect("they were kept");
    assert_eq!(ceremonies.len(), 4, "{ceremonies:#?}");
    let mut verifier = Talk::verifier();
    for ceremony in &ceremonies {
        let said = verifier.ask(ceremony).await;
        assert!(said["verified"] == true && said["device"] == "multiDevice", "{said}");
    }
    // Removed: its sessions end, and the authenticator learns it when it is used.
    browser.click("tr[data-factor] a.end").await;
    browser.click("#confirm").await;
    browser.wait_for("h1", say("You are signed out", "Sie sind abgemeldet")).await;
    browser.goto(&at("/login")).await;
    browser.click("#passkey").await;
    browser.find(".notice.bad").await;
    browser.find("[data-key-unknown]").await;
    eventually("the authenticator has forgotten it", || async {
        (browser.credentials(&authenticator).await == 0).then_some(())
    })
    .await;
    // Where one is demanded, the sign-in adds it.
    let policy = json!({ "second_factor": "phishing_resistant" });
    assert_eq!(server.send("PUT", POLICY, BOSS, &policy).await.status, 200);
    browser.goto(&at("/myaccount/security")).await;
    browser.sign_in("alex", "alex123").await;
    browser.find("#add-passkey[data-key-ask]").await;
    browser.look("adding a passkey at sign-in", &mut found).await;
    browser.click("#add-passkey[data-key-ask]").await;
    browser.click("#kept").await;
    browser.find("tr[data-factor]").await;
    let expected = |one: &String| one.contains("401");
    found.retain(|one| !expected(one));
    assert!(found.is_empty(), "{found:#?}");
    browser.quit().await;
    server.stop().await;
}

/// What a password manager does that has just filled in the password: it creates a passkey without a dialog. The browser
/// of the tests has none, so its dialog, which the authenticator answers, stands in for it.
const PASSWORD_MANAGER: &str = r#"
const create = navigator.credentials.create.bind(navigator.credentials);
navigator.credentials.create = ({ mediation, ...options }) => {
  if (mediation === "conditional") sessionStorage.setItem("upgraded", "yes");
  return create(options);
};
const able = PublicKeyCredential.getClientCapabilities.bind(PublicKeyCredential);
PublicKeyCredential.getClientCapabilities = async () =>
  ({ ...(await able()), conditionalCreate: sessionStorage.getItem("filled") === "yes" });
"#;

/// After a sign-in with a password: the offer, by its button and by a password manager.
#[tokio::test]
async fn after_a_password_a_passkey_is_offered() {
    let server = TestServer::with(|settings| {
        settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
        settings.passkeys.offer_after_password = true;
    })
    .await;
    let base = server.engine.settings().base_url.clone();
    for (name, filled) in [("alex", false), ("cleo", true)] {
        server.user(name, "alex123", &[]).await;
        let browser = Browser::start().await;
        let mut found = Vec::new();
        browser.on_every_page(NO_AUTOFILL).await;
        browser.on_every_page(PASSWORD_MANAGER).await;
        browser.goto(&format!("{base}/myaccount/security")).await;
        if filled {
            browser.run("sessionStorage.setItem('filled', 'yes')").await;
        }
        let authenticator = browser.authenticator(laptop(true)).await;
        browser.sign_in(name, "alex123").await;
        if !filled {
            browser.wait_for("h1", "Next time without a password").await;
            browser.look("the offer of a passkey", &mut found).await;
            browser.click("#add-passkey").await;
        }
        browser.click("#kept").await;
        browser.find("tr[data-factor]").await;
        assert_eq!(browser.credentials(&authenticator).await, 1);
        let upgraded = browser.run("return sessionStorage.getItem('upgraded')").await;
        assert_eq!(upgraded == "yes", filled, "{upgraded}");
        assert!(found.is_empty(), "{found:#?}");
        browser.quit().await;
    }
    server.stop().await;
}

/// An invited person, with a passkey or a password.
async fn invitation(language: &str, passkey: bool) {
    let smtp = Smtp::start().await;
    let server = TestServer::with_options(
        Engine::Sqlite,
        |settings| {
            settings.base_url = settings.base_url.replace("127.0.0.1", "localhost");
            settings.resets_by_mail = true;
        },
        |serve| serve.mailer = Some(smtp.post()),
    )
    .await;
    let base = server.engine.settings().base_url.clone();
    let new = NewUser {
        username: "cleo".into(),
        display_name: Some("Cleo Green".into()),
        email: Some("cleo@example.test".into()),
        invited: true,
        profile: json!({ "locale": language }).as_object().cloned().unwrap_or_default(),
        ..NewUser::default()
    };
    server.engine.add_user(&server.tenant, new, &Authority::system()).await.expect("invited");
    let path = smtp.link("/invitation?token=", 0).await;
    let browser = Browser::start().await;
    let mut found = Vec::new();
    browser.authenticator(laptop(true)).await;
    browser.goto(&format!("{base}{path}")).await;
    browser.find("#passkey").await;
    browser.look("the invitation", &mut found).await;
    if passkey {
        browser.click("#passkey").await;
        browser.find("#codes").await;
        browser.look("the account is ready", &mut found).await;
    } else {
        browser.fill("#new", "a heron on the pond").await;
        browser.click(".reveal button").await;
        browser.find("input#new[type=text]").await;
        browser.fill("#again", "a heron on the pond").await;
        browser.click("#choose-password").await;
        browser.find("#sign-in").await;
    }
    browser.click("#sign-in").await;
    if !passkey {
        browser.sign_in("cleo", "a heron on the pond").await;
    }
    // By the autofill, otherwise.
    browser.find("form[action$='/logout']").await;
    browser.goto(&format!("{base}/myaccount/profile")).await;
    browser.find("#save-profile").await;
    browser.look("the profile", &mut found).await;
    browser.click("#address").await;
    browser.find("#send-mail").await;
    browser.look("the address", &mut found).await;
    browser.fill("input[name=address]", "new@example.test").await;
    browser.click("#send-mail").await;
    browser.find("#code").await;
    browser.look("the code of an address", &mut found).await;
    let link = smtp.link("/address?token=", 1).await;
    if passkey {
        browser.goto(&format!("{base}{link}")).await;
        browser.look("the link of an address", &mut found).await;
        browser.click("#confirm").await;
        browser.click("#on").await;
    } else {
        let code = smtp.code(1).await;
        browser.fill("#code", &code).await;
        browser.click("#confirm").await;
    }
    browser.find("#save-profile").await;
    browser.click("#address").await;
    browser.find("tr[data-address='new@example.test']").await;
    browser.look("several addresses", &mut found).await;
    browser.click("tr[data-address='new@example.test'] form[action$='/main'] button").await;
    browser.find("tr[data-address='new@example.test'] .tag").await;
    let undo = smtp.link("/address/undo?token=", 2).await;
    browser.goto(&format!("{base}{undo}")).await;
    browser.look("undoing a change of an address", &mut found).await;
    browser.click("#undo").await;
    browser.find("#recover").await;
    assert_eq!(found, Vec::<String>::new());
    browser.quit().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_person_sets_a_passkey_or_a_password() {
    invitation("en", true).await;
    invitation("de", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_english() {
    story("en").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_german() {
    story("de").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_security_key_after_the_password_and_for_an_application() {
    let (server, base) = server().await;
    let browser = Browser::start().await;
    let at = |path: &str| format!("{base}{path}");
    let mut found = Vec::new();
    browser.goto(&at("/myaccount/security")).await;
    browser.sign_in("alex", "alex123").await;
    let stick = json!({
        "protocol": "ctap2", "transport": "usb", "hasResidentKey": false,
        "hasUserVerification": false, "isUserConsenting": true,
    });
    browser.authenticator(stick).await;
    browser.click("#add-security-key").await;
    browser.click("#add-key").await;
    browser.click("#kept").await;
    browser.find("tr[data-factor]").await;
    // The session was made by the password alone: an application asks for more.
    let asked = "/oauth2/authorize?client_id=shop&response_type=code&scope=openid&acr_values=phrh\
                 &redirect_uri=https%3A%2F%2Fapp.test%2Fcallback&code_challenge_method=S256\
                 &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    browser.goto(&at(asked)).await;
    browser.find("#key").await;
    browser.look("a key for an application", &mut found).await;
    assert!(browser.page.find(thirtyfour::By::Css("#code")).await.is_err(), "a code isn't enough");
    browser.goto(&at("/myaccount")).await;
    browser.click("form[action$='/logout'] button").await;
    browser.wait_for("h1", "You are signed out").await;
    browser.goto(&at("/myaccount/security")).await;
    browser.sign_in("alex", "alex123").await;
    browser.find("#key").await;
    browser.look("a key after the password", &mut found).await;
    browser.click("#key").await;
    browser.find("tr[data-factor]").await;
    assert!(found.is_empty(), "{found:#?}");
    browser.quit().await;
    server.stop().await;
}

/// What a page asks a browser for, and the fields of the form that carries the answer.
fn asked(page: &str) -> (Value, Vec<(String, String)>) {
    let (_, form) = page.split_once("<form class=\"key\"").expect("a form for keys");
    let form = form.split_once("</form>").expect("its end").0;
    let (_, options) = form.split_once("data-options=\"").expect("options");
    let options = options.split('"').next().expect("their end").replace("&#34;", "\"");
    let fields = form.split("<input ").skip(1).filter_map(|field| {
        let name = field.split("name=\"").nth(1)?.split('"').next()?;
        let value = field.split("value=\"").nth(1)?.split('"').next()?;
        Some((name.to_owned(), value.to_owned()))
    });
    (serde_json::from_str(&options).expect("JSON"), fields.collect())
}

/// A key in Python, its answers looked at by a verifier in JavaScript, against the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_verifier_that_others_wrote() {
    let (server, base) = server().await;
    let mut python = Command::new(folder().join("venv-keys/bin/python"));
    python.arg(folder().join("soft_key.py")).arg(&base);
    let (mut key, mut verifier) = (Talk::with(python), Talk::verifier());
    let mut answer = async |browser: &Http, path: &str, page: &str| {
        let (options, fields) = asked(page);
        let credential = key.ask(&options).await;
        let ceremony = json!({ "options": options, "credential": credential, "origin": base });
        let said = verifier.ask(&ceremony).await;
        assert!(said["verified"] == true, "{said} {ceremony}");
        let credential = credential.to_string();
        let mut form: Vec<(&str, &str)> = fields
            .iter()
            .filter(|(name, _)| name != "remember")
            .map(|(name, value)| (&**name, &**value))
            .collect();
        form.push(("credential", &credential));
        browser.post(path, &form).await
    };
    let path = "/myaccount/factors/key/security_key";
    let own = Http::new(&base, server.http.clone());
    own.sign_in("alex", "alex123").await;
    let added = answer(&own, path, &own.get(path).await.body).await;
    assert!(added.body.contains("id=\"codes\""), "{added:?}");
    let browser = Http::new(&base, server.http.clone());
    let page = browser.sign_in("alex", "alex123").await;
    let proved = answer(&browser, "/login/factor", &page.body).await;
    assert_eq!(proved.status, 303, "{proved:?}");
    let tokens = server.tokens(&browser, "shop", "openid").await;
    assert_eq!(claims(tokens["id_token"].as_str().expect("an ID token"))["acr"], "phrh");
    server.stop().await;
}

/// The person who holds the software authenticator of a password manager: there, and verified.
struct Holder;

#[async_trait::async_trait]
impl UserValidationMethod for Holder {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, Passkey>,
        _: bool,
        _: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence: true, verification: true })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// A password manager's own client and authenticator, in Rust, against the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_of_a_password_manager() {
    let (server, base) = server().await;
    let origin = url::Url::parse(&base).expect("an address");
    let store: Option<Passkey> = None;
    let keys = Authenticator::new(Aaguid::new_empty(), store, Holder, AwsLcRsBackend);
    let mut manager = Client::new(keys).allows_insecure_localhost(true);
    let send = async |browser: &Http, path: &str, fields: Vec<(String, String)>, answer: &str| {
        let mut form: Vec<(&str, &str)> = fields
            .iter()
            .filter(|(name, _)| name != "remember" && name != "credential")
            .map(|(name, value)| (&**name, &**value))
            .collect();
        form.push(("credential", answer));
        browser.post(path, &form).await
    };
    let path = "/myaccount/factors/key/passkey";
    let own = Http::new(&base, server.http.clone());
    own.sign_in("alex", "alex123").await;
    let (options, fields) = asked(&own.get(path).await.body);
    let options = serde_json::from_value(json!({ "publicKey": options })).expect("options");
    let made = manager.register(&origin, options, DefaultClientData).await.expect("a passkey");
    let made = serde_json::to_string(&made).expect("JSON");
    let added = send(&own, path, fields, &made).await;
    assert!(added.body.contains("id=\"codes\""), "{added:?}");
    let browser = Http::new(&base, server.http.clone());
    let (options, fields) = asked(&browser.get("/login").await.body);
    let options = || -> CredentialRequestOptions {
        serde_json::from_value(json!({ "publicKey": options })).expect("options")
    };
    let elsewhere = url::Url::parse("https://evil.example").expect("an address");
    // With localhost allowed, this client doesn't compare a site with the id of the relying party: the server does.
    let proof = manager.authenticate(&elsewhere, options(), DefaultClientData).await;
    let proof = serde_json::to_string(&proof.expect("a proof")).expect("JSON");
    let refused = send(&browser, "/login/passkey", fields, &proof).await;
    assert_eq!(refused.status, 401, "{refused:?}");
    let (options, fields) = asked(&refused.body);
    let options = || -> CredentialRequestOptions {
        serde_json::from_value(json!({ "publicKey": options })).expect("options")
    };
    let proof = manager.authenticate(&origin, options(), DefaultClientData).await.expect("a proof");
    let proof = serde_json::to_string(&proof).expect("JSON");
    let signed_in = send(&browser, "/login/passkey", fields, &proof).await;
    assert_eq!(signed_in.location(), "/myaccount", "{signed_in:?}");
    let tokens = server.tokens(&browser, "shop", "openid").await;
    let token = claims(tokens["id_token"].as_str().expect("an ID token"));
    assert_eq!((&token["acr"], &token["amr"]), (&json!("phr"), &json!(["swk", "user", "mfa"])));
    server.stop().await;
}
