//! Service providers that others wrote, pysaml2 and node-saml: whatever they check, they check by themselves.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Map, Value, json};
use sojourn_e2e::Browser as Chromium;
use sojourn_engine::{Authority, EndPlan};
use sojourn_model::{Actor, DeliveryState, EndReason, EndTarget};
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}

async fn provider() -> TestServer {
    let server = TestServer::start().await;
    // They look at the machine's clock.
    server.clock.go_to_now();
    server.user("alex", "alex123", &["courier"]).await;
    server
}

/// Follows an answer of the server as a person does, to where the service provider would be.
async fn follow(browser: &Browser, mut answer: Answer) -> Value {
    for _ in 0..10 {
        let location = answer.location().to_owned();
        if location.starts_with("https://client.test/") {
            return json!({ "url": location });
        }
        if location.starts_with("/login") {
            answer = browser.sign_in_at(&location, "alex", "alex123", false).await;
        } else if !location.is_empty() {
            answer = browser.get(&location).await;
        } else {
            assert!(answer.body.contains("/assets/form_post.js"), "{}", answer.body);
            let fields = ["SAMLResponse", "SAMLRequest", "RelayState"].into_iter();
            let form: Map<String, Value> = fields
                .map(|name| (name.to_owned(), answer.field(name)))
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name, value.into()))
                .collect();
            return json!({ "form": form });
        }
    }
    panic!("it leads nowhere");
}

/// Sends the form of a page as the browser would that got it from the service provider.
async fn send_form(browser: &Browser, page: &str) -> Answer {
    let value = |tag: &str, name: &str| {
        let rest = tag.split_once(&format!("{name}=\"")).map(|(_, rest)| rest).unwrap_or_default();
        let text = rest.split('"').next().unwrap_or_default();
        text.replace("&#x3D;", "=").replace("&#43;", "+").replace("&amp;", "&")
    };
    let tags: Vec<&str> = page.split('<').collect();
    let form = tags.iter().find(|tag| tag.starts_with("form")).expect("a form");
    let fields: Vec<(String, String)> = tags
        .iter()
        .filter(|tag| tag.starts_with("input") && tag.contains("name=\""))
        .map(|tag| (value(tag, "name"), value(tag, "value")))
        .collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    browser.post_from("https://client.test", &value(form, "action"), &fields).await
}

async fn register(server: &TestServer, metadata: &str) {
    let saml = json!({ "metadata": metadata, "attribute_preset": "basic" });
    let document = json!({ "saml": saml, "first_party": true });
    let document = document.as_object().expect("an object").clone();
    let by = Authority::system();
    server.engine.create_application(&server.tenant, &document, &by).await.expect("registered");
}

/// Ends everything of Alex, and waits until every service provider has followed.
async fn end(server: &TestServer) {
    let user = server.engine.user_named(&server.tenant, "alex").await.expect("alex");
    let plan = EndPlan::new(EndTarget::User(user.id), EndReason::Admin, Actor::Operator);
    server
        .engine
        .end_sessions(&server.tenant, plan, &sojourn_engine::Authority::system())
        .await
        .expect("ended");
    eventually("all have followed", async || {
        let all = server.engine.reads(server.tenant.id).deliveries(100).await.ok()?;
        let delivered = all.iter().all(|one| one.state == DeliveryState::Delivered);
        (!all.is_empty() && delivered).then_some(())
    })
    .await;
}

/// Starts a client from its folder: the process, its input and the lines that it prints.
fn started(mut command: Command) -> (Child, ChildStdin, Lines<BufReader<ChildStdout>>) {
    let mut child = command
        .current_dir(folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("the client starts: 'make tools' installs it");
    let input = child.stdin.take().expect("piped");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, input, lines)
}

/// Runs a service provider and does what it asks for, until it is done.
async fn run(command: Command, server: &TestServer) {
    let (mut child, mut input, mut lines) = started(command);
    let browser = server.browser();
    let mut done = false;
    while let Some(line) = lines.next_line().await.expect("a line") {
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
        let answer = if let Some(metadata) = said["metadata"].as_str() {
            register(server, metadata).await;
            let ours = browser.get("/identity/metadata/saml2").await;
            json!({ "metadata": ours.body })
        } else if let Some(url) = said["visit"].as_str() {
            follow(&browser, browser.get(url).await).await
        } else if let Some(page) = said["page"].as_str() {
            follow(&browser, send_form(&browser, page).await).await
        } else if said["end"].is_string() {
            end(server).await;
            json!({})
        } else if let Some(name) = said["signed_in"].as_str() {
            let user = server.engine.user_named(&server.tenant, name).await.expect("a user");
            let reads = server.engine.reads(server.tenant.id);
            let now = server.engine.now();
            let all = reads.sessions_of_user(user.id, now, 0, 10).await;
            json!({ "sessions": all.expect("sessions").len() })
        } else {
            done |= said["done"] == true;
            continue;
        };
        input.write_all(format!("{answer}\n").as_bytes()).await.expect("written");
    }
    assert!(child.wait().await.expect("ends").success(), "the client failed; its message is above");
    assert!(done, "the client ended before it was done");
}

