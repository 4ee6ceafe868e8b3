//! Clients that others wrote: whatever they check, they check by themselves.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use sojourn_e2e::Browser as Chromium;
use sojourn_engine::{EndPlan, RegistrationMode};
use sojourn_model::{Actor, ClientAuthMethod, EndReason, EndTarget, GrantType};
use sojourn_testkit::inbox::Documents;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

const CALLBACK: &str = "https://client.test/callback";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

async fn provider() -> TestServer {
    let server = TestServer::with(|settings| settings.registration = RegistrationMode::Open).await;
    // These clients look at the machine's clock.
    server.clock.go_to_now();
    server.user("alex", "alex123", &[]).await;
    server
}

/// What a person does with an address: signs in, allows, and ends where the application is.
async fn visit(browser: &Browser, url: &str) -> Value {
    let mut answer: Answer = browser.get(url).await;
    for _ in 0..10 {
        let location = answer.location().to_owned();
        if location.starts_with("https://client.test/") {
            return json!({ "url": location });
        }
        if location.starts_with("/login") {
            answer = browser.sign_in_at(&location, "alex", "alex123", false).await;
        } else if location.starts_with("/consent") {
            let page = browser.get(&location).await;
            let (csrf, ticket) = (page.field("csrf"), page.field("ticket"));
            let form = [("csrf", &*csrf), ("ticket", &ticket), ("answer", "yes")];
            answer = browser.post("/consent", &form).await;
        } else if !location.is_empty() {
            answer = browser.get(&location).await;
        } else if answer.body.contains("/assets/form_post.js") {
            let fields = ["code", "state", "iss", "session_state"];
            let form: serde_json::Map<String, Value> =
                fields.iter().map(|name| ((*name).to_owned(), answer.field(name).into())).collect();
            return json!({ "form": form });
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
            return json!({ "page": answer.status });
        }
    }
    panic!("it leads nowhere: {url}");
}

/// Runs a client and does what it asks a person to do, until it is done.
async fn run(mut command: Command, server: &TestServer) {
    let mut child = command
        .args([&*server.base, CALLBACK])
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the client starts: 'make tools' installs it");
    let mut input = child.stdin.take().expect("piped");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let browser = server.browser();
    let mut done = false;
    while let Some(line) = lines.next_line().await.expect("a line") {
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        if let Some(url) = said["visit"].as_str() {
            let led_to = visit(&browser, url).await;
            input.write_all(format!("{led_to}\n").as_bytes()).await.expect("written");
        }
        done |= said["done"] == true;
    }
    drop(input);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(done && output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn openid_client_of_npm() {
    let server = provider().await;
    let mut command = Command::new("node");
    command.arg("openid_client.mjs");
    run(command, &server).await;
}

#[tokio::test]
async fn authlib_of_pypi() {
    let server = provider().await;
    let python = folder().join("venv/bin/python");
    let mut command = Command::new(python);
    command.arg("authlib_client.py");
    run(command, &server).await;
}

/// A single-page application on oidc-client-ts, at this machine under a name.
async fn single_page_application(server: &TestServer, host: &str) -> (Documents, String) {
    let documents = Documents::start().await;
    let library = folder().join("node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js");
    let library = std::fs::read_to_string(library).expect("'make tools' installs it");
    documents.put("/library.js", &library);
    let script = std::fs::read_to_string(folder().join("spa.js")).expect("beside this test");
    documents.put("/spa.js", &script);
    let page = format!(
        r#"<!doctype html><title>spa</title><body data-issuer="{}">
        <p id="who"></p><p id="heard"></p><p id="renewed"></p>
        <button id="sign-in">in</button><button id="sign-out">out</button><button id="renew">renew</button>
        <script src="/library.js"></script><script src="/spa.js"></script></body>"#,
        server.base
    );
    documents.put("/index.html", &page);
    documents.put("/silent.html", &page);
    let home = format!("http://{host}:{}", documents.port());
    server
        .app("spa", |app| {
            app.secret = None;
            app.settings.oidc.token_endpoint_auth_method = ClientAuthMethod::None;
            // Without a refresh token the library renews in a frame.
            app.settings.oidc.grant_types = vec![GrantType::AuthorizationCode];
            app.settings.oidc.redirect_uris =
                vec![format!("{home}/index.html"), format!("{home}/silent.html")];
            app.settings.oidc.post_logout_redirect_uris = vec![format!("{home}/index.html")];
        })
        .await;
    (documents, format!("{home}/index.html"))
}

async fn sign_in(browser: &Chromium, home: &str) {
    browser.goto(home).await;
    browser.wait_for("#who", "nobody").await;
    browser.click("#sign-in").await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("#who", "signed in as alex the tester").await;
}

#[tokio::test]
async fn oidc_client_ts_of_npm_watches_renews_and_hears_of_an_end() {
    let server = TestServer::start().await;
    server.clock.go_to_now();
    let alex = server.user("alex", "alex123", &[]).await;
    // Of the same site as the server, and of another one.
    for host in ["127.0.0.1", "localhost"] {
        let (_documents, home) = single_page_application(&server, host).await;
        let browser = Chromium::start().await;
        sign_in(&browser, &home).await;
        browser.click("#renew").await;
        browser.wait_for("#renewed", "a new token").await;
        // Nothing that this browser did: only the frame's own question can tell.
        let plan = EndPlan::new(EndTarget::User(alex.id), EndReason::Admin, Actor::System);
        server
            .engine
            .end_sessions(&server.tenant, plan, &sojourn_engine::Authority::system())
            .await
            .expect("ended");
        browser.wait_for("#heard", "signed out").await;
        browser.quit().await;
    }
}

#[tokio::test]
async fn oidc_client_ts_signs_in_and_out_where_third_party_cookies_are_blocked() {
    let server = TestServer::start().await;
    server.clock.go_to_now();
    server.user("alex", "alex123", &[]).await;
    let (_documents, home) = single_page_application(&server, "localhost").await;
    let browser = Chromium::without_third_party_cookies().await;
    sign_in(&browser, &home).await;
    // The frame sees no cookie, so a silent renewal can't know the session; that is said, and nothing hangs.
    browser.click("#renew").await;
    browser.wait_for("#renewed", "login_required").await;
    browser.click("#sign-out").await;
    browser.wait_for("#who", "nobody").await;
    browser.quit().await;
}
