//! Guessing, and people who don't.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sojourn_engine::{Offload, ThrottleLimits};
use sojourn_model::limits::HASH_QUEUE_MAX;
use sojourn_testkit::program::{client_from, eventually};
use sojourn_testkit::server::{Browser, TestServer};
use sojourn_testkit::store::Engine;

const OFFICE: &str = "127.0.0.2";
const HOME: &str = "127.0.0.3";
const STRANGER: &str = "127.0.0.4";
const OTHER_STRANGER: &str = "127.0.0.5";

async fn server(engine: Engine, per_account: i64, per_address: i64) -> TestServer {
    TestServer::on(engine, |settings| {
        settings.throttle = ThrottleLimits { per_account, per_address, window_ms: 300_000 };
    })
    .await
}

fn browser(server: &TestServer, address: &str) -> Browser {
    Browser::new(&server.base, client_from(address))
}

#[tokio::test]
async fn a_stranger_locks_nobody_out() {
    for engine in Engine::BOTH {
        let server = server(engine, 5, 1_000).await;
        server.user("cleo", "cleo-123", &[]).await;
        let own = browser(&server, OFFICE);
        assert_eq!(own.sign_in("cleo", "cleo-123").await.status, 303);
        let stranger = browser(&server, STRANGER);
        for _ in 0..5 {
            assert_eq!(stranger.sign_in("cleo", "wrong").await.status, 401);
        }
        assert_eq!(stranger.sign_in("cleo", "wrong").await.status, 429);
        let other = browser(&server, OTHER_STRANGER);
        assert_eq!(
            other.sign_in("cleo", "cleo-123").await.status,
            429,
            "all strangers have one budget"
        );
        // A browser that the account knows, wherever it is by now, and an address that it knows.
        let cookie = own.cookie("__Host-sojourn-browser").expect("a browser cookie");
        let own_at_home = browser(&server, HOME);
        own_at_home.set_cookie("__Host-sojourn-browser", &cookie);
        assert_eq!(own_at_home.sign_in("cleo", "cleo-123").await.status, 303);
        assert_eq!(browser(&server, OFFICE).sign_in("cleo", "cleo-123").await.status, 303);
        let basic = client_from(OFFICE).get(format!("{}/scim2/Me", server.base));
        let basic = basic.basic_auth("cleo", Some("cleo-123")).send().await.expect("an answer");
        assert_eq!(basic.status(), 200, "without a browser as well");
        let basic = client_from(OTHER_STRANGER).get(format!("{}/scim2/Me", server.base));
        let basic = basic.basic_auth("cleo", Some("wrong")).send().await.expect("an answer");
        assert_eq!(basic.status(), 429);
        // Their budgets end as well.
        for _ in 0..5 {
            assert_eq!(own.sign_in("cleo", "wrong").await.status, 401);
        }
        assert_eq!(own.sign_in("cleo", "cleo-123").await.status, 429);
        server.clock.advance(300_001);
        assert_eq!(own.sign_in("cleo", "cleo-123").await.status, 303);
        assert_eq!(other.sign_in("cleo", "cleo-123").await.status, 303);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_office_signs_in_and_a_guesser_in_it_is_slowed_down() {
    let server = server(Engine::Sqlite, 10, 20).await;
    for n in 0..60 {
        server.user(&format!("user-{n}"), &format!("word-{n}"), &[]).await;
    }
    for n in 0..60 {
        let signed_in = browser(&server, OFFICE);
        let signed_in = signed_in.sign_in(&format!("user-{n}"), &format!("word-{n}")).await;
        assert_eq!(signed_in.status, 303, "person {n}: {signed_in:?}");
    }
    let guesser = browser(&server, OFFICE);
    for n in 0..20 {
        assert_eq!(guesser.sign_in(&format!("guess-{n}"), "password").await.status, 401, "{n}");
        // One good account gives no more tries at others.
        assert_eq!(guesser.sign_in("user-0", "word-0").await.status, 303);
    }
    assert_eq!(guesser.sign_in("guess-20", "password").await.status, 429);
    let person = browser(&server, OFFICE).sign_in("user-7", "word-7").await;
    assert_eq!(person.status, 303, "an account that has signed in from here");
    let elsewhere = browser(&server, HOME).sign_in("user-8", "word-8").await;
    assert_eq!(elsewhere.status, 303, "nor anyone at another address");
    server.stop().await;
}

#[tokio::test]
async fn a_page_says_when_no_mail_is_written() {
    let server = TestServer::with(|settings| {
        settings.resets_by_mail = true;
        settings.throttle = ThrottleLimits { per_account: 2, per_address: 100, window_ms: 300_000 };
    })
    .await;
    server.user("cleo", "cleo-123", &[]).await;
    for (n, name) in ["cleo", "nobody"].into_iter().enumerate() {
        let asking = browser(&server, STRANGER);
        for status in [200, 200, 429, 429] {
            let page = asking.get("/forgot").await;
            let form = [("csrf", &*page.field("csrf")), ("username", name)];
            let answer = asking.post("/forgot", &form).await;
            assert_eq!(answer.status, status, "{n}: {answer:?}");
            assert_eq!(answer.body.contains("we have sent it a link"), status == 200, "{answer:?}");
        }
    }
    server.stop().await;
}

/// An office in which everybody signs in at once: attempts that the server is too busy for aren't counted.
#[tokio::test]
async fn a_crowd_that_the_server_is_too_busy_for_is_not_shut_out() {
    const CROWD: usize = 150;
    let server = TestServer::start().await;
    server.user("cleo", "cleo-123", &[]).await;
    for number in 0..40 {
        server.user(&format!("person-{number}"), "person-123", &[]).await;
    }
    // All places but one are taken, until the gate opens.
    let (gate, closed) = (Arc::new(AtomicBool::new(false)), HASH_QUEUE_MAX - 1);
    let wait = |_| {
        let (pool, gate) = (Arc::clone(&server.hashes), Arc::clone(&gate));
        tokio::spawn(async move {
            let until_open = move || {
                while !gate.load(Ordering::Acquire) {
                    std::thread::park_timeout(std::time::Duration::from_millis(1));
                }
            };
            pool.run(Box::new(until_open)).await
        })
    };
    let taken: Vec<_> = (0..closed).map(wait).collect();
    eventually("the places are taken", || async {
        (server.hashes.waiting() == closed).then_some(())
    })
    .await;
    let one = |browser: Browser| async move { browser.sign_in("cleo", "cleo-123").await.status };
    let named = |number: usize| {
        let browser = server.browser();
        async move { browser.sign_in(&format!("person-{number}"), "person-123").await.status }
    };
    // They find a place free when they come; one of them gets it.
    let at_once: Vec<_> = (0..40).map(|number| tokio::spawn(named(number))).collect();
    eventually("the last one too", || async { (server.hashes.waiting() > closed).then_some(()) })
        .await;
    // More than the budgets of the account and of the address.
    for _ in 0..CROWD {
        assert_eq!(one(server.browser()).await, 503);
    }
    gate.store(true, Ordering::Release);
    let mut in_time = 0;
    for answer in at_once {
        let status = answer.await.expect("an answer");
        assert!([303, 503].contains(&status), "{status}");
        in_time += u64::from(status == 303);
    }
    assert!(in_time >= 1);
    for place in taken {
        assert!(place.await.expect("work"));
    }
    assert_eq!(one(server.browser()).await, 303);
    server.stop().await;
}