#[tokio::test]
async fn pysaml2_signs_on_and_is_signed_out_by_soap_both_ways() {
    let server = provider().await;
    let mut command = Command::new(folder().join("venv/bin/python"));
    command.arg("saml_python.py");
    run(command, &server).await;
}

#[tokio::test]
async fn node_saml_signs_on_by_both_bindings_and_signs_out_in_the_browser() {
    let server = provider().await;
    let mut command = Command::new("node");
    command.arg("saml_node.mjs");
    run(command, &server).await;
}

/// An application on node-saml that listens, registered at the server. It ends with its input.
struct App {
    home: String,
    _child: Child,
    _input: ChildStdin,
}

impl App {
    async fn start(server: &TestServer) -> Self {
        let mut command = Command::new("node");
        command.arg("saml_app.mjs");
        let (child, mut input, mut lines) = started(command);
        let line = lines.next_line().await.expect("a line").expect("its metadata");
        let said: Value = serde_json::from_str(&line).expect("JSON");
        register(server, said["metadata"].as_str().expect("its metadata")).await;
        let ours = server.browser().get("/identity/metadata/saml2").await.body;
        input
            .write_all(format!("{}\n", json!({ "metadata": ours })).as_bytes())
            .await
            .expect("written");
        lines.next_line().await.expect("a line").expect("it is ready");
        let home = said["home"].as_str().expect("its address").to_owned();
        Self { home, _child: child, _input: input }
    }
}

#[tokio::test]
async fn one_sign_in_reaches_both_protocols_and_one_sign_out_ends_both() {
    let server = provider().await;
    let inbox = sojourn_testkit::inbox::Inbox::start().await;
    server
        .app("openid", |app| {
            app.backchannel_logout_uri = Some(inbox.uri());
            app.settings.oidc.redirect_uris = vec![inbox.origin() + "/left"];
        })
        .await;
    let (one, two) = (App::start(&server).await, App::start(&server).await);
    let browser = Chromium::start().await;
    browser.goto(&one.home).await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("#who", "alex@example.test").await;
    // The others ask nobody.
    browser.goto(&two.home).await;
    browser.wait_for("#who", "alex@example.test").await;
    let left = format!("{}/left", inbox.origin());
    let pairs = [
        ("response_type", "code"),
        ("client_id", "openid"),
        ("redirect_uri", left.as_str()),
        ("scope", "openid"),
        ("code_challenge", sojourn_testkit::server::CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let path = sojourn_testkit::server::authorize_path(&pairs);
    browser.goto(&format!("{}{path}", server.base)).await;
    browser.wait_for("body", "left").await;
    // At the server: both applications hear of it in frames, and say so.
    browser.goto(&format!("{}/myaccount/security", server.base)).await;
    browser.click("form[action$='/logout'] button").await;
    browser.wait_for("h1", "You are signed out").await;
    eventually("both have answered", async || {
        let all = server.engine.reads(server.tenant.id).deliveries(10).await.ok()?;
        (all.len() == 3 && all.iter().all(|one| one.state == DeliveryState::Delivered))
            .then_some(())
    })
    .await;
    for app in [&one, &two] {
        browser.goto(&format!("{}/quiet", app.home)).await;
        browser.wait_for("#who", "nobody").await;
    }
    browser.quit().await;
}

#[tokio::test]
async fn an_application_s_own_sign_out_ends_the_session_and_the_other_application() {
    let server = provider().await;
    let (one, two) = (App::start(&server).await, App::start(&server).await);
    let browser = Chromium::start().await;
    browser.goto(&one.home).await;
    browser.sign_in("alex", "alex123").await;
    browser.wait_for("#who", "alex@example.test").await;
    browser.goto(&two.home).await;
    browser.wait_for("#who", "alex@example.test").await;
    browser.click("#out").await;
    browser.wait_for("#who", "signed out by its own button").await;
    browser.goto(&format!("{}/quiet", one.home)).await;
    browser.wait_for("#who", "nobody").await;
    let ledger = server.ledger(10).await;
    assert_eq!(ledger.len(), 1);
    browser.quit().await;
}
