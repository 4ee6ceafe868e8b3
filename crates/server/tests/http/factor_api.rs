//! Factors by the REST API: one's own, somebody else's, and the rights that it takes.

use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

use crate::factors::{ALEX, enrol, server};

const ME: &str = "/api/users/v1/me";

async fn clerk(
    server: &TestServer,
    name: &'static str,
    scopes: &str,
) -> (&'static str, &'static str) {
    let by = sojourn_engine::Authority::system();
    server.engine.add_role(&server.tenant, name, scopes, &by).await.expect("a role");
    server.user(name, "password", &[name]).await;
    (name, "password")
}

#[tokio::test]
async fn people_see_their_own_and_administrators_by_their_rights() {
    let server = server().await;
    let browser = server.signed_in(ALEX.0, ALEX.1).await;
    let check = server.api("GET", &format!("{ME}/security-check"), ALEX).await.json();
    assert_eq!(check["advice"], serde_json::json!(["add_factor"]), "{check}");
    enrol(&server, &browser).await;
    let alex = server.engine.user_named(&server.tenant, ALEX.0).await.expect("alex");
    let theirs = format!("/api/users/v1/{}/factors", alex.id);
    let secure = format!("/api/users/v1/{}/secure", alex.id);
    // A password alone is refused to who has a second factor.
    assert_eq!(server.api("GET", &format!("{ME}/factors"), ALEX).await.status, 401);
    let viewer = clerk(&server, "viewer", "internal_user_factor_view").await;
    let desk = clerk(
        &server,
        "desk",
        "internal_user_mgt_update internal_user_factor_reset internal_user_secure",
    )
    .await;
    // A program that changes accounts doesn't reach past second factors.
    let sync = clerk(&server, "sync", "internal_user_mgt").await;
    let reader = clerk(&server, "reader", "internal_user_mgt_list").await;
    for (who, may_see, may_reset) in [
        (viewer, 200, 403),
        (desk, 403, 204),
        (reader, 403, 403),
        (sync, 403, 403),
        (("boss", "boss-123"), 200, 204),
    ] {
        let seen = server.api("GET", &theirs, who).await;
        assert_eq!(seen.status, may_see, "{who:?} {seen:?}");
        if may_see == 200 && who.0 == "viewer" {
            let seen = seen.json();
            assert_eq!(seen["factors"][0]["kind"], "totp", "{seen}");
            assert_eq!(seen["recoveryCodesLeft"], 10, "{seen}");
            assert!(!seen.to_string().contains("secret"), "{seen}");
        }
        if may_reset == 403 {
            assert_eq!(server.api("DELETE", &theirs, who).await.status, 403, "{who:?}");
            assert_eq!(server.api("POST", &secure, who).await.status, 403, "{who:?}");
        }
    }
    assert_eq!(server.api("DELETE", &theirs, desk).await.status, 204);
    let left = server.engine.factors(&server.tenant, alex.id).await.expect("read");
    assert_eq!((left.factors.len(), left.codes_left), (0, 0));
    assert_eq!(
        server.api("GET", &format!("{ME}/factors"), ALEX).await.json()["factors"],
        serde_json::json!([])
    );
    let other = server.signed_in(ALEX.0, ALEX.1).await;
    assert_eq!(server.api("POST", &secure, desk).await.status, 204);
    assert_eq!(other.get("/myaccount").await.status, 303, "everything ended");
    assert_eq!(server.api("GET", &format!("{ME}/factors"), ALEX).await.status, 401);
    // Somebody above, nobody, and another tenant's.
    let boss = server.engine.user_named(&server.tenant, "boss").await.expect("boss");
    let above = format!("/api/users/v1/{}/factors", boss.id);
    assert_eq!(server.api("DELETE", &above, desk).await.status, 403);
    let nobody = format!("/api/users/v1/{}/factors", uuid_of_nobody());
    assert_eq!(server.api("GET", &nobody, viewer).await.status, 404);
    server.stop().await;
}

fn uuid_of_nobody() -> &'static str {
    "00000000-0000-4000-8000-000000000000"
}

/// An account of another tenant isn't there.
#[tokio::test]
async fn another_tenants_account_is_not_there() {
    let server = TestServer::on(Engine::Sqlite, |_| {}).await;
    let other = server.second_tenant("other.example").await;
    let stranger = server.user_in(&other, "zoe", "password", &[]).await;
    server.user("boss", "boss-123", &["admin"]).await;
    for (method, what) in [("GET", "factors"), ("DELETE", "factors"), ("POST", "secure")] {
        let path = format!("/api/users/v1/{}/{what}", stranger.id);
        assert_eq!(server.api(method, &path, ("boss", "boss-123")).await.status, 404, "{path}");
    }
    server.stop().await;
}
