//! What the overview says first: applications that don't follow.

use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

#[tokio::test]
async fn applications_that_refuse_or_are_away_come_first() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        inbox.answer(&[400; 20]);
        let server = TestServer::on(engine, |_| {}).await;
        // A clock that stands still is soon wrong, and the overview says so.
        server.clock.go_to_now();
        server.user("admin", "admin12", &["admin"]).await;
        server.user("alex", "alex123", &[]).await;
        let admin = server.signed_in("admin", "admin12").await;
        let overview = async || admin.get("/console").await.body;
        assert!(overview().await.contains("Nothing needs your attention."));
        let uri = inbox.uri();
        server.app("payroll", |new| new.backchannel_logout_uri = Some(uri)).await;
        // A port at which nobody listens: it was free a moment ago.
        let port = sojourn_testkit::program::free_ports(1);
        let gone = format!("http://127.0.0.1:{port}/logout");
        server.app("reports", |new| new.backchannel_logout_uri = Some(gone)).await;
        let browser = server.signed_in("alex", "alex123").await;
        for app in ["payroll", "reports"] {
            server.tokens(&browser, app, "openid").await;
        }
        let csrf = browser.get("/myaccount").await.field("csrf");
        browser.post("/logout", &[("csrf", &csrf)]).await;
        let page = eventually("both are known", || async {
            // A refusal counts after some attempts.
            server.clock.advance(60_000);
            let page = overview().await;
            (page.contains("payroll refused")
                && page.contains("reports doesn&#39;t accept notices"))
            .then_some(page)
        })
        .await;
        assert!(
            page.contains("payroll refused 1 notice in the last 24 hours, with status 400."),
            "{page}"
        );
        assert!(page.contains(": 1 notice waiting since "), "{page}");
        assert!(!page.contains("Nothing needs your attention."), "{page}");
        // A day later the refusal is over, and what waits still does.
        server.clock.advance(24 * 3_600_000 + 1);
        let admin = server.signed_in("admin", "admin12").await;
        let page = admin.get("/console").await.body;
        assert!(!page.contains("payroll refused"), "{page}");
        server.stop().await;
    }
}
