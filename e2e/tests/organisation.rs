//! The demonstration with an organisation: what is in it, that it is filled once, and what a newcomer finds there
//! without help, with the number of clicks.

use sojourn_e2e::Browser;
use sojourn_testkit::program::{Running, client, eventually, free_ports, within};
use sojourn_testkit::store::Folder;

/// A thousand accounts and six hundred sessions take some seconds, and more while other tests run.
const FILLED: std::time::Duration = std::time::Duration::from_secs(240);

async fn get(port: u16, path: &str) -> serde_json::Value {
    let address = format!("https://localhost:{port}{path}");
    let request = client().get(address).basic_auth("admin", Some("admin"));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.expect("JSON")
}

/// Waits until the demonstration answers, which it does once the database is filled.
async fn filled(port: u16) {
    let ready = format!("https://localhost:{port}/health/ready");
    let http = client();
    within(FILLED, "it answers", || async { http.get(&ready).send().await.ok() }).await;
}

#[tokio::test]
async fn it_is_filled_once() {
    let folder = Folder::new();
    let mut found = Vec::new();
    for _ in 0..2 {
        let port = free_ports(6);
        let arguments = ["demo", "--populated", "--port", &port.to_string()];
        let demo = Running::start(&folder.0, &arguments);
        filled(port).await;
        let people = get(port, "/scim2/Users?count=1").await["totalResults"].clone();
        // With alex and admin.
        assert_eq!(people, 1_002);
        let active = get(port, "/api/sessions/v1/sessions?limit=100").await;
        let ended =
            get(port, "/api/sessions/v1/sessions?filter=state%20eq%20ended&limit=100").await;
        let count = |list: &serde_json::Value| list["items"].as_array().map_or(0, Vec::len);
        assert!(count(&active) > 10 && count(&ended) == 100, "{active} {ended}");
        found.push(people);
        drop(demo);
    }
    assert_eq!(found[0], found[1]);
}

/// An administrator who counts the clicks.
struct Newcomer {
    browser: Browser,
    clicks: std::cell::Cell<usize>,
}

impl Newcomer {
    async fn at_the_console(port: u16) -> Self {
        let browser = Browser::start().await;
        browser.goto(&format!("https://localhost:{port}/console")).await;
        browser.sign_in("admin", "admin").await;
        browser.find("nav.menu").await;
        Self { browser, clicks: std::cell::Cell::new(0) }
    }

    async fn click(&self, css: &str) {
        self.clicks.set(self.clicks.get() + 1);
        self.browser.click(css).await;
    }

    /// Clicks an entry of the menu.
    async fn menu(&self, page: &str) {
        self.click(&format!("nav.menu a[href$='/console/{page}']")).await;
        self.browser.find(&format!("nav.menu a[href$='/console/{page}'][aria-current]")).await;
    }

    async fn search(&self, field: &str, text: &str, button: &str) {
        self.browser.fill(field, text).await;
        self.click(button).await;
        // The page that answers has the question in its field.
        self.browser.find(&format!("{field}[value='{text}']")).await;
    }

    /// Ends a task and returns how many clicks it took.
    fn done(&self) -> usize {
        self.clicks.replace(0)
    }
}

#[tokio::test]
async fn a_newcomer_finishes_five_tasks() {
    let folder = Folder::new();
    let port = free_ports(6);
    let _demo = Running::start(&folder.0, &["demo", "--populated", "--port", &port.to_string()]);
    filled(port).await;
    let admin = Newcomer::at_the_console(port).await;
    // Which application doesn't follow?
    admin.click("#attention a[href*='state=pending']").await;
    let first = admin.browser.text("tbody tr:first-child").await;
    assert!(first.contains("Reports"), "{first}");
    assert_eq!(admin.done(), 1);
    // Who is signed in from this network? End them.
    admin.menu("sessions").await;
    admin.search("#q", "network eq \"198.51.100.0/24\"", "#search").await;
    admin.click("#end-found").await;
    let button = admin.browser.text("#confirm").await;
    let number = button.split(' ').nth(1).and_then(|text| text.parse::<u32>().ok());
    assert!(number.is_some_and(|number| number > 1), "{button}");
    admin.click("#confirm").await;
    assert_eq!(admin.done(), 4);
    eventually("nobody is there any more", || async {
        let left = "/api/sessions/v1/sessions?filter=network%20eq%20%22198.51.100.0/24%22";
        let left = get(port, left).await["items"].as_array().map_or(1, Vec::len);
        (left == 0).then_some(())
    })
    .await;
    // Why was this person signed out?
    let ended = get(port, "/api/sessions/v1/sessions?filter=state%20eq%20ended&limit=1").await;
    let person = ended["items"][0]["user"]["username"].as_str().expect("a name").to_owned();
    admin.menu("users").await;
    admin.search("#q", &person, "form[role=search] button").await;
    admin.click("tbody tr:first-child a").await;
    admin.click("#ended").await;
    admin.click("tbody tr:first-child td.actions a").await;
    let page = admin.browser.text("main").await;
    assert!(page.contains("Why") && page.contains("By"), "{page}");
    assert_eq!(admin.done(), 5);
    // A leaver: away everywhere.
    let here = get(port, "/api/sessions/v1/sessions?limit=100").await;
    let leaver = here["items"].as_array().expect("items").iter().find_map(|session| {
        let name = session["user"]["username"].as_str().expect("a name");
        (name != "admin").then(|| name.to_owned())
    });
    let leaver = leaver.expect("somebody is signed in");
    admin.menu("users").await;
    admin.search("#q", &leaver, "form[role=search] button").await;
    admin.click("tbody tr:first-child a").await;
    admin.click("a[href$='/acts/disable']").await;
    assert!(admin.browser.text("main").await.contains("will end"));
    admin.click("#confirm").await;
    assert_eq!(admin.done(), 5);
    admin.browser.wait_for("p.empty:last-of-type", "Not signed in anywhere.").await;
    // A new application, and a try.
    admin.menu("applications").await;
    admin.click("#add").await;
    let home = format!("https://localhost:{}/brand-new/callback", port + 4);
    admin.browser.fill("#name", "Brand new").await;
    admin.browser.fill("#redirect_uris", &home).await;
    admin.click("#save").await;
    admin.browser.find("#secret").await;
    admin.click("#try").await;
    admin.browser.wait_for("h1", "brand-new").await;
    let address = admin.browser.run("return location.href").await;
    assert!(address.as_str().is_some_and(|url| url.starts_with(&home) && url.contains("code=")));
    assert_eq!(admin.done(), 4);
    admin.browser.quit().await;
}
