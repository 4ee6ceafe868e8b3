//! Back-channel logout: what is sent, to whom, and until when.

use sojourn_model::DeliveryState;
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::{TestServer, claims, jwt_header};
use sojourn_testkit::store::Engine;

async fn prepared(engine: Engine, inbox: &Inbox) -> TestServer {
    let server = TestServer::on(engine, |_| {}).await;
    server.user("alex", "alex123", &[]).await;
    let uri = inbox.uri();
    server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
    server
}

async fn end_all(server: &TestServer) {
    let answer = server.api("DELETE", "/api/users/v1/me/sessions", ("alex", "alex123")).await;
    assert_eq!(answer.status, 204);
}

async fn settled(server: &TestServer, state: DeliveryState) -> sojourn_model::Delivery {
    eventually("the delivery is settled", || async {
        let all = server.engine.reads(server.tenant.id).deliveries(9).await.expect("read");
        all.into_iter().find(|delivery| delivery.state == state)
    })
    .await
}

#[tokio::test]
async fn a_logout_token_has_what_the_specification_wants() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = prepared(engine, &inbox).await;
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "app", "openid").await;
        let id = claims(tokens["id_token"].as_str().expect("an ID token"));
        end_all(&server).await;
        assert!(!server.active("app", tokens["access_token"].as_str().expect("a token")).await);
        let token = inbox.wait_for(1).await.remove(0);
        let keys = server.engine.keys(server.tenant.id).await.expect("keys");
        let told = sojourn_crypto::verify_jwt(keys.all(), "logout+jwt", &token).expect("signed");
        assert_eq!(jwt_header(&token)["typ"], "logout+jwt");
        assert_eq!((&told["iss"], &told["aud"]), (&id["iss"], &id["aud"]));
        assert_eq!((&told["sub"], &told["sid"]), (&id["sub"], &id["sid"]));
        assert_eq!(told["exp"].as_i64(), told["iat"].as_i64().map(|iat| iat + 120));
        assert_eq!(
            told["events"],
            serde_json::json!({"http://schemas.openid.net/event/backchannel-logout": {}})
        );
        assert!(told.get("nonce").is_none());
        let delivery = settled(&server, DeliveryState::Delivered).await;
        assert_eq!(delivery.last_jti.as_deref(), told["jti"].as_str());
        server.stop().await;
    }
}

#[tokio::test]
async fn one_token_for_each_session_and_each_sid_its_own() {
    let inbox = Inbox::start().await;
    let server = prepared(Engine::Sqlite, &inbox).await;
    let mut sids = Vec::new();
    for _ in 0..3 {
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "app", "openid").await;
        sids.push(claims(tokens["id_token"].as_str().expect("an ID token"))["sid"].clone());
    }
    end_all(&server).await;
    let mut told: Vec<String> =
        inbox.wait_for(3).await.iter().map(|token| claims(token)["sid"].to_string()).collect();
    let mut wanted: Vec<String> = sids.iter().map(ToString::to_string).collect();
    told.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(told, wanted);
}

#[tokio::test]
async fn it_is_tried_again_with_a_fresh_token_until_accepted() {
    let inbox = Inbox::start().await;
    inbox.answer(&[500, 302, 400]);
    let server = prepared(Engine::Sqlite, &inbox).await;
    let browser = server.signed_in("alex", "alex123").await;
    server.tokens(&browser, "app", "openid").await;
    end_all(&server).await;
    for tries in 1..=4 {
        inbox.wait_for(tries).await;
        eventually("the attempt is written", || async {
            let all = server.engine.reads(server.tenant.id).deliveries(9).await.expect("read");
            (all[0].attempts >= i64::try_from(tries).expect("small")).then_some(())
        })
        .await;
        server.clock.advance(3_600_000);
    }
    let delivery = settled(&server, DeliveryState::Delivered).await;
    assert_eq!(delivery.attempts, 4);
    let mut jtis: Vec<String> =
        inbox.tokens().iter().map(|token| claims(token)["jti"].to_string()).collect();
    jtis.dedup();
    assert_eq!(jtis.len(), 4, "each attempt has its own");
}

#[tokio::test]
async fn three_refusals_are_final_and_a_hand_can_send_again() {
    let inbox = Inbox::start().await;
    inbox.answer(&[400, 400, 400]);
    let server = prepared(Engine::Sqlite, &inbox).await;
    server.user("admin", "admin12", &["admin"]).await;
    let browser = server.signed_in("alex", "alex123").await;
    server.tokens(&browser, "app", "openid").await;
    end_all(&server).await;
    for tries in 1..=3 {
        inbox.wait_for(tries).await;
        eventually("the attempt is written", || async {
            let all = server.engine.reads(server.tenant.id).deliveries(9).await.expect("read");
            (all[0].attempts >= i64::try_from(tries).expect("small")).then_some(())
        })
        .await;
        server.clock.advance(600_000);
    }
    let refused = settled(&server, DeliveryState::Refused).await;
    let admin = server.signed_in("admin", "admin12").await;
    let csrf = admin.get("/console/deliveries").await.field("csrf");
    let path = format!("/console/sessions/{}/deliveries/{}/resend", refused.session, refused.sid);
    assert_eq!(admin.post(&path, &[("csrf", &csrf)]).await.status, 303);
    settled(&server, DeliveryState::Delivered).await;
}

