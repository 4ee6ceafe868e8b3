//! A real browser: Debian's Chromium, driven through its driver.

#![expect(clippy::disallowed_methods, reason = "a page is waited for on its own clock")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use thirtyfour::prelude::*;

/// A browser of its own, with an empty profile. The driver ends with it.
pub struct Browser {
    driver: Child,
    /// Where the driver takes commands.
    address: String,
    /// The page.
    pub page: WebDriver,
}

/// What a browser does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Without {
    ThirdPartyCookies,
    Scripts,
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n")
}

/// Starts of a driver before that is an error: a port that is free for IPv4 may be taken for IPv6, and then it ends.
const STARTS: usize = 5;

type Lines = Box<dyn Iterator<Item = String> + Send>;

/// A driver, its port and what else it says; nothing when it ends without a port.
fn driver() -> Option<(Child, u16, Lines)> {
    let mut driver = Command::new("chromedriver")
        .args(["--port=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver isn't installed: 'make tools' installs it");
    let stdout = driver.stdout.take().expect("piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    if port.is_none() {
        driver.wait().expect("it ended");
    }
    Some((driver, port?, Box::new(lines)))
}

impl Browser {
    /// Starts one.
    pub async fn start() -> Self {
        Self::sized(1280, 900).await
    }

    /// Starts one that keeps cookies from frames of other sites.
    pub async fn without_third_party_cookies() -> Self {
        Self::with(1280, 900, Some(Without::ThirdPartyCookies)).await
    }

    /// Starts one that runs no scripts of pages.
    pub async fn without_scripts() -> Self {
        Self::with(1280, 900, Some(Without::Scripts)).await
    }

    /// Starts one with a window of a size.
    pub async fn sized(width: u32, height: u32) -> Self {
        Self::with(width, height, None).await
    }

    async fn with(width: u32, height: u32, without: Option<Without>) -> Self {
        let (driver, port, lines) = (0..STARTS)
            .find_map(|_| driver())
            .expect("chromedriver doesn't start: 'make tools' installs it");
        std::thread::spawn(move || lines.for_each(drop));
        let mut wanted = DesiredCapabilities::chrome();
        wanted.accept_insecure_certs(true).expect("a capability");
        // Said in either case: the default differs from build to build.
        let blocked = without == Some(Without::ThirdPartyCookies);
        let scripts = if without == Some(Without::Scripts) { 2 } else { 1 };
        let prefs = serde_json::json!({
            "profile.cookie_controls_mode": i32::from(blocked),
            "profile.block_third_party_cookies": blocked,
            "profile.managed_default_content_settings.javascript": scripts,
        });
        wanted.add_experimental_option("prefs", prefs).expect("preferences");
        let size = format!("--window-size={width},{height}");
        let mut arguments = vec![
            "--headless=new",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            size.as_str(),
        ];
        if is_root() {
            arguments.push("--no-sandbox");
        }
        for argument in arguments {
            wanted.add_arg(argument).expect("an argument");
        }
        let address = format!("http://127.0.0.1:{port}");
        let logs = serde_json::json!({ "browser": "ALL" });
        wanted.set("goog:loggingPrefs", logs).expect("a capability");
        let page = WebDriver::new(&address, wanted).await.expect("a browser");
        Self { driver, address, page }
    }

    /// A command of the driver that the library doesn't know.
    async fn command(&self, path: &str, body: serde_json::Value) -> serde_json::Value {
        let session = self.page.session_id();
        let url = format!("{}/session/{session}/{path}", self.address);
        let answer = reqwest::Client::new().post(url).json(&body).send().await.expect("a driver");
        answer.json().await.expect("JSON")
    }

    /// Shows pages in the dark or the light theme, and without motion: what is looked at then has its last colour.
    pub async fn theme(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = serde_json::json!([
            { "name": "prefers-color-scheme", "value": value },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let body = serde_json::json!({
            "cmd": "Emulation.setEmulatedMedia", "params": { "features": features },
        });
        self.command("goog/cdp/execute", body).await;
    }

    /// Shows pages on a screen of a width, as a telephone has it.
    pub async fn width(&self, width: u32) {
        let params = serde_json::json!({
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": true,
        });
        let body = serde_json::json!({
            "cmd": "Emulation.setDeviceMetricsOverride", "params": params,
        });
        self.command("goog/cdp/execute", body).await;
    }

    /// The window's own width again.
    pub async fn whole_width(&self) {
        let cmd = "Emulation.clearDeviceMetricsOverride";
        self.command("goog/cdp/execute", serde_json::json!({ "cmd": cmd, "params": {} })).await;
    }

    /// How many pixels the page is wider than the screen.
    pub async fn overflow(&self) -> i64 {
        let script =
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let found = self.page.execute(script, vec![]).await.expect("a number");
        found.json().as_i64().unwrap_or(i64::MAX)
    }

    /// What pages complained of since the last time: errors of scripts, and what the content security policy stopped.
    pub async fn complaints(&self) -> Vec<String> {
        let body = serde_json::json!({ "type": "browser" });
        let log = self.command("se/log", body).await;
        let all = log["value"].as_array().cloned().unwrap_or_default();
        let severe = all.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What axe-core finds wrong with the page, each rule with the first element that breaks it.
    pub async fn barriers(&self) -> Vec<String> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let axe = std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js"))
            .expect("axe-core isn't installed: 'make tools' installs it");
        self.page.execute(&axe, vec![]).await.expect("axe-core is loaded");
        let run = "const done = arguments[arguments.length - 1]; \
                   axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}) \
                   .then((found) => done(found.violations.map((one) => \
                   `${one.id}: ${one.help} – ${one.nodes[0].html} ${one.nodes[0].failureSummary}`)))";
        let found = self.page.execute_async(run, vec![]).await.expect("axe-core runs");
        let all = found.json().as_array().cloned().unwrap_or_default();
        all.iter().map(|one| one.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What is wrong with the page that is shown: barriers in either theme, width on a screen of 360 pixels, and
    /// complaints since the last time.
    pub async fn look(&self, page: &str, found: &mut Vec<String>) {
        for (theme, dark) in [("light", false), ("dark", true)] {
            self.theme(dark).await;
            let barriers = self.barriers().await;
            found.extend(barriers.into_iter().map(|one| format!("{page} {theme}: {one}")));
        }
        self.width(360).await;
        let overflow = self.overflow().await;
        if overflow > 0 {
            found.push(format!("{page}: {overflow} pixels wider than a screen of 360"));
        }
        self.whole_width().await;
        let complaints = self.complaints().await;
        found.extend(complaints.into_iter().map(|one| format!("{page}: {one}")));
    }

    /// Gives the browser an authenticator that consents at once, as `options` describe it (Web Authentication §11.3).
    pub async fn authenticator(&self, options: serde_json::Value) -> String {
        let made = self.command("webauthn/authenticator", options).await;
        made["value"].as_str().unwrap_or_else(|| panic!("no authenticator: {made}")).to_owned()
    }

    /// How many credentials an authenticator has.
    pub async fn credentials(&self, authenticator: &str) -> usize {
        let url = format!(
            "{}/session/{}/webauthn/authenticator/{authenticator}/credentials",
            self.address,
            self.page.session_id()
        );
        let answer = reqwest::get(url).await.expect("a driver");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        answer["value"].as_array().unwrap_or_else(|| panic!("no credentials: {answer}")).len()
    }

    /// Runs a script at the beginning of every page from now on.
    pub async fn on_every_page(&self, script: &str) {
        let cmd = "Page.addScriptToEvaluateOnNewDocument";
        let body = serde_json::json!({ "cmd": cmd, "params": { "source": script } });
        self.command("goog/cdp/execute", body).await;
    }

    /// What a script returns.
    pub async fn run(&self, script: &str) -> serde_json::Value {
        self.page.execute(script, vec![]).await.expect("the script runs").json().clone()
    }

    /// Goes to an address.
    pub async fn goto(&self, address: &str) {
        self.page.goto(address).await.expect("the page loads");
    }

    /// Waits for an element.
    pub async fn find(&self, css: &str) -> WebElement {
        let query = self.page.query(By::Css(css)).desc(css);
        query.first().await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// Waits for an element and clicks it.
    pub async fn click(&self, css: &str) {
        self.find(css).await.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// The text of an element.
    pub async fn text(&self, css: &str) -> String {
        let mut tries = 0;
        loop {
            match self.find(css).await.text().await {
                Ok(text) => return text,
                // The page was just being left: the next one has the element as well.
                Err(_) if tries < 20 => tries += 1,
                Err(error) => panic!("{css}: {error}"),
            }
        }
    }

    /// Waits until one of the elements has a text.
    pub async fn wait_for(&self, css: &str, text: &str) {
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_secs(20) {
            for element in self.page.find_all(By::Css(css)).await.unwrap_or_default() {
                // An element of a page that is just being left has no text any more.
                if element.text().await.is_ok_and(|found| found == text) {
                    return;
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        let source = self.page.source().await.unwrap_or_default();
        panic!("'{text}' never appeared in {css}; the page is\n{source}");
    }

    /// Types into a field, replacing what is there.
    pub async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.clear().await.expect("cleared");
        field.send_keys(text).await.expect("typed");
    }

    /// Fills in the sign-in page.
    pub async fn sign_in(&self, name: &str, password: &str) {
        self.fill("#username", name).await;
        self.fill("#password", password).await;
        self.click("#sign-in").await;
    }

    /// Writes a picture of the page into a folder.
    pub async fn picture(&self, folder: &std::path::Path, name: &str) {
        let file = folder.join(format!("{name}.png"));
        self.page.screenshot(&file).await.expect("a picture");
    }

    /// Closes the browser.
    pub async fn quit(mut self) {
        let _ = self.page.clone().quit().await;
        // Of a test that failed the browser is still there, and outlives its driver.
        let id = self.driver.id();
        let of_driver = format!("/proc/{id}/task/{id}/children");
        let children = std::fs::read_to_string(of_driver).unwrap_or_default();
        let _ = self.driver.kill();
        if !children.trim().is_empty() {
            let _ = Command::new("kill").args(children.split_whitespace()).status();
        }
        let _ = self.driver.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
