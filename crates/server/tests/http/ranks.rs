//! Whoever may not end someone's session brings its end about, or stops it, by no detour.

use serde_json::json;
use sojourn_engine::directory::{GroupWrite, Members, RoleWrite};
use sojourn_engine::{Authority, EndPlan, EngineError};
use sojourn_model::operation::JobChange;
use sojourn_model::{
    Actor, EndReason, EndTarget, JobId, NewJob, Op, PolicyScope, SessionPolicy, UserId,
};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const LESSER: (&str, &str) = ("lesser", "password");

/// An administrator who may do nearly everything, and one above.
async fn prepared(database: Engine) -> (TestServer, UserId) {
    let server = TestServer::on(database, |_| {}).await;
    let engine = &server.engine;
    let (tenant, system) = (server.tenant.clone(), Authority::system());
    let rights = "internal_session_view internal_session_delete internal_session_policy_update \
                  internal_session_delivery_manage internal_role_mgt internal_group_mgt \
                  internal_user_mgt internal_event_handler_manage internal_config_update";
    engine.add_role(&tenant, "lesser", rights, &system).await.expect("a role");
    server.user("lesser", "password", &["lesser"]).await;
    let boss = server.user("boss", "password", &["admin", "staff"]).await;
    server.user("cleo", "password", &["staff"]).await;
    (server, boss.id)
}

#[tokio::test]
async fn no_policy_role_group_or_job_reaches_someone_above() {
    for database in Engine::BOTH {
        let (server, boss) = prepared(database).await;
        let (engine, tenant) = (&server.engine, server.tenant.clone());
        let lesser = engine.user_named(&tenant, "lesser").await.expect("there").id;
        let actor = engine.authority_of(&tenant, lesser, None).await.expect("read");
        let cleo = engine.user_named(&tenant, "cleo").await.expect("there").id;
        let role = async |name: &str| engine.role_named(&tenant, name).await.expect("there");
        let (admin, staff) = (role("admin").await, role("staff").await);
        let group =
            engine.add_group(&tenant, "all", None, &[boss, cleo], &Authority::system()).await;
        let group = group.expect("a group");
        let carry = RoleWrite { groups_add: vec![group.id], ..RoleWrite::default() };
        let carried =
            engine.add_role(&tenant, "carried", "", &Authority::system()).await.expect("a role");
        engine
            .change_role_set(&tenant, carried.id, &carry, &Authority::system())
            .await
            .expect("carried");
        let tight = SessionPolicy { max_sessions: Some(1), ..SessionPolicy::default() };
        let forbidden = |done: Result<(), EngineError>, what: &str| {
            assert_eq!(done, Err(EngineError::Forbidden), "{database:?}: {what}");
        };
        for (scope, what) in [
            (PolicyScope::Tenant, "the tenant's policy"),
            (PolicyScope::Role(admin.id), "a policy of the role admin"),
            (PolicyScope::Role(staff.id), "a policy of a role that someone above has"),
            (PolicyScope::Role(carried.id), "a policy of a role by way of a group"),
            (PolicyScope::Group(group.id), "a policy of their group"),
            (PolicyScope::User(boss), "a policy of their own"),
        ] {
            forbidden(engine.set_policy(&tenant, scope, tight, &actor).await, what);
        }
        engine.set_policy(&tenant, PolicyScope::User(cleo), tight, &actor).await.expect("allowed");
        let session = server.signed_in("boss", "password").await;
        let leave = |users: Vec<UserId>| Members::Change { add: vec![], remove: users };
        let write = RoleWrite { members: leave(vec![boss]), ..RoleWrite::default() };
        let done = engine.change_role_set(&tenant, staff.id, &write, &actor).await.map(|_| ());
        forbidden(done, "taking them out of a role");
        let write = RoleWrite { groups_remove: vec![group.id], ..RoleWrite::default() };
        let done = engine.change_role_set(&tenant, carried.id, &write, &actor).await.map(|_| ());
        forbidden(done, "taking a role from their group");
        let members = leave(vec![boss]);
        let write = GroupWrite { name: None, external_id: None, members, if_version: None };
        let done = engine.change_group(&tenant, group.id, &write, &actor).await.map(|_| ());
        forbidden(done, "taking them out of a group");
        forbidden(engine.remove_group(&tenant, group.id, None, &actor).await, "removing a group");
        let done = engine.remove_role(&tenant, &staff, &actor).await.map(|_| ());
        forbidden(done, "removing a role");
        // By the faces, too.
        let body = json!({ "max_sessions": 1 });
        let path = "/api/sessions/v1/policies/tenant";
        assert_eq!(server.send("PUT", path, LESSER, &body).await.status, 403, "{database:?}");
        let path = format!("/scim2/v2/Roles/{}", staff.id);
        let remove = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "remove", "path": format!("users[value eq \"{boss}\"]") }],
        });
        assert_eq!(server.send("PATCH", &path, LESSER, &remove).await.status, 403, "{database:?}");
        assert_eq!(session.get("/myaccount").await.status, 200, "{database:?}: it lives");
        // A job of someone above is brought to its end.
        let id = JobId(sojourn_testkit::store::bytes());
        let job = NewJob {
            id,
            kind: sojourn_model::JobKind::EndSessions,
            payload: "{}".into(),
            total: 1,
            actor: Actor::User(boss),
            at: engine.now().plus(3_600_000),
        };
        let change = sojourn_model::ChangeSet::of(tenant.id, Op::Job(JobChange::Add(job)));
        server.store.apply(change).await.expect("written");
        forbidden(engine.cancel_job(&tenant, id, &actor).await.map(|_| ()), "cancelling a job");
        let own = engine.authority_of(&tenant, boss, None).await.expect("read");
        engine.cancel_job(&tenant, id, &own).await.expect("their own");
        // And whoever is covered is reached as before.
        let plan = EndPlan::new(EndTarget::User(cleo), EndReason::Admin, actor.actor());
        engine.end_sessions(&tenant, plan, &Authority::system()).await.expect("ended");
        let write = RoleWrite { members: leave(vec![cleo]), ..RoleWrite::default() };
        engine.change_role_set(&tenant, staff.id, &write, &actor).await.expect("allowed");
        server.stop().await;
    }
}
