//! mod_auth_mellon, the service provider of Debian's Apache: signs people on, and follows logouts by every way it knows.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use sojourn_engine::directory::RoleChange;
use sojourn_engine::{Authority, EndPlan};
use sojourn_model::{Actor, DeliveryState, EndReason, EndTarget};
use sojourn_testkit::program::{eventually, free_ports};
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::store::Folder;

const MODULES: &str = "/usr/lib/apache2/modules";

/// How long a session lives that isn't used, in milliseconds.
const IDLE_MS: i64 = 10 * 60_000;

/// Apache with a page behind mellon. It is killed when dropped.
struct Apache {
    home: String,
    child: Child,
    _folder: Folder,
}

impl Drop for Apache {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    let modules: String =
        ["mpm_event", "authn_core", "authz_core", "authz_user", "headers", "dir", "auth_mellon"]
            .map(|name| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n"))
            .concat();
    format!(
        r#"{modules}
ServerRoot "{folder}"
ServerName 127.0.0.1:{port}
Listen 127.0.0.1:{port}
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/error.log"
Mutex pthread default
User www-data
Group www-data
DocumentRoot "{folder}/www"
DirectoryIndex index.html
<Location />
  MellonEnable "info"
  MellonEndpointPath "/mellon"
  MellonSPPrivateKeyFile "{folder}/sp.key"
  MellonSPCertFile "{folder}/sp.pem"
  MellonIdPMetadataFile "{folder}/idp.xml"
  MellonSecureCookie Off
  MellonUser "username"
</Location>
<Location /secret>
  MellonEnable "auth"
  AuthType "Mellon"
  Require valid-user
  Header set x-person "%{{MELLON_username}}e %{{MELLON_email}}e"
</Location>
"#
    )
}

impl Apache {
    async fn start(server: &TestServer) -> Self {
        let folder = Folder::new();
        let path = |name: &str| folder.0.join(name).display().to_string();
        std::fs::create_dir_all(folder.0.join("www/secret")).expect("a folder");
        std::fs::write(folder.0.join("www/secret/index.html"), "inside").expect("written");
        std::fs::write(folder.0.join("www/index.html"), "outside").expect("written");
        let (key, pem) = (path("sp.key"), path("sp.pem"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=mellon",
            ])
            .args(["-keyout", &key, "-out", &pem])
            .stderr(Stdio::null())
            .status();
        assert!(made.expect("openssl runs").success());
        let metadata = server.browser().get("/identity/metadata/saml2").await.body;
        std::fs::write(folder.0.join("idp.xml"), metadata).expect("written");
        let port = free_ports(0);
        std::fs::write(folder.0.join("apache.conf"), config(&folder.0, port)).expect("written");
        let mut child = Command::new("/usr/sbin/apache2")
            // One process, so that nothing outlives the test.
            .args(["-f", &path("apache.conf"), "-X"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Apache starts: 'make tools' installs it");
        let log = folder.0.join("error.log");
        eventually("Apache listens", || {
            let ended = child.try_wait().ok().flatten();
            assert!(ended.is_none(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
            let there = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            std::future::ready(there.then_some(()))
        })
        .await;
        Self { home: format!("http://127.0.0.1:{port}"), child, _folder: folder }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self._folder.0.join("error.log")).unwrap_or_default()
    }
}

/// Follows links and forms as a browser does that runs scripts, and signs in where it is asked to.
async fn follow(browser: &Browser, home: &str, mut answer: Answer) -> Answer {
    for _ in 0..12 {
        let location = answer.location().to_owned();
        if location.starts_with("/login") {
            answer = browser.sign_in_at(&location, "alex", "alex123", false).await;
        } else if !location.is_empty() {
            answer = browser.get(&location).await;
        } else if answer.body.contains("/assets/form_post.js") {
            let action =
                answer.body.split_once("action=\"").map(|(_, rest)| rest).unwrap_or_default();
            let action = action.split('"').next().unwrap_or_default().to_owned();
            assert!(action.starts_with(home), "{action}");
            let (response, state) = (answer.field("SAMLResponse"), answer.field("RelayState"));
            let form = [("SAMLResponse", &*response), ("RelayState", &state)];
            answer = browser.post_from("http://127.0.0.1", &action, &form).await;
        } else {
            return answer;
        }
    }
    panic!("it leads nowhere: {answer:?}");
}

#[tokio::test]
async fn mellon_signs_on_and_follows_every_end() {
    let server = TestServer::with(|settings| settings.lifetimes.idle_ms = IDLE_MS).await;
    // It looks at the machine's clock.
    server.clock.go_to_now();
    let alex = server.user("alex", "alex123", &["courier"]).await;
    let apache = Apache::start(&server).await;
    let browser = server.browser();
    let (home, secret) = (&apache.home, format!("{}/secret/", apache.home));
    let metadata = browser.get(&format!("{home}/mellon/metadata")).await.body;
    let saml = json!({ "metadata": metadata, "attribute_preset": "basic" });
    let document = json!({ "client_name": "Apache", "saml": saml, "first_party": true });
    let document = document.as_object().expect("an object").clone();
    let by = Authority::system();
    let made = server.engine.create_application(&server.tenant, &document, &by).await;
    let made = made.expect("registered").0;
    assert!(made.backchannel_logout_uri.is_some(), "it has SOAP");

    let role = server.engine.role_named(&server.tenant, "courier").await.expect("the role");
    let mut told = 0;
    for ended_by in ["an administrator", "a role change", "the person", "idleness"] {
        let inside = follow(&browser, home, browser.get(&secret).await).await;
        assert_eq!((inside.status, inside.body.as_str()), (200, "inside"), "{}", apache.log());
        assert_eq!(inside.header("x-person"), "alex alex@example.test");
        match ended_by {
            "an administrator" => {
                let target = EndTarget::User(alex.id);
                let plan = EndPlan::new(target, EndReason::Admin, Actor::Operator);
                server
                    .engine
                    .end_sessions(&server.tenant, plan, &sojourn_engine::Authority::system())
                    .await
                    .expect("ended");
            }
            "a role change" => {
                let (tenant, change) = (&server.tenant, RoleChange::Unassign);
                let changed = server.engine.change_role(tenant, &role, &alex, change, &by).await;
                assert_eq!(changed.expect("changed").sessions, 1);
            }
            "the person" => {
                let out = format!("{home}/mellon/logout?ReturnTo={home}/index.html");
                let out = follow(&browser, home, browser.get(&out).await).await;
                assert_eq!(out.body, "outside", "{out:?} {}", apache.log());
            }
            _ => {
                // The last one: its clock is ahead of Apache's from here on.
                server.clock.advance(2 * IDLE_MS);
                assert_eq!(server.engine.sweep().await.expect("swept"), 1);
            }
        }
        // From server to server, or in the browser: it followed, and nobody is signed in there any more.
        if ended_by != "the person" {
            told += 1;
        }
        eventually("it followed", async || {
            let all = server.engine.reads(server.tenant.id).deliveries(10).await.ok()?;
            let enough = all.len() >= told;
            (enough && all.iter().all(|one| one.state == DeliveryState::Delivered)).then_some(())
        })
        .await;
        let left = server.engine.sessions_of_user(&server.tenant, alex.id).await;
        assert_eq!(left.expect("sessions").len(), 0, "{ended_by}");
        let asked = browser.get(&secret).await;
        assert!((300..400).contains(&asked.status), "{ended_by}: {asked:?}");
    }
}
