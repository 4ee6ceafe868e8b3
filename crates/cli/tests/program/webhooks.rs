//! Events and their handlers through kills: nothing is lost, and nothing comes out of order.

use std::net::TcpListener;

use serde_json::Value;
use sojourn_testkit::inbox::{Hook, Inbox};
use sojourn_testkit::program::eventually;

use crate::site::Site;

/// `whsec_` and the base64 of 32 bytes.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn handler(url: &str) -> String {
    format!(
        "[[event_handler]]\nname = \"webhook\"\n\
         subscriptions = [\"POST_LOCK_ACCOUNT\", \"POST_UNLOCK_ACCOUNT\"]\n\
         [event_handler.properties]\nid = \"siem\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n"
    )
}

/// What came, in order, each event once: a handler may hear of one again.
fn told(hooks: &[Hook]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for hook in hooks {
        let id = hook.headers["webhook-id"].to_str().expect("text").to_owned();
        let body: Value = serde_json::from_str(&hook.body).expect("JSON");
        let kind = body["type"].as_str().expect("a type").to_owned();
        if !all.iter().any(|(known, _)| *known == id) {
            all.push((id, kind));
        }
    }
    all
}

#[tokio::test]
async fn what_was_written_is_told_after_a_kill_in_its_order() {
    // The receiver is down: its port is known and nobody listens.
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = probe.local_addr().expect("its address");
    drop(probe);
    let site =
        Site::new("http://127.0.0.1:9/bclogout", &handler(&format!("http://{address}/hook")));
    let server = site.serve().await;
    let mut wanted = Vec::new();
    for _ in 0..2 {
        for (command, event) in [("lock", "POST_LOCK_ACCOUNT"), ("enable", "POST_UNLOCK_ACCOUNT")] {
            let (done, text) = site.command(&["user", command, "alex"], "");
            assert!(done, "{text}");
            wanted.push(event.to_owned());
        }
    }
    the_kill_comes_between(&site).await;
    server.kill();
    let server = site.serve().await;
    let inbox = Inbox::at(address).await;
    let came = eventually("all are told", || async {
        let told = told(&inbox.hooks());
        (told.len() >= wanted.len()).then_some(told)
    })
    .await;
    let kinds: Vec<String> = came.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, wanted);
    assert!(server.terminate());
}

/// Between event and handler: the task is there, and no attempt has been successful.
async fn the_kill_comes_between(site: &Site) {
    let path = site.at("/api/sessions/v1/handlers");
    let request = site.http.get(path).basic_auth("admin", Some("admin"));
    let answer = request.send().await.expect("an answer").json::<Value>().await.expect("JSON");
    let items = answer["items"].as_array().expect("items");
    let siem = items.iter().find(|one| one["id"] == "siem").expect("the handler");
    assert!(siem["pending"].as_i64() >= Some(4), "{answer}");
}

#[tokio::test]
async fn a_kill_within_a_webhook_repeats_it_and_loses_nothing() {
    // Takes the request and never answers: the kill comes within it.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("its address");
    let site =
        Site::new("http://127.0.0.1:9/bclogout", &handler(&format!("http://{address}/hook")));
    let server = site.serve().await;
    let mut wanted = Vec::new();
    for (command, event) in [("lock", "POST_LOCK_ACCOUNT"), ("enable", "POST_UNLOCK_ACCOUNT")] {
        assert!(site.command(&["user", command, "alex"], "").0);
        wanted.push(event.to_owned());
    }
    let (stream, _) = silent.accept().await.expect("the request is under way");
    server.kill();
    drop(stream);
    drop(silent);
    let inbox = Inbox::at(address).await;
    let server = site.serve().await;
    let came = eventually("both are told", || async {
        let told = told(&inbox.hooks());
        (told.len() >= wanted.len()).then_some(told)
    })
    .await;
    let kinds: Vec<String> = came.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, wanted);
    assert!(server.terminate());
}
