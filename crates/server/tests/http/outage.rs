//! The database goes away and comes back: what needs none answers, the rest says so in time, and all is well at once
//! when it is there again.

use std::time::Duration;

use sojourn_store::{PostgresOptions, PostgresTimes, Store};
use sojourn_testkit::cut::{Cut, Line};
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Folder;

async fn server() -> (TestServer, Cut) {
    let cut = Cut::before(&sojourn_testkit::postgres::empty_database().await).await;
    let ms = Duration::from_millis;
    let times = PostgresTimes {
        wait: ms(400),
        connect: ms(400),
        read: ms(400),
        write: ms(800),
        commit: ms(400),
        silence: ms(400),
    };
    let options = PostgresOptions { times, ..PostgresOptions::new(cut.url(), 4) };
    let store = Store::open_postgres(&options).await.expect("a store");
    (TestServer::over((store, Folder::new()), |_| {}, |_| {}).await, cut)
}

async fn status(server: &TestServer, path: &str) -> u16 {
    server.browser().get(path).await.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_no_database_answers_and_the_rest_says_so_in_time() {
    let (server, cut) = server().await;
    server.user("cleo", "password", &[]).await;
    server.app("app", |_| {}).await;
    let free = [
        "/health/live",
        "/metrics",
        "/oauth2/jwks",
        "/.well-known/openid-configuration",
        "/t/carbon.super/.well-known/openid-configuration",
        "/assets/style.css",
    ];
    for path in free {
        assert_eq!(status(&server, path).await, 200, "{path}");
    }
    let browser = server.signed_in("cleo", "password").await;
    let tokens = server.tokens(&browser, "app", "openid").await;
    let access = tokens["access_token"].as_str().expect("a token").to_owned();
    for line in [Line::Silent, Line::Broken] {
        cut.be(line);
        // What is kept in memory is too old by now.
        server.clock.advance(2_000);
        // Many at once, more than there are connections: each is answered before its client gives up.
        let asked = (0..20).map(|_| {
            let (server, access) = (&server, access.as_str());
            async move { server_post(server, &[("token", access)]).await }
        });
        let refused = futures_util::future::join_all(asked).await;
        assert!(refused.iter().all(|status| *status == 503), "{line:?}: {refused:?}");
        for path in free {
            assert_eq!(status(&server, path).await, 200, "{line:?} {path}");
        }
        // The outcome of a check is reused for half a second.
        eventually("not ready", async || {
            (status(&server, "/health/ready").await == 503).then_some(())
        })
        .await;
        assert_eq!(browser.get("/myaccount").await.status, 503, "{line:?}");
        cut.be(Line::Whole);
        eventually("ready again", async || {
            (status(&server, "/health/ready").await == 200).then_some(())
        })
        .await;
        assert!(server.active("app", &access).await, "{line:?}: nothing was lost");
        assert_eq!(browser.get("/myaccount").await.status, 200, "{line:?}");
    }
}

async fn server_post(server: &TestServer, form: &[(&str, &str)]) -> u16 {
    server.post("/oauth2/introspect", Some(("app", "secret")), form).await.status
}
