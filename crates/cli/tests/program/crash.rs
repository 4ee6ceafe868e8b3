//! What was answered survives a kill; what is owed is paid after the restart.

use std::net::TcpListener;

use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{Answer, Browser, claims};
use sojourn_testkit::service_provider::ServiceProvider;

use crate::site::Site;

const ME: &str = "/api/users/v1/me/sessions";

#[tokio::test]
async fn an_answered_end_and_its_delivery_survive_kill_9() {
    // The application is down: its port is known and nobody listens.
    let probe = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = probe.local_addr().expect("its address");
    drop(probe);
    let site = Site::new(&format!("http://{address}/bclogout"), "");
    let server = site.serve().await;
    let tokens = site.tokens().await;
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    let sid = claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].clone();
    assert!(site.active(&access).await);
    assert_eq!(site.api("DELETE", ME).await.status, 204);
    server.kill();

    let server = site.serve().await;
    assert_eq!(site.api("GET", ME).await.json(), serde_json::json!({}));
    assert!(!site.active(&access).await);
    let refresh = tokens["refresh_token"].as_str().expect("a token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let request = site.http.post(site.at("/oauth2/token")).form(&form);
    let refused = request.basic_auth("app", Some("secret")).send().await.expect("an answer");
    assert_eq!(refused.status().as_u16(), 400);
    // The application comes back and is told.
    let inbox = Inbox::at(address).await;
    let told = claims(&inbox.wait_for(1).await[0]);
    assert_eq!(told["sid"], sid);
    assert!(server.terminate(), "a good end");
}

#[tokio::test]
async fn a_saml_logout_that_a_kill_interrupts_is_sent_again() {
    use base64::Engine as _;
    let sp = ServiceProvider::start("https://sp.test").await;
    sp.hold(true);
    let application = "[[application]]\nclient_id = \"https://sp.test\"\nprotocol = \"saml\"\n\
                       saml_metadata = \"sp.xml\"\nfirst_party = true\n";
    let site = Site::new("http://127.0.0.1:9/bclogout", application);
    std::fs::write(site.folder.0.join("sp.xml"), sp.metadata()).expect("written");
    sp.talks_to(&site.at(""));
    let server = site.serve().await;
    let browser = Browser::new(&site.at(""), site.http.clone());
    assert_eq!(browser.sign_in("alex", "alex123").await.status, 303);
    let page = browser.get(&sp.sign_on("_1")).await;
    assert!(page.body.contains("SAMLResponse"), "{page:?}");
    let response = base64::engine::general_purpose::STANDARD.decode(page.field("SAMLResponse"));
    let response = String::from_utf8(response.expect("base64")).expect("UTF-8");
    assert_eq!(site.api("DELETE", ME).await.status, 204);
    // The call hangs, or is still to be made.
    server.kill();
    assert_eq!(sp.requests(), []);

    let server = site.serve().await;
    sp.hold(false);
    let told = sp.wait_for(1).await.remove(0);
    assert!(response.contains(&told.name.value), "{told:?} {response}");
    assert!(response.contains(&format!("SessionIndex=\"{}\"", told.session_indexes[0])));
    assert!(server.terminate(), "a good end");
}

#[tokio::test]
async fn a_job_goes_on_where_a_kill_stopped_it_and_does_nothing_twice() {
    let inbox = Inbox::start().await;
    let site = Site::new(&inbox.uri(), "[throttle]\nper_account = 1000\n");
    let mut server = site.serve().await;
    let mut tokens = Vec::new();
    for _ in 0..9 {
        let all = site.tokens().await;
        tokens.push(all["access_token"].as_str().expect("a token").to_owned());
    }
    let admin = async |method: &str, path: &str, body: &str| {
        let request = site.http.request(method.parse().expect("a method"), site.at(path));
        let request = request.basic_auth("admin", Some("admin")).body(body.to_owned());
        let answer = request.header("content-type", "application/json").send().await;
        Answer::of(answer.expect("an answer")).await
    };
    let body = r#"{"filter": "username eq alex", "rate": 2}"#;
    let begun = admin("POST", "/api/sessions/v1/end", body).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    let path = begun.location().to_owned();
    let progress = async |more_than: i64| {
        eventually("the job moves", || async {
            let job = admin("GET", &path, "").await.json();
            let moved = job["done"].as_i64() > Some(more_than) || job["state"] == "done";
            moved.then_some(job)
        })
        .await
    };
    let mut done = 0;
    let mut kills = 0;
    loop {
        let job = progress(done).await;
        done = job["done"].as_i64().expect("a number");
        if job["state"] == "done" {
            break;
        }
        // Right after a step, whatever it is about to do.
        server.kill();
        kills += 1;
        server = site.serve().await;
        let after = admin("GET", &path, "").await.json();
        assert!(after["done"].as_i64() >= Some(done), "{after}");
    }
    assert!(kills >= 3, "{kills}");
    let job = admin("GET", &path, "").await.json();
    assert_eq!((&job["done"], &job["total"]), (&9.into(), &9.into()), "{job}");
    for token in &tokens {
        assert!(!site.active(token).await);
    }
    let ended =
        admin("GET", "/api/sessions/v1/sessions?filter=end_reason+eq+admin&limit=50", "").await;
    let ended = ended.json();
    let items = ended["items"].as_array().expect("items");
    assert_eq!(items.len(), 9);
    let one_end = items.iter().all(|one| one["end"]["id"] == items[0]["end"]["id"]);
    assert!(one_end, "what a job ends is one end");
    // At least once, for each stay.
    eventually("each application hears of each stay", || async {
        let mut sids: Vec<String> =
            inbox.tokens().iter().map(|token| claims(token)["sid"].to_string()).collect();
        sids.sort_unstable();
        sids.dedup();
        (sids.len() == 9).then_some(())
    })
    .await;
    assert!(server.terminate());
}

#[tokio::test]
async fn many_kills_lose_nothing_that_was_answered() {
    let site = Site::new("http://127.0.0.1:9/bclogout", "");
    let mut ended: Vec<String> = Vec::new();
    for _ in 0..4 {
        let server = site.serve().await;
        let tokens = site.tokens().await;
        let access = tokens["access_token"].as_str().expect("a token").to_owned();
        for old in &ended {
            assert!(!site.active(old).await, "an ended one stays ended");
        }
        assert!(site.active(&access).await);
        assert_eq!(site.api("DELETE", ME).await.status, 204);
        server.kill();
        ended.push(access);
    }
    let server = site.serve().await;
    for old in &ended {
        assert!(!site.active(old).await);
    }
    assert!(server.terminate());
}
