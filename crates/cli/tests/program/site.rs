//! A server of the program's own, in a folder, with a configuration file.

use sojourn_testkit::program::{Running, client, eventually, free_ports};
use sojourn_testkit::server::Answer;
use sojourn_testkit::store::Folder;

/// A folder with a configuration.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) port: u16,
    pub(crate) http: reqwest::Client,
}

impl Site {
    /// Users `alex` and `admin`, an application told at `told`, and more as given.
    pub(crate) fn new(told: &str, more: &str) -> Self {
        let folder = Folder::new();
        let port = free_ports(0);
        let text = format!(
            r#"[server]
base_url = "http://127.0.0.1:{port}"
listen = "127.0.0.1:{port}"
tls = false
insecure_development = true

[outgoing]
allow_private_addresses = true
timeout = "500ms"

[super_admin]
username = "admin"
password = "admin"

[[role]]
name = "staff"

[[user]]
username = "alex"
password = "alex123"
roles = ["staff"]

[[application]]
client_id = "app"
client_secret = "secret"
redirect_uris = ["https://app.test/callback"]
backchannel_logout_uri = "{told}"

[[event_handler]]
name = "sessionTermination"
subscriptions = ["POST_UPDATE_ROLE_LIST_OF_USER", "POST_UPDATE_USER_LIST_OF_ROLE"]

{more}"#
        );
        std::fs::write(folder.0.join("deployment.toml"), text).expect("written");
        Self { folder, port, http: client() }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Starts the server and waits until it is ready.
    pub(crate) async fn serve(&self) -> Running {
        let mut running = Running::start(&self.folder.0, &["serve"]);
        let ready = self.at("/health/ready");
        eventually("the server is ready", || async {
            self.http.get(&ready).send().await.ok().filter(|answer| answer.status().is_success())
        })
        .await;
        assert!(running.is_running());
        running
    }

    /// Signs Alex in with a browser and lets the application redeem a code; answers its tokens.
    pub(crate) async fn tokens(&self) -> serde_json::Value {
        let browser = sojourn_testkit::server::Browser::new(&self.at(""), self.http.clone());
        assert_eq!(browser.sign_in("alex", "alex123").await.status, 303);
        let code = browser.code("app", "openid").await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", sojourn_testkit::server::CALLBACK),
            ("code_verifier", sojourn_testkit::server::VERIFIER),
        ];
        let request = self.http.post(self.at("/oauth2/token")).form(&form);
        let answer = request.basic_auth("app", Some("secret")).send().await.expect("an answer");
        let answer = Answer::of(answer).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Whether an access token is active.
    pub(crate) async fn active(&self, token: &str) -> bool {
        let request = self.http.post(self.at("/oauth2/introspect")).form(&[("token", token)]);
        let answer = request.basic_auth("app", Some("secret")).send().await.expect("an answer");
        Answer::of(answer).await.json()["active"] == true
    }

    /// Sends an API request as Alex.
    pub(crate) async fn api(&self, method: &str, path: &str) -> Answer {
        let request = self.http.request(method.parse().expect("a method"), self.at(path));
        let request = request.basic_auth("alex", Some("alex123"));
        Answer::of(request.send().await.expect("an answer")).await
    }

    /// Runs a command of the program in the folder, with standard input.
    pub(crate) fn command(&self, args: &[&str], input: &str) -> (bool, String) {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        let mut child = Command::new(sojourn_testkit::program::path())
            .args(args)
            .current_dir(&self.folder.0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped");
        // A command that reads nothing may have closed its end already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }
}