#[tokio::test]
async fn nobody_there_for_a_day_is_given_up() {
    let inbox = Inbox::start().await;
    let uri = inbox.uri();
    drop(inbox);
    let server = TestServer::start().await;
    server.user("alex", "alex123", &[]).await;
    server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
    let browser = server.signed_in("alex", "alex123").await;
    server.tokens(&browser, "app", "openid").await;
    end_all(&server).await;
    eventually("a first attempt", || async {
        let all = server.engine.reads(server.tenant.id).deliveries(9).await.expect("read");
        (all[0].attempts > 0).then_some(())
    })
    .await;
    server.clock.advance(86_400_000);
    let dead = settled(&server, DeliveryState::Dead).await;
    assert!(dead.last_error.is_some());
    let metrics = server.browser().get("/metrics").await.body;
    assert!(metrics.contains("sojourn_delivery_attempts_total{result=\"dead\"} 1"), "{metrics}");
    assert!(metrics.contains("sojourn_deliveries_pending 0"));
}

#[tokio::test]
async fn who_signs_out_sees_what_each_application_answered() {
    let (well, broken) = (Inbox::start().await, Inbox::start().await);
    let server = prepared(Engine::Sqlite, &well).await;
    let uri = broken.uri();
    server.app("shop", |app| app.backchannel_logout_uri = Some(uri)).await;
    server.app("silent", |_| {}).await;
    let framed = |app: &mut sojourn_engine::directory::NewApplication| {
        app.settings.oidc.frontchannel_logout_uri = Some("https://framed.test/out".into());
    };
    broken.answer(&[503; 9]);
    let leave = async |clients: &[&str]| {
        let browser = server.signed_in("alex", "alex123").await;
        for client in clients {
            server.tokens(&browser, client, "openid").await;
        }
        let csrf = browser.get("/myaccount").await.field("csrf");
        let left = browser.post("/logout", &[("csrf", &csrf)]).await;
        (browser, left)
    };
    let (browser, left) = leave(&["app", "shop", "silent"]).await;
    assert!(left.location().starts_with("/signed-out?of="), "{left:?}");
    well.wait_for(1).await;
    broken.wait_for(1).await;
    let page = eventually("the application that answered is shown", || async {
        let page = browser.get(left.location()).await;
        page.body.contains("state delivered").then_some(page)
    })
    .await;
    let said = page.body.replace(['\n', '\r'], " ");
    let state_of = |app: &str| {
        let line =
            said.split(&format!("<span>{app}</span>")).nth(1).unwrap_or_else(|| panic!("{said}"));
        let tag = line.split("data-receipt>").nth(1).expect("a receipt");
        tag.split('<').next().expect("its words").to_owned()
    };
    assert_eq!(state_of("app"), "signed out");
    assert_eq!(state_of("shop"), "signing out …");
    assert_eq!(state_of("silent"), "doesn&#39;t accept sign-outs");
    assert!(
        page.body.contains("Check the other applications") && !page.body.contains("My Account<")
    );
    // Whoever has the address alone sees names and answers for half an hour; nothing opens another session's.
    assert_eq!(server.browser().get(left.location()).await.status, 200);
    let other = left.location().replace("/signed-out?of=soj_in_A", "/signed-out?of=soj_in_B");
    assert_eq!(server.browser().get(&other).await.status, 404);
    server.clock.advance(31 * 60_000);
    assert_eq!(browser.get(left.location()).await.status, 404);
    // With a frame, one line says both; nobody to tell is said too.
    server.app("framed", framed).await;
    let (_, left) = leave(&["framed"]).await;
    assert_eq!(left.status, 200);
    assert_eq!(left.body.matches("data-sid=").count(), 1, "{}", left.body);
    assert!(
        left.body.contains("<iframe src=\"https://framed.test/out")
            && !left.body.contains("takes no")
    );
    let (browser, left) = leave(&[]).await;
    assert!(
        browser.get(left.location()).await.body.contains("used any applications in this session")
    );
    server.stop().await;
}

#[tokio::test]
async fn the_console_lists_deliveries_by_state_and_application_page_by_page() {
    let well = Inbox::start().await;
    let server = prepared(Engine::Sqlite, &well).await;
    server.user("admin", "admin12", &["admin"]).await;
    server.user("boss", "boss123", &["admin"]).await;
    let silent = server.app("silent", |_| {}).await;
    for _ in 0..55 {
        server.clock.advance(1);
        let browser = server.signed_in("alex", "alex123").await;
        server.tokens(&browser, "app", "openid").await;
    }
    let browser = server.signed_in("alex", "alex123").await;
    server.tokens(&browser, "silent", "openid").await;
    end_all(&server).await;
    eventually("all are settled", || async {
        // Whoever was too slow once is told again.
        server.clock.advance(1_000);
        let (waiting, _) = server.engine.reads(server.tenant.id).deliveries_open().await.ok()?;
        (waiting == 0).then_some(())
    })
    .await;
    let admin = server.signed_in("admin", "admin12").await;
    let count = |body: &str| body.matches("<tr class=\"delivery\"").count();
    let first = admin.get("/console/deliveries?state=delivered").await;
    assert_eq!(count(&first.body), 50);
    let older = first.body.split("rel=\"next\" href=\"").nth(1).expect("a next page");
    let older = older.split('"').next().expect("its end").replace("&#38;", "&");
    assert!(older.contains("state=delivered"), "{older}");
    let second = admin.get(&older).await;
    assert_eq!((second.status, count(&second.body)), (200, 5));
    let other = older.replace("state=delivered", "state=dead");
    assert_eq!(admin.get(&other).await.status, 400, "a page of another question");
    let of_silent = admin.get(&format!("/console/deliveries?application={}", silent.id)).await;
    assert!(count(&of_silent.body) == 1 && of_silent.body.contains("no address"));
    assert!(
        admin.get("/console/deliveries?state=pending").await.body.contains("No deliveries match")
    );
    server.stop().await;
}
