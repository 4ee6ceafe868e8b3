//! The Console's pages over HTTP, as an administrator's browser loads them: question, template and answer together.

use sojourn_engine::Authority;
use std::sync::Arc;
use std::time::Instant;

use sojourn_engine::directory::{NewUser, RoleChange};
use sojourn_server::{Running, ServerOptions};
use sojourn_testkit::server::Browser;
use tokio::net::TcpListener;

use super::Installation;
use super::questions::{Answer, answer};

/// How often a page is loaded.
const TIMES: usize = 100;
const NAME: &str = "console";
const PASSWORD: &str = "words of the console";

const PAGES: [(&str, &str); 6] = [
    ("page: sessions, the first", "/console/sessions"),
    ("page: sessions of an application", "/console/sessions?q=client_id+eq+app-3"),
    ("page: ended sessions", "/console/ledger"),
    ("page: users, the first", "/console/users"),
    ("page: overview of a day", "/console?range=day"),
    ("page: overview of a week", "/console?range=week"),
];

/// Serves an installation and loads pages of it; the installation is closed afterwards.
pub(super) async fn load(installation: Installation, listener: TcpListener) -> Vec<Answer> {
    let Installation { engine, tenant } = installation;
    let base = engine.settings().base_url.clone();
    let new =
        NewUser { username: NAME.into(), password: Some(PASSWORD.into()), ..NewUser::default() };
    let user = engine.add_user(&tenant, new, &Authority::system()).await.expect("a user");
    let role = engine.role_named(&tenant, "admin").await.expect("the role of administrators");
    let change = RoleChange::Assign;
    engine
        .change_role(&tenant, &role, &user, change, &Authority::system())
        .await
        .expect("assigned");
    let running =
        Running::start(listener, Arc::clone(&engine), ServerOptions::default()).expect("it runs");
    let browser = Browser::new(&base, sojourn_testkit::program::client());
    assert_eq!(browser.sign_in(NAME, PASSWORD).await.status, 303, "signed in");
    let mut answers = Vec::new();
    for (name, path) in PAGES {
        let mut took = Vec::new();
        for _ in 0..TIMES {
            let began = Instant::now();
            let page = browser.get(path).await;
            took.push(began.elapsed().as_secs_f64() * 1e3);
            assert_eq!(page.status, 200, "{name}");
            assert!(path != PAGES[0].1 || page.body.matches("<tr data-session=").count() == 50);
        }
        answers.push(answer(name, took));
    }
    running.stop().await;
    answers
}
