//! Pictures of the Console with the data of `sojourn demo --populated`: light, dark, narrow and in German.

use std::path::Path;

use sojourn_e2e::Browser;
use sojourn_testkit::program::{Running, client, free_ports, within};
use sojourn_testkit::store::Folder;

use super::credentials::{LOOKS, browser};

/// Pages that are opened by their path.
const PAGES: [(&str, &str); 17] = [
    ("overview", ""),
    ("sessions", "/sessions"),
    ("sessions-network", "/sessions?q=network+eq+%22198.51.100.0%2F24%22"),
    ("live", "/live"),
    ("users", "/users"),
    ("groups", "/groups"),
    ("roles", "/roles"),
    ("applications", "/applications"),
    ("deliveries", "/deliveries"),
    ("failed-deliveries", "/deliveries?state=failed"),
    ("ledger", "/ledger"),
    ("audit", "/audit"),
    ("policies", "/policies"),
    ("handlers", "/handlers"),
    ("jobs", "/jobs"),
    ("keys", "/keys"),
    ("mail", "/mail"),
];
/// Pages to which a link of another page leads: name, that page, the link.
const LINKS: [(&str, &str, &str); 6] = [
    ("user", "/users?q=ada", "tbody tr a"),
    ("group", "/groups", "tbody tr a[href*='/console/groups/']"),
    ("application", "/applications", "tbody tr a[href*='/console/applications/']"),
    ("session", "/sessions", "a[href*='/console/sessions/']"),
    ("ended-session", "/ledger", "a[href*='/console/sessions/']"),
    ("end-found", "/sessions?q=application+eq+%22wiki%22", "#end-found"),
];

async fn pages(admin: &Browser, pictures: &Path, (port, size): (u16, &str)) {
    let at = |path: &str| format!("https://localhost:{port}/console{path}");
    for (page, path) in PAGES {
        admin.goto(&at(path)).await;
        admin.picture(pictures, &format!("organisation-{page}-{size}")).await;
    }
    for (page, path, link) in LINKS {
        admin.goto(&at(path)).await;
        admin.click(link).await;
        admin.picture(pictures, &format!("organisation-{page}-{size}")).await;
    }
}

pub(crate) async fn organisation(pictures: &Path) {
    let folder = Folder::new();
    let port = free_ports(6);
    let _demo = Running::start(&folder.0, &["demo", "--populated", "--port", &port.to_string()]);
    let http = client();
    let ready = format!("https://localhost:{port}/health/ready");
    within(std::time::Duration::from_secs(240), "everything answers", || async {
        http.get(&ready).send().await.ok()
    })
    .await;
    let german = [("german", 1440, false)];
    let looks = LOOKS.into_iter().map(|(size, width, dark)| (size, width.min(1440), dark));
    for (size, width, dark) in looks.chain(german) {
        let admin = browser(width, dark).await;
        if size == "german" {
            admin.goto(&format!("https://localhost:{port}/language?to=de&back=/console")).await;
        }
        admin.goto(&format!("https://localhost:{port}/console")).await;
        admin.sign_in("admin", "admin").await;
        admin.find("nav").await;
        pages(&admin, pictures, (port, size)).await;
        admin.quit().await;
    }
}
