//! Starts that can't be: each says plainly why, and what was there before is still there.

use std::net::TcpListener;
use std::process::Command;

use sojourn_testkit::program::Running;

use crate::site::Site;

const NOBODY: &str = "http://127.0.0.1:9/bclogout";

fn start_fails(site: &Site) -> String {
    Running::start(&site.folder.0, &["serve"]).last_words()
}

#[tokio::test]
async fn a_wrong_configuration_stops_the_start_with_file_and_line() {
    let site = Site::new(NOBODY, "[session.timeout]\nidle_session_timeout = \"soon\"\n");
    let text = start_fails(&site);
    let file = site.folder.0.join("deployment.toml");
    let lines = std::fs::read_to_string(file).expect("read").lines().count();
    assert!(text.contains(&format!("deployment.toml:{lines}: 'soon' is not a duration")), "{text}");
    let missing = Running::start(&site.folder.0, &["serve", "--config", "nothing.toml"]);
    assert!(missing.last_words().contains("nothing.toml"));
}

#[tokio::test]
async fn a_port_in_use_is_said_plainly() {
    let site = Site::new(NOBODY, "");
    let _taken = TcpListener::bind(("127.0.0.1", site.port)).expect("the port");
    let text = start_fails(&site);
    assert!(text.contains("another program listens there"), "{text}");
    assert!(!site.folder.0.join("data").exists(), "nothing was touched");
}

#[tokio::test]
async fn the_wrong_master_key_is_refused() {
    let site = Site::new(NOBODY, "");
    assert!(site.serve().await.terminate());
    let key = site.folder.0.join("data/master.key");
    let kept = std::fs::read_to_string(&key).expect("the key");
    std::fs::remove_file(&key).expect("removed");
    let text = start_fails(&site);
    assert!(text.contains("belongs to another master key"), "{text}");
    std::fs::write(&key, kept).expect("written");
    assert!(site.serve().await.terminate());
}

#[tokio::test]
async fn postgresql_wants_a_key_that_every_node_has() {
    let site =
        Site::new(NOBODY, "[database]\ntype = \"postgresql\"\nurl = \"host=/nowhere user=x\"\n");
    let text = start_fails(&site);
    assert!(text.contains("SOJOURN_MASTER_KEY_FILE"), "{text}");
}

fn run(command: &str, args: &[&str]) -> bool {
    Command::new(command).args(args).status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}

/// Runs as root, or through sudo.
fn privileged(args: &[&str]) {
    let done = if is_root() {
        run(args[0], &args[1..])
    } else {
        let mut all = vec!["-n"];
        all.extend_from_slice(args);
        run("sudo", &all)
    };
    assert!(done, "{args:?} needs root, or sudo without a password");
}

/// A small file system of its own, unmounted at the end.
struct Mount(std::path::PathBuf);

impl Mount {
    fn new(site: &Site, bytes: &str) -> Self {
        let path = site.folder.0.join("data");
        std::fs::create_dir_all(&path).expect("a folder");
        let options = format!("size={bytes},mode=0777");
        let target = path.display().to_string();
        privileged(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &target]);
        Self(path)
    }

    fn remount(&self, how: &str) {
        let target = self.0.display().to_string();
        privileged(&["mount", "-o", &format!("remount,{how}"), &target]);
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let target = self.0.display().to_string();
        privileged(&["umount", "-l", &target]);
    }
}

#[tokio::test]
async fn a_full_disk_is_said_plainly_and_loses_nothing() {
    let site = Site::new(NOBODY, "");
    let mount = Mount::new(&site, "3m");
    let mut server = site.serve().await;
    let tokens = site.tokens().await;
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let hog = mount.0.join("hog");
    // As much as there is: writing fails in the end, which is what is wanted.
    let _ = std::fs::write(&hog, vec![1_u8; 8 * 1024 * 1024]);
    let mut refused = None;
    for _ in 0..400 {
        let browser = sojourn_testkit::server::Browser::new(&site.at(""), site.http.clone());
        let status = browser.sign_in("alex", "alex123").await.status;
        if status >= 500 {
            refused = Some(status);
            break;
        }
    }
    assert_eq!(refused, Some(503));
    assert!(server.is_running());
    assert!(site.active(&access).await, "reading goes on");
    std::fs::remove_file(&hog).expect("removed");
    let browser = sojourn_testkit::server::Browser::new(&site.at(""), site.http.clone());
    assert_eq!(browser.sign_in("alex", "alex123").await.status, 303, "and writing again");
    let said: String = server.errors.try_iter().collect();
    assert!(said.contains("full"), "{said}");
    assert!(server.terminate());
    let server = site.serve().await;
    assert!(site.active(&access).await, "what was answered before is still there");
    assert!(server.terminate());
}

#[tokio::test]
async fn a_read_only_disk_stops_the_start_with_its_reason() {
    let site = Site::new(NOBODY, "");
    let mount = Mount::new(&site, "16m");
    assert!(site.serve().await.terminate());
    mount.remount("ro");
    let text = start_fails(&site).to_lowercase();
    assert!(text.contains("read-only") || text.contains("readonly"), "{text}");
    mount.remount("rw");
    assert!(site.serve().await.terminate());
}
