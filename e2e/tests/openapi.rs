//! Schemathesis on the description of the session service: no answer outside of it, and no failure of ours.

use std::path::PathBuf;

use serde_json::json;
use sojourn_testkit::server::TestServer;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_it_is_described() {
    let server = TestServer::with(|settings| {
        settings.throttle.per_account = 1_000_000;
        settings.throttle.per_address = 1_000_000;
    })
    .await;
    server.user("admin", "admin12", &["admin"]).await;
    let cleo = server.user("cleo", "cleo123", &["staff"]).await;
    let shop = server.app("shop", |_| {}).await;
    for _ in 0..3 {
        let browser = server.signed_in("cleo", "cleo123").await;
        server.tokens(&browser, "shop", "openid").await;
    }
    let path = "/api/sessions/v1/sessions?include=grants";
    let page = server.api("GET", path, ("admin", "admin12")).await.json();
    let one = &page["items"][0];
    // What it puts in the places of names, half of the time: something that is there.
    let known = json!({
        "session_id": one["id"], "grant_id": one["grants"][0]["id"], "sid": one["applications"][0]["sid"],
        "application_id": shop.id.to_string(), "user": cleo.id.to_string(),
    });
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
    let work = sojourn_testkit::store::Folder::new();
    let hooks = work.0.join("hooks.py");
    std::fs::write(
        &hooks,
        format!(
            "import random\nimport schemathesis\n\nKNOWN = {known}\n\n\
             @schemathesis.hook\n\
             def map_path_parameters(context, path_parameters):\n    \
                 for name in path_parameters or {{}}:\n        \
                     if name in KNOWN and hash(str(path_parameters[name])) % 2:\n            \
                         path_parameters[name] = KNOWN[name]\n    \
                 return path_parameters\n"
        ),
    )
    .expect("written");
    let output = tokio::process::Command::new(folder.join("venv/bin/schemathesis"))
        .current_dir(&work.0)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", &work.0)
        .args(["run", &format!("{}/api/sessions/v1/openapi.json", server.base)])
        .args(["--auth", "admin:admin12", "--seed", "7", "--max-examples", "25", "--no-color"])
        .args(["--phases", "examples,coverage,fuzzing", "--continue-on-failure"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,\
             response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth",
        ])
        // These two never end.
        .args(["--exclude-path-regex", "^(/me)?/events$"])
        .output()
        .await
        .expect("Schemathesis starts: 'make tools' installs it");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let cases = text.lines().find_map(|line| line.trim().split_once(" generated, "));
    let cases: u32 = cases.and_then(|(count, _)| count.parse().ok()).expect("a count");
    assert!(cases > 500, "{cases} cases: {text}");
    server.stop().await;
}
