//! What a stranger can't do to others: fill the password hashes with guesses at applications' secrets, or the database
//! with registrations.

use futures_util::future::join_all;
use serde_json::json;
use sojourn_engine::{RegistrationLimits, RegistrationMode};
use sojourn_testkit::server::{CALLBACK, TestServer};
use sojourn_testkit::store::Engine;

#[tokio::test]
async fn guesses_at_an_application_s_secret_are_bounded_and_hold_up_nobody() {
    for database in Engine::BOTH {
        let server = TestServer::on(database, |_| {}).await;
        server.app("chosen", |app| app.secret = Some("chosen by a person".into())).await;
        for n in 0..8 {
            server.user(&format!("person-{n}"), "password", &[]).await;
        }
        let ask = async |secret: &str| {
            let form = [("token", "soj_at_nothing")];
            server.post("/oauth2/introspect", Some(("chosen", secret)), &form).await
        };
        assert_eq!(ask("chosen by a person").await.status, 200);
        let guesses: Vec<String> = (0..60).map(|n| format!("guess {n}")).collect();
        let guesses = join_all(guesses.iter().map(|guess| ask(guess)));
        let sign_ins = (0..8).map(async |n| {
            server.browser().sign_in(&format!("person-{n}"), "password").await.status
        });
        let (answers, signed_in) = tokio::join!(guesses, join_all(sign_ins));
        assert!(signed_in.iter().all(|status| *status == 303), "{database:?}: {signed_in:?}");
        let wrong = answers.iter().filter(|answer| answer.status == 401).count();
        let limited: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
        assert!(wrong <= 10, "{database:?}: {wrong}");
        assert!(limited.len() >= 40, "{database:?}: {}", limited.len());
        assert_eq!(limited[0].json()["error"], "temporarily_unavailable");
        assert!(!limited[0].header("retry-after").is_empty());
        // The right one is as good as a guess until the window is over.
        assert_eq!(ask("chosen by a person").await.status, 429, "{database:?}");
        server.clock.advance(5 * 60_000 + 1);
        assert_eq!(ask("chosen by a person").await.status, 200, "{database:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_clock_that_was_ahead_for_a_while_shuts_nobody_out() {
    for database in Engine::BOTH {
        let server = TestServer::on(database, |_| {}).await;
        server.user("cleo", "password", &[]).await;
        server.clock.advance(365 * 24 * 3_600_000);
        for _ in 0..12 {
            server.browser().sign_in("cleo", "wrong").await;
        }
        assert_eq!(server.browser().sign_in("cleo", "password").await.status, 429);
        server.clock.advance(-365 * 24 * 3_600_000);
        assert_eq!(server.browser().sign_in("cleo", "password").await.status, 303, "{database:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn open_registration_is_bounded_and_its_origins_are_known_at_once() {
    for database in Engine::BOTH {
        let server = TestServer::on(database, |settings| {
            settings.registration = RegistrationMode::Open;
            settings.registrations = RegistrationLimits { per_address: 3, in_all: 100 };
        })
        .await;
        let register = async |n: usize| {
            let document =
                json!({ "redirect_uris": [CALLBACK, format!("https://App{n}.test:443/cb")] });
            let request = server.http.post(format!("{}/connect/register", server.base));
            request.json(&document).send().await.expect("an answer")
        };
        let allowed = async |origin: &str| {
            let request = server.http.get(format!("{}/oauth2/userinfo", server.base));
            let answer = request.header("origin", origin).send().await.expect("an answer");
            answer.headers().get("access-control-allow-origin").is_some()
        };
        assert!(!allowed("https://app0.test").await);
        for n in 0..3 {
            assert_eq!(register(n).await.status(), 201, "{database:?}");
        }
        assert!(allowed("https://app0.test").await, "{database:?}");
        assert!(allowed("https://app.test").await, "{database:?}");
        assert!(!allowed("https://other.test").await, "{database:?}");
        let refused = register(3).await;
        assert_eq!(refused.status(), 429, "{database:?}");
        server.clock.advance(3_600_001);
        assert_eq!(register(4).await.status(), 201, "{database:?}");
        server.stop().await;
    }
}
