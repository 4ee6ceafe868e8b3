//! SIGHUP: files are read again, and nothing ends.

use std::path::Path;
use std::process::Command;

use sojourn_testkit::program::{Running, eventually};
use sojourn_testkit::store::Folder;

use crate::site::Site;

/// A certificate of an authority of its own, and a client that trusts that authority alone.
fn authority() -> (Folder, sojourn_server::tls::TlsFiles, reqwest::Client) {
    let folder = Folder::new();
    let files = sojourn_server::tls::local_certificate(&folder.0, "server").expect("made");
    let ca = std::fs::read(folder.0.join("ca.pem")).expect("an authority");
    let ca = reqwest::Certificate::from_pem(&ca).expect("a certificate");
    let client = reqwest::Client::builder()
        .tls_certs_only([ca])
        .no_proxy()
        // Each request shakes hands again.
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    (folder, files, client)
}

fn put(folder: &Path, files: &sojourn_server::tls::TlsFiles) {
    std::fs::copy(&files.certificate, folder.join("cert.pem")).expect("copied");
    std::fs::copy(&files.key, folder.join("key.pem")).expect("copied");
}

fn hang_up(running: &Running) {
    let told = Command::new("kill").args(["-HUP", &running.id().to_string()]).status();
    assert!(told.is_ok_and(|status| status.success()));
}

#[tokio::test]
async fn certificates_are_read_again() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let file = site.folder.0.join("deployment.toml");
    let text = std::fs::read_to_string(&file).expect("a file");
    let tls = "tls = true\ncertificate = \"cert.pem\"\nkey = \"key.pem\"";
    let text = text.replace("tls = false", tls).replace("http://127", "https://127");
    std::fs::write(&file, text).expect("written");
    let (_old, old_files, old) = authority();
    let (_new, new_files, new) = authority();
    put(&site.folder.0, &old_files);
    let mut running = Running::start(&site.folder.0, &["serve"]);
    let live = format!("https://127.0.0.1:{}/health/live", site.port);
    eventually("the server answers", || async { old.get(&live).send().await.ok() }).await;
    assert!(new.get(&live).send().await.is_err(), "of another authority");
    put(&site.folder.0, &new_files);
    hang_up(&running);
    eventually("the new certificate", || async { new.get(&live).send().await.ok() }).await;
    assert!(old.get(&live).send().await.is_err(), "the old one is gone");
    std::fs::write(site.folder.0.join("cert.pem"), "no certificate").expect("written");
    hang_up(&running);
    eventually("what is wrong is said", || {
        let said = running.errors.try_iter().any(|line| line.contains("nothing reloaded"));
        std::future::ready(said.then_some(()))
    })
    .await;
    assert!(new.get(&live).send().await.is_ok() && running.is_running(), "it goes on as it was");
    assert!(running.terminate());
}

#[tokio::test]
async fn settings_are_read_again_and_what_waits_for_a_restart_is_named() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let file = site.folder.0.join("deployment.toml");
    let text = std::fs::read_to_string(&file).expect("a file");
    let mut running = site.serve().await;
    let wanted = async |name: &str, status: u16| {
        let url = site.at("/scim2/Me");
        let answer = site.http.get(&url).basic_auth(name, Some("newcomer1")).send().await;
        answer.is_ok_and(|answer| answer.status() == status).then_some(())
    };
    assert!(wanted("bo", 401).await.is_some(), "nobody of that name");
    let more = "\n[[user]]\nusername = \"bo\"\npassword = \"newcomer1\"\n";
    let changed = text.replace("timeout = \"500ms\"", "timeout = \"400ms\"") + more;
    let changed = changed.replace("tls = false", "tls = false\nconnections = 77");
    std::fs::write(&file, changed).expect("written");
    hang_up(&running);
    let said = |words: &'static str| {
        let lines: Vec<String> = running.errors.try_iter().collect();
        std::future::ready(lines.into_iter().find(|line| line.contains(words)))
    };
    let line = eventually("what waits is named", || said("after a restart")).await;
    assert!(line.contains("server.connections"), "{line}");
    assert!(!line.contains("outgoing"), "{line}");
    eventually("who was declared is there", || wanted("bo", 200)).await;
    // A mistake leaves everything as it was, and is told with its line.
    let wrong = text.replace("[super_admin]", "[super_admin]\nshoe_size = 9") + "\n[server]\n";
    std::fs::write(&file, wrong).expect("written");
    hang_up(&running);
    let line = eventually("what is wrong is said", || said("nothing reloaded")).await;
    assert!(line.contains("deployment.toml:"), "{line}");
    assert!(wanted("bo", 200).await.is_some() && running.is_running());
    assert!(running.terminate());
}

/// What systemd hears, in the order in which it is told.
#[tokio::test]
async fn systemd_is_told() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let path = site.folder.0.join("notify.sock");
    let socket = tokio::net::UnixDatagram::bind(&path).expect("a socket");
    let next = async || {
        let mut bytes = [0; 512];
        let received = socket.recv(&mut bytes);
        let length = tokio::time::timeout(std::time::Duration::from_secs(30), received).await;
        let length = length.expect("in time").expect("a message");
        String::from_utf8_lossy(bytes.get(..length).expect("bytes")).into_owned()
    };
    let variables = [
        ("NOTIFY_SOCKET", path.to_str().expect("text").to_owned()),
        ("WATCHDOG_USEC", "200000".to_owned()),
    ];
    let running = Running::start_with(&site.folder.0, &["serve"], &variables);
    assert_eq!(next().await.trim(), "READY=1");
    let until = async |wanted: &str| {
        loop {
            let said = next().await;
            if said.starts_with(wanted) {
                return said;
            }
            assert_eq!(said.trim(), "WATCHDOG=1", "before {wanted}");
        }
    };
    assert_eq!(next().await.trim(), "WATCHDOG=1");
    hang_up(&running);
    let reloading = until("RELOADING=1").await;
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until("READY=1").await;
    assert!(running.terminate());
    until("STOPPING=1").await;
}
