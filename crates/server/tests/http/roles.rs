//! What a role change does to sessions, at once and in large.

use sojourn_engine::directory::{RoleChange, RoleRemoval};
use sojourn_engine::{Authority, HandlerSettings, RoleDirection};
use sojourn_model::{EndReason, EventName, SessionState, Subject};
use sojourn_testkit::inbox::Inbox;
use sojourn_testkit::program::eventually;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

#[tokio::test]
async fn a_role_taken_away_ends_sessions_tokens_and_stays_at_once() {
    for engine in Engine::BOTH {
        let inbox = Inbox::start().await;
        let server = TestServer::on(engine, |_| {}).await;
        let alex = server.user("alex", "alex123", &["staff"]).await;
        let uri = inbox.uri();
        server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "app", "openid offline_access").await;
        let role = server.engine.role_named(&server.tenant, "staff").await.expect("the role");
        let ended = server
            .engine
            .change_role(&server.tenant, &role, &alex, RoleChange::Unassign, &Authority::system())
            .await
            .expect("changed");
        assert_eq!((ended.sessions, ended.grants, ended.deliveries), (1, 1, 1));
        let access = tokens["access_token"].as_str().expect("a token");
        assert!(!server.active("app", access).await, "offline grants too: it is the account's");
        inbox.wait_for(1).await;
        let ledger = server.ledger(1).await;
        assert!(matches!(
            &ledger[0].state,
            SessionState::Ended { reason: EndReason::RoleChanged, .. }
        ));
        let store = server.engine.reads(server.tenant.id);
        let subject = Subject::User(alex.id);
        let events = store.events(subject, 0, 99).await.expect("read");
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(
            names,
            [
                EventName::PostAddUser.as_str(),
                EventName::PostUpdateRoleListOfUser.as_str(),
                EventName::AuthenticationSuccess.as_str(),
                EventName::SessionCreate.as_str(),
                EventName::SessionTerminate.as_str(),
                EventName::PostUpdateRoleListOfUser.as_str(),
            ]
        );
        assert!(events[5].data.contains("\"DELETED_ROLES\":[\"staff\"]"), "{}", events[5].data);
        let again = server
            .engine
            .change_role(&server.tenant, &role, &alex, RoleChange::Unassign, &Authority::system())
            .await;
        assert!(again.is_err(), "Alex hasn't got it any more");
        server.stop().await;
    }
}

#[tokio::test]
async fn the_handler_s_direction_is_kept() {
    for (on, after_assign, after_unassign) in [
        (RoleDirection::Any, false, false),
        (RoleDirection::Added, false, true),
        (RoleDirection::Removed, true, false),
    ] {
        let server = TestServer::with(|settings| {
            let events = settings.handlers[0].subscriptions.clone();
            settings.handlers[0] = HandlerSettings::session_termination(events, on);
        })
        .await;
        let alex = server.user("alex", "alex123", &[]).await;
        let actor = sojourn_engine::Authority::system();
        let role = server.engine.add_role(&server.tenant, "staff", "", &actor).await.expect("role");
        for (what, lives) in
            [(RoleChange::Assign, after_assign), (RoleChange::Unassign, after_unassign)]
        {
            let browser = server.signed_in("alex", "alex123").await;
            let tenant = &server.tenant;
            server.engine.change_role(tenant, &role, &alex, what, &actor).await.expect("changed");
            assert_eq!(browser.get("/myaccount").await.status == 200, lives, "{on:?} {what:?}");
        }
    }
}

#[tokio::test]
async fn a_role_of_many_is_removed_by_a_job_that_goes_on() {
    for engine in Engine::BOTH {
        let server = TestServer::on(engine, |_| {}).await;
        let actor = sojourn_engine::Authority::system();
        let tenant = &server.tenant;
        let role = server.engine.add_role(tenant, "crowd", "", &actor).await.expect("role");
        let mut browsers = Vec::new();
        for n in 0..130 {
            let name = format!("user-{n}");
            let user = server.user(&name, "password", &["crowd"]).await;
            if n % 40 == 0 {
                browsers.push((user, server.signed_in(&name, "password").await));
            }
        }
        let removal = server.engine.remove_role(tenant, &role, &actor).await.expect("removed");
        let RoleRemoval::Job(id) = removal else { panic!("{removal:?}") };
        let rights = server.engine.rights_of_user(tenant.id, browsers[0].0.id).await.expect("read");
        assert!(!rights.is_administrator());
        eventually("the job is done", || async {
            let job = server.engine.reads(tenant.id).job(id).await.expect("read")?;
            (job.state == sojourn_model::JobState::Done).then_some(job)
        })
        .await;
        let job = server.engine.reads(tenant.id).job(id).await.expect("read").expect("the job");
        assert_eq!((job.done, job.total), (130, 130));
        assert_eq!(server.engine.reads(tenant.id).role(role.id).await, Ok(None));
        for (_, browser) in &browsers {
            assert_ne!(browser.get("/myaccount").await.status, 200, "{engine:?}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn a_small_role_is_removed_in_one_transaction() {
    let server = TestServer::start().await;
    let alex = server.user("alex", "alex123", &["staff"]).await;
    let browser = server.signed_in("alex", "alex123").await;
    let role = server.engine.role_named(&server.tenant, "staff").await.expect("the role");
    let actor = sojourn_engine::Authority::system();
    let removal = server.engine.remove_role(&server.tenant, &role, &actor).await.expect("removed");
    assert!(matches!(removal, RoleRemoval::Done(ended) if ended.sessions == 1));
    assert_ne!(browser.get("/myaccount").await.status, 200);
    let subject = Subject::Role(role.id);
    let events = server.engine.reads(server.tenant.id).events(subject, 0, 9).await.expect("read");
    let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["POST_ADD_ROLE", "POST_UPDATE_USER_LIST_OF_ROLE", "POST_DELETE_ROLE"]);
    assert!(events[1].data.contains(&alex.id.to_string()));
}

#[tokio::test]
async fn article_000_in_the_console_by_role_and_by_its_removal() {
    let inbox = Inbox::start().await;
    let server = TestServer::start().await;
    server.user("admin", "admin12", &["admin"]).await;
    let alex = server.user("alex", "alex123", &["staff"]).await;
    let uri = inbox.uri();
    server.app("app", |app| app.backchannel_logout_uri = Some(uri)).await;
    let admin = server.signed_in("admin", "admin12").await;
    let role = server.engine.role_named(&server.tenant, "staff").await.expect("staff");
    for (number, way) in ["user", "role"].into_iter().enumerate() {
        let browser = server.signed_in("alex", "alex123").await;
        let tokens = server.tokens(&browser, "app", "openid").await;
        let path = match way {
            "user" => format!("/console/users/{}/roles/{}/remove", alex.id, role.id),
            _ => format!("/console/roles/{}/remove", role.id),
        };
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200, "{page:?}");
        let done = admin.post(&path, &[("csrf", &*page.field("csrf"))]).await;
        assert_eq!(done.status, 303, "{done:?}");
        assert_eq!(browser.get("/myaccount").await.status, 303, "{way}");
        assert!(!server.active("app", tokens["access_token"].as_str().expect("one")).await);
        inbox.wait_for(number + 1).await;
        if way == "user" {
            let page = admin.get(&format!("/console/users/{}", alex.id)).await;
            let role_id = role.id.to_string();
            let form = [("csrf", &*page.field("csrf")), ("role", &*role_id)];
            let path = format!("/console/users/{}/roles/assign", alex.id);
            assert_eq!(admin.post(&path, &form).await.status, 303);
        }
    }
    server.stop().await;
}
