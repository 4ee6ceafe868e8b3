//! The release build under test, pinned to its core.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::SERVER_CORE;
use crate::client::Target;

/// As strong as the program makes them.
pub(crate) const SECRET: &str = "soj_cs_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
/// Plain HTTP.
pub(crate) const PORT: u16 = 14_943;
/// TLS, by the same data in another run.
pub(crate) const TLS_PORT: u16 = 14_944;
/// Where logout tokens go.
pub(crate) const INBOX_PORT: u16 = 14_945;

pub(crate) struct Server {
    child: Child,
    pub(crate) ready_ms: f64,
}

fn program() -> PathBuf {
    let mut path = std::env::current_exe().expect("a path");
    path.set_file_name("sojourn");
    assert!(path.exists(), "{} is not built: run 'make bench'", path.display());
    path
}

pub(crate) fn write_config(folder: &Path) {
    for (name, port, tls) in [("plain.toml", PORT, false), ("tls.toml", TLS_PORT, true)] {
        let scheme = if tls { "https" } else { "http" };
        let mut text = format!(
            r#"[server]
base_url = "{scheme}://localhost:{port}"
listen = "127.0.0.1:{port}"
tls = {tls}
insecure_development = {}

[outgoing]
allow_private_addresses = true

[log]
level = "warn"

[throttle]
per_address = 1000000

[[user]]
username = "alex"
password = "alex123"
"#,
            !tls
        );
        for (client, alg, grants, scopes) in [
            ("rs256", "RS256", r#""authorization_code", "refresh_token""#, ""),
            ("es256", "ES256", r#""authorization_code", "refresh_token""#, ""),
            ("machine", "RS256", r#""client_credentials""#, r#""internal_session_delete""#),
        ] {
            text.push_str(&format!(
                r#"
[[application]]
client_id = "{client}"
client_secret = "{SECRET}"
redirect_uris = ["https://app.test/callback"]
backchannel_logout_uri = "http://127.0.0.1:{INBOX_PORT}/bclogout"
grant_types = [{grants}]
own_scopes = [{scopes}]
id_token_signed_response_alg = "{alg}"
"#
            ));
        }
        for alg in ["RS256", "ES256"] {
            // One signature for each response.
            text.push_str(&format!(
                r#"
[[application]]
client_id = "https://sp.test/{}"
protocol = "saml"
[application.saml]
assertion_consumers = [{{ url = "https://sp.test/acs" }}]
attribute_preset = "basic"
name_id_format = "persistent"
signed_part = "response"
signing_alg = "{alg}"
"#,
                alg.to_lowercase()
            ));
        }
        std::fs::write(folder.join(name), text).expect("written");
    }
}

/// Where the master key lies that nodes over PostgreSQL are given.
const MASTER_KEY: &str = "bench.key";

/// Makes a master key.
pub(crate) fn make_master_key(folder: &Path) {
    let file = folder.join(MASTER_KEY);
    let mut program = Command::new(program());
    let made = program.args(["master-key", "new"]).arg(file).output().expect("it runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// The same over PostgreSQL.
pub(crate) fn write_postgres_config(folder: &Path, url: &str) {
    write_config(folder);
    for name in ["plain.toml", "tls.toml"] {
        let text = std::fs::read_to_string(folder.join(name)).expect("written");
        let more = format!("[database]\ntype = \"postgresql\"\nurl = \"{url}\"\n\n[outgoing]");
        std::fs::write(folder.join(name), text.replace("[outgoing]", &more)).expect("written");
    }
}

/// The same with a role, a handler that ends sessions when it changes, and a machine that may change it.
pub(crate) fn write_role_config(folder: &Path) {
    write_config(folder);
    let plain = std::fs::read_to_string(folder.join("plain.toml")).expect("written");
    let scopes = "\"internal_session_delete\"";
    let more = "\"internal_role_mgt\", \"internal_session_view\", \"internal_session_delete\"";
    let text = plain.replace(scopes, more)
        + r#"
[[role]]
name = "staff"

[[event_handler]]
name = "sessionTermination"
subscriptions = ["POST_UPDATE_ROLE_LIST_OF_USER", "POST_UPDATE_USER_LIST_OF_ROLE", "POST_DELETE_ROLE"]
"#;
    std::fs::write(folder.join("roles.toml"), text).expect("written");
}

/// Makes the certificate that the server would make at its first start with TLS, so that the client can
/// trust it before.
pub(crate) fn make_certificate(folder: &Path) {
    sojourn_server::tls::local_certificate(&folder.join("data/tls"), "server").expect("made");
}

impl Server {
    /// Starts it and waits, looking every millisecond, until it is ready.
    pub(crate) async fn start(folder: &Path, config: &str, target: &Target) -> Self {
        let began = Instant::now();
        let mut command = Command::new("taskset");
        let key = folder.join(MASTER_KEY);
        if key.exists() {
            command.env("SOJOURN_MASTER_KEY_FILE", key);
        }
        let child = command
            .args(["-c", SERVER_CORE])
            .arg(program())
            .args(["serve", "--config", config])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("taskset runs");
        loop {
            if tokio::net::TcpStream::connect(("127.0.0.1", target.port)).await.is_ok() {
                let mut connection = crate::client::Connection::open(target).await;
                let request = crate::client::bare("GET", "/health/ready", "");
                if connection.send(&request).await.status == 200 {
                    break;
                }
            }
            assert!(began.elapsed() < Duration::from_secs(60), "the server doesn't start");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Self { child, ready_ms: began.elapsed().as_secs_f64() * 1e3 }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stop(mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
