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
