//! Pictures of every page, wide and narrow, into `screenshots/` (ignored by git), to be looked at.

use std::path::Path;

use sojourn_e2e::Browser;
use sojourn_testkit::program::{Running, client, eventually, free_ports};
use sojourn_testkit::store::Folder;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let folder = Folder::new();
    let port = free_ports(2);
    let _demo = Running::start(&folder.0, &["demo", "--port", &port.to_string()]);
    let at = |path: &str| format!("https://localhost:{port}{path}");
    let app = |n: u16| format!("https://localhost:{}/", port + n);
    let http = client();
    for address in [at("/health/ready"), app(1), app(2)] {
        eventually("everything answers", || async { http.get(&address).send().await.ok() }).await;
    }
    let pictures = Path::new("screenshots");
    std::fs::create_dir_all(pictures).expect("a folder");
    for (size, width) in [("wide", 1280), ("narrow", 390)] {
        let alex = Browser::sized(width, 900).await;
        let admin = Browser::sized(width, 900).await;
        let name = |page: &str| format!("{page}-{size}");
        alex.goto(&app(1)).await;
        alex.click("#login").await;
        alex.picture(pictures, &name("login")).await;
        alex.sign_in("alex", "wrong").await;
        alex.picture(pictures, &name("login-wrong")).await;
        alex.sign_in("alex", "alex123").await;
        alex.wait_for("#state", "Signed in as alex").await;
        alex.picture(pictures, &name("application")).await;
        alex.goto(&app(2)).await;
        alex.click("#login").await;
        for (page, path) in [("account", "/myaccount"), ("security", "/myaccount/security")] {
            alex.goto(&at(path)).await;
            alex.picture(pictures, &name(page)).await;
        }
        alex.click(".session a.button").await;
        alex.picture(pictures, &name("confirm")).await;
        alex.goto(&at("/oidc/logout")).await;
        alex.picture(pictures, &name("logout-question")).await;
        alex.goto(&at("/oauth2/authorize?client_id=nobody")).await;
        alex.picture(pictures, &name("error")).await;
        admin.goto(&at("/console")).await;
        admin.sign_in("admin", "admin").await;
        for page in ["sessions", "users", "roles", "applications", "deliveries", "ledger", "audit"]
        {
            admin.goto(&at(&format!("/console/{page}"))).await;
            admin.picture(pictures, &name(&format!("console-{page}"))).await;
        }
        admin.goto(&at("/console/sessions?q=alex")).await;
        admin.click("h2 a").await;
        admin.picture(pictures, &name("console-user")).await;
        admin.goto(&at("/console/sessions?q=alex")).await;
        admin.click("a.end").await;
        admin.click("#confirm").await;
        admin.wait_for(".tag", "ended").await;
        admin.picture(pictures, &name("console-session")).await;
        alex.quit().await;
        admin.quit().await;
    }
}
