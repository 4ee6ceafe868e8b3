//! scim2-tester, which others wrote, on everything that the server says it can.

use std::path::PathBuf;

use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_claimed_works() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |settings| {
            settings.throttle.per_account = 1_000_000;
            settings.throttle.per_address = 1_000_000;
            settings.custom_attributes = vec![sojourn_scim::schema::Custom {
                name: "badge".into(),
                description: "Number on the badge.".into(),
                kind: sojourn_scim::schema::Kind::String,
                multi_valued: false,
                required: false,
            }];
        })
        .await;
        server.user("admin", "admin12", &["admin"]).await;
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
        let output = tokio::process::Command::new(folder.join("venv/bin/python"))
            .arg(folder.join("scim_tester.py"))
            .args([&format!("{}/scim2", server.base), "admin", "admin12"])
            .output()
            .await
            .expect("Python starts: 'make tools' installs it");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        server.stop().await;
    }
}
