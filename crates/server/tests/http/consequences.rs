//! What ends sessions says so in numbers first.

use sojourn_engine::Authority;
use sojourn_engine::directory::RoleWrite;
use sojourn_testkit::server::{Answer, Browser, TestServer};
use sojourn_testkit::store::Engine;

const POLICY: &str = "/api/sessions/v1/policies/tenant";
const ALEX: (&str, &str) = ("alex", "alex123");
const BEN: (&str, &str) = ("ben", "ben12345");
const ADMIN: (&str, &str) = ("admin", "admin12");

async fn post(browser: &Browser, path: &str, form: &[(&str, &str)]) -> Answer {
    let csrf = browser.get("/console").await.field("csrf");
    browser.post(path, &[&[("csrf", &*csrf)], form].concat()).await
}

#[tokio::test]
async fn changes_of_groups_and_roles_ask_before_sessions_end() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        server.user(ADMIN.0, ADMIN.1, &["admin"]).await;
        let alex = server.user(ALEX.0, ALEX.1, &[]).await;
        server.user(BEN.0, BEN.1, &[]).await;
        let by = Authority::system();
        let group =
            server.engine.add_group(&server.tenant, "couriers", None, &[alex.id], &by).await;
        let group = group.expect("a group").id;
        let write = RoleWrite {
            name: Some("courier".into()),
            groups_add: vec![group],
            ..RoleWrite::default()
        };
        let role = server.engine.add_role_with(&server.tenant, &write, &by).await.expect("a role");
        let any = serde_json::json!({ "on_role_change": "any" });
        assert_eq!(server.send("PUT", POLICY, ADMIN, &any).await.status, 200);
        let admin = server.signed_in(ADMIN.0, ADMIN.1).await;
        let path = format!("/console/groups/{group}");
        let (role_id, alex_id) = (role.id.to_string(), alex.id.to_string());
        for (act, field, title, (name, password)) in [
            ("leave", ("user", &*alex_id), "Remove alex from the group couriers?", ALEX),
            ("join", ("username", "ben"), "Add ben to the group couriers?", BEN),
            ("drop", ("role", &*role_id), "Remove the role courier from the group couriers?", BEN),
        ] {
            let who = server.signed_in(name, password).await;
            let asked = post(&admin, &path, &[("act", act), field]).await;
            assert_eq!(asked.status, 200, "{act} {asked:?}");
            assert!(asked.body.contains(title), "{act} {asked:?}");
            assert!(asked.body.contains("Sessions that end: up to 1 session"), "{act} {asked:?}");
            assert_eq!(who.get("/myaccount").await.status, 200, "{act}: nothing happened yet");
            let (csrf, confirmed) = (asked.field("csrf"), asked.field("confirmed"));
            let form = [("csrf", &*csrf), ("confirmed", &confirmed), ("act", act), field];
            let done = admin.post(&path, &form).await;
            assert_eq!((done.status, done.location()), (303, &*path), "{act} {done:?}");
            assert_eq!(who.get("/myaccount").await.status, 303, "{act}: the session ended");
        }
        // A role that is given directly.
        let path = format!("/console/users/{}/roles/assign", alex.id);
        server.signed_in(ALEX.0, ALEX.1).await;
        let asked = post(&admin, &path, &[("role", &role_id)]).await;
        assert!(asked.body.contains("Assign the role courier to alex?"), "{asked:?}");
        let form = [("csrf", &*asked.field("csrf")), ("confirmed", "1"), ("role", &*role_id)];
        assert_eq!(admin.post(&path, &form).await.status, 303);
        // Where nothing ends, nothing is asked.
        let nothing = serde_json::json!({ "on_role_change": "nothing" });
        assert_eq!(server.send("PUT", POLICY, ADMIN, &nothing).await.status, 200);
        let path = format!("/console/groups/{group}");
        let done = post(&admin, &path, &[("act", "carry"), ("role", &role_id)]).await;
        assert_eq!(done.status, 303, "{done:?}");
        server.stop().await;
    }
}
