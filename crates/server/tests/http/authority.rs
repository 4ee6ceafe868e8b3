//! Rights: which use case asks for which, the same for every face.

use std::collections::BTreeSet;
use std::pin::Pin;

use serde_json::{Value, json};
use sojourn_engine::directory::{
    GroupWrite, LogoChange, Members, NewTenant, NewUser, RoleChange, RoleWrite,
};
use sojourn_engine::ending::{EndRequest, EndTargets};
use sojourn_engine::scim::{ListQuery, Page, ScimFailure, UserEdit, Writing};
use sojourn_engine::sign_up::NewCode;
use sojourn_engine::{Authority, EndPlan, Engine, EngineError, Right, Rights};
use sojourn_model::{
    Actor, AppId, EndReason, EndTarget, GrantId, GroupId, JobId, PolicyScope, Role, RoleId,
    RoleState, SessionId, SessionPolicy, Sid, SignUp, SigningAlg, Subject, TaskState, Tenant,
    TenantId, Terms, User, UserId, UserState,
};
use sojourn_scim::Projection;
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine as Database;

/// What a use case is tried on.
struct On {
    tenant: Tenant,
    /// Somebody who isn't there.
    nobody: User,
    /// Somebody who may do everything.
    boss: User,
    /// A role that isn't there and permits nothing.
    role: Role,
}

type Done<'a> = Pin<Box<dyn Future<Output = Result<(), EngineError>> + Send + 'a>>;
type Try = for<'a> fn(&'a Engine, &'a On, &'a Authority) -> Done<'a>;

fn scim<T>(done: Result<T, ScimFailure>) -> Result<(), EngineError> {
    match done {
        Ok(_) => Ok(()),
        Err(ScimFailure::Failed(error)) => Err(error),
        Err(ScimFailure::Refused(why)) => Err(EngineError::Invalid(format!("{why:?}"))),
    }
}

macro_rules! cases {
    ($($name:literal: $right:ident, |$engine:ident, $on:ident, $by:ident| $call:expr;)*) => {
        &[$(($name, Right::$right, (|$engine, $on, $by| {
            Box::pin(async move { $call.await.map(|_| ()) })
        }) as Try),)*]
    };
}

fn named(name: &str) -> RoleWrite {
    RoleWrite { name: Some(name.into()), ..RoleWrite::default() }
}

fn no_terms() -> Terms {
    Terms { version: String::new(), url: String::new() }
}

fn no_code() -> NewCode {
    NewCode { label: String::new(), uses: 0, lifetime_ms: 0 }
}

fn body() -> Value {
    json!({})
}

async fn writing(
    engine: &Engine,
    on: &On,
    by: &Authority,
    deletes: bool,
) -> Result<(), EngineError> {
    let writing = Writing { by, own: false, fresh: false, if_match: None };
    let id = on.nobody.id;
    if deletes {
        return scim(engine.delete_user(&on.tenant, id, &writing).await);
    }
    scim(engine.edit_user(&on.tenant, id, UserEdit::Replace(&body()), &writing).await)
}

async fn ending(
    engine: &Engine,
    on: &On,
    by: &Authority,
    preview: bool,
) -> Result<(), EngineError> {
    let request = EndRequest::new(EndTargets::Role("nobody's".into()), by.clone());
    if preview {
        return engine.preview(&on.tenant, &request).await.map(|_| ());
    }
    engine.end(&on.tenant, &request).await.map(|_| ())
}

/// A plan that ends everything of a user, in the name of who asks for it.
fn all_of(user: &User, by: &Authority) -> EndPlan {
    EndPlan::new(EndTarget::User(user.id), EndReason::Admin, by.actor())
}

fn tenant_of(name: &str) -> NewTenant {
    NewTenant { name: name.into(), owner: NewUser::default() }
}

/// Every use case that takes an [`Authority`], the right that it asks for, and a call that changes nothing.
const CASES: &[(&str, Right, Try)] = cases! {
    "give_up_delivery": SessionDeliveryManage, |e, on, by|
        e.give_up_delivery(&on.tenant, SessionId([9; 32]), Sid([9; 16]), by);
    "resend_delivery": SessionDeliveryManage, |e, on, by|
        e.resend_delivery(&on.tenant, SessionId([9; 32]), Sid([9; 16]), by);
    "create_application": ApplicationCreate, |e, on, by|
        e.create_application(&on.tenant, &serde_json::Map::new(), by);
    "change_application": ApplicationUpdate, |e, on, by|
        e.change_application(&on.tenant, no_app(), (&serde_json::Map::new(), true), by);
    "remove_application": ApplicationDelete, |e, on, by|
        e.remove_application(&on.tenant, no_app(), by);
    "rotate_application_secret": ApplicationUpdate, |e, on, by|
        e.rotate_application_secret(&on.tenant, no_app(), (0, None), by);
    "drop_previous_secret": ApplicationUpdate, |e, on, by|
        e.drop_previous_secret(&on.tenant, (no_app(), None), by);
    "add_group": GroupCreate, |e, on, by| e.add_group(&on.tenant, "", None, &[], by);
    "change_group": GroupUpdate, |e, on, by|
        e.change_group(&on.tenant, no_group(), &GroupWrite::default(), by);
    "remove_group": GroupDelete, |e, on, by| e.remove_group(&on.tenant, no_group(), None, by);
    "set_sign_up": ConfigUpdate, |e, on, by|
        e.set_sign_up(&on.tenant, SignUp { terms: Some(no_terms()), ..SignUp::default() }, by);
    "add_sign_up_code": ConfigUpdate, |e, on, by| e.add_sign_up_code(&on.tenant, no_code(), by);
    "remove_sign_up_code": ConfigUpdate, |e, on, by| e.remove_sign_up_code(&on.tenant, [0; 32], by);
    "asked_deletions": UserDelete, |e, on, by| e.asked_deletions(&on.tenant, by);
    "decline_deletion": UserDelete, |e, on, by| e.decline_deletion(&on.tenant, &on.nobody, by);
    "agree_to_deletion": UserDelete, |e, on, by| e.agree_to_deletion(&on.tenant, &on.nobody, by);
    "sign_up_codes": ConfigView, |e, on, by| e.sign_up_codes(&on.tenant, by);
    "set_look": ConfigUpdate, |e, on, by|
        e.set_look(&on.tenant, ("", "not a colour"), LogoChange::Keep, by);
    "add_role": RoleCreate, |e, on, by| e.add_role(&on.tenant, "", "", by);
    "add_role_with": RoleCreate, |e, on, by| e.add_role_with(&on.tenant, &named(""), by);
    "change_role": RoleUpdate, |e, on, by|
        e.change_role(&on.tenant, &on.role, &on.nobody, RoleChange::Unassign, by);
    "change_role_set": RoleUpdate, |e, on, by|
        e.change_role_set(&on.tenant, on.role.id, &named("new"), by);
    "remove_role": RoleDelete, |e, on, by| e.remove_role(&on.tenant, &on.role, by);
    "add_tenant": TenantCreate, |e, _on, by| e.add_tenant(tenant_of(""), by);
    "set_tenant_enabled": TenantUpdate, |e, on, by|
        e.set_tenant_enabled(&on.tenant, false, by);
    "remove_tenant": TenantDelete, |e, on, by| e.remove_tenant(&on.tenant, by);
    "add_user": UserCreate, |e, on, by| e.add_user(&on.tenant, NewUser::default(), by);
    "add_user_with": UserCreate, |e, on, by|
        e.add_user_with(&on.tenant, NewUser::default(), None, by);
    "reset_password": UserUpdate, |e, on, by|
        e.reset_password(&on.tenant, &on.nobody, "", by);
    "demand_new_password": UserUpdate, |e, on, by|
        e.demand_new_password(&on.tenant, &on.nobody, by);
    "invite": UserUpdate, |e, on, by| e.invite(&on.tenant, &on.nobody, by);
    "end_wait": UserUpdate, |e, on, by| e.end_wait(&on.tenant, &on.nobody, by);
    "reset_factors": UserUpdate, |e, on, by| e.reset_factors(&on.tenant, &on.nobody, by);
    "secure_account": UserUpdate, |e, on, by| e.secure_account(&on.tenant, &on.nobody, by);
    "set_user_state": UserUpdate, |e, on, by|
        e.set_user_state(&on.tenant, &on.nobody, UserState::Disabled, by);
    "update_user": UserUpdate, |e, on, by| e.update_user(&on.tenant, &on.nobody, &[], by);
    "remove_user": UserDelete, |e, on, by| e.remove_user(&on.tenant, &on.nobody, by);
    "end": SessionDelete, |e, on, by| ending(e, on, by, false);
    "preview": SessionDelete, |e, on, by| ending(e, on, by, true);
    "end_sessions": SessionDelete, |e, on, by|
        e.end_sessions(&on.tenant, all_of(&on.nobody, by), by);
    "preview_end": SessionDelete, |e, on, by|
        e.preview_end(&on.tenant, all_of(&on.nobody, by), by);
    "cancel_job": SessionDelete, |e, on, by| e.cancel_job(&on.tenant, JobId([9; 16]), by);
    "rotate_key": ConfigUpdate, |e, on, by| e.rotate_key(&on.tenant, SigningAlg::Rs256, by);
    "rotate_saml_key": ConfigUpdate, |e, on, by|
        e.rotate_saml_key(&on.tenant, SigningAlg::Rs256, None, by);
    "replace_keys": ConfigUpdate, |e, on, by| e.replace_keys(&on.tenant, SigningAlg::Es256, by);
    "set_policy": SessionPolicyUpdate, |e, on, by| {
        let policy = SessionPolicy { max_sessions: Some(0), ..SessionPolicy::default() };
        e.set_policy(&on.tenant, PolicyScope::User(on.nobody.id), policy, by)
    };
    "settle_handler_task": EventHandlerManage, |e, on, by| {
        let task = (Subject::User(on.nobody.id), 1);
        e.settle_handler_task(&on.tenant, "sessionTermination", task, TaskState::Pending, by)
    };
    "list_users": UserList, |e, on, by| list(e, on, by, "users");
    "list_groups": GroupList, |e, on, by| list(e, on, by, "groups");
    "list_roles": RoleList, |e, on, by| list(e, on, by, "roles");
    "create_user": UserCreate, |e, on, by|
        async { scim(e.create_user(&on.tenant, &body(), by).await) };
    "edit_user": UserUpdate, |e, on, by| writing(e, on, by, false);
    "delete_user": UserDelete, |e, on, by| writing(e, on, by, true);
    "create_group": GroupCreate, |e, on, by|
        async { scim(e.create_group(&on.tenant, &json!({"displayName": " "}), by).await) };
    "replace_group": GroupUpdate, |e, on, by| async {
        let sent = (&json!({"displayName": "x"}), None);
        scim(e.replace_group(&on.tenant, no_group(), sent, by).await)
    };
    "patch_group": GroupUpdate, |e, on, by| async {
        scim(e.patch_group(&on.tenant, no_group(), (&patch(), None), by).await)
    };
    "delete_group": GroupDelete, |e, on, by|
        async { scim(e.delete_group(&on.tenant, no_group(), None, by).await) };
    "create_role": RoleCreate, |e, on, by|
        async { scim(e.create_role(&on.tenant, &json!({"displayName": " "}), by).await) };
    "replace_role": RoleUpdate, |e, on, by| async {
        let sent = (&json!({"displayName": "x"}), None);
        scim(e.replace_role(&on.tenant, on.role.id, sent, by).await)
    };
    "patch_role": RoleUpdate, |e, on, by| async {
        scim(e.patch_role(&on.tenant, on.role.id, (&patch(), None), by).await)
    };
    "delete_role": RoleDelete, |e, on, by|
        async { scim(e.delete_role(&on.tenant, on.role.id, None, by).await) };
};

fn patch() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "displayName", "value": "x" }],
    })
}

fn no_app() -> AppId {
    AppId::from_slice(&[9; 16]).expect("an id")
}

fn no_group() -> GroupId {
    GroupId::from_slice(&[9; 16]).expect("an id")
}

async fn list(engine: &Engine, on: &On, by: &Authority, what: &str) -> Result<(), EngineError> {
    let query = ListQuery {
        filter: None,
        sort_by: None,
        descending: false,
        page: Page::Index { start: 1, count: 1 },
        shown: Projection::default(),
    };
    scim(match what {
        "users" => engine.list_users(&on.tenant, &query, by).await,
        "groups" => engine.list_groups(&on.tenant, &query, by).await,
        _ => engine.list_roles(&on.tenant, &query, by).await,
    })
}

/// Names of the engine's functions that take an authority, or a request that carries one.
fn in_the_source() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from("../engine/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source file");
            for function in text.split("pub async fn ").skip(1) {
                let (name, rest) = function.split_once('(').expect("parameters");
                let parameters = rest.split_once(") ->").map_or(rest, |(inside, _)| inside);
                let carried = ["by: &Authority", "request: &EndRequest", "writing: &Writing"];
                if carried.iter().any(|one| parameters.contains(one)) {
                    names.insert(name.to_owned());
                }
            }
        }
    }
    names
}

#[tokio::test]
async fn every_use_case_asks_for_its_right_and_no_other() {
    // Read what is asked of someone else, and of requests: they check nothing of their own.
    let parts = ["must_cover", "forecast", "remember_answer"];
    let known: BTreeSet<String> = CASES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    let mut there = in_the_source();
    there.retain(|name| !parts.contains(&&**name));
    assert_eq!(there, known, "a use case without a row, or a row without one");

    let server = TestServer::start().await;
    let boss = server.user("boss", "boss-1234", &["admin"]).await;
    server.second_tenant("second").await;
    let engine = &server.engine;
    let gone = UserId::random(&sojourn_crypto::SystemRng);
    let caller = UserId::random(&sojourn_crypto::SystemRng);
    let on = On {
        tenant: server.tenant.clone(),
        nobody: User { username: "nobody".into(), ..User::deleted(server.tenant.id, gone) },
        boss,
        role: Role {
            tenant: server.tenant.id,
            id: RoleId::from_slice(&[9; 16]).expect("an id"),
            name: "nobody's".into(),
            permissions: String::new(),
            state: RoleState::Active,
            epoch: 0,
            version: 1,
            created_at: engine.now(),
            updated_at: engine.now(),
            external_id: None,
        },
    };
    let with = |tenant: TenantId, right: Right| {
        Authority::user(tenant, caller, None, Rights::of_scopes(right.as_scope()))
    };
    for (name, needed, call) in CASES {
        for right in Right::ALL {
            let done = call(engine, &on, &with(server.tenant.id, *right)).await;
            let allowed = Rights::of_scopes(right.as_scope()).has(*needed);
            let forbidden = done == Err(EngineError::Forbidden);
            assert_eq!(!forbidden, allowed, "{name} with {right:?}: {done:?}");
        }
        let elsewhere = Authority::user(TenantId(2), caller, None, Rights::everything());
        let done = call(engine, &on, &elsewhere).await;
        assert_eq!(done, Err(EngineError::Forbidden), "{name} from another tenant");
    }
    // Nobody reaches someone who may do more.
    let above = On { nobody: on.boss.clone(), ..on };
    let people = [
        "reset_password",
        "demand_new_password",
        "invite",
        "end_wait",
        "reset_factors",
        "secure_account",
        "set_user_state",
        "update_user",
        "remove_user",
        "edit_user",
        "delete_user",
        "set_policy",
        "settle_handler_task",
        "change_role",
        "end_sessions",
        "preview_end",
    ];
    for (name, needed, call) in CASES.iter().filter(|(name, ..)| people.contains(name)) {
        let done = call(engine, &above, &with(server.tenant.id, *needed)).await;
        assert_eq!(done, Err(EngineError::Forbidden), "{name} of someone above");
    }
    server.stop().await;
}

#[tokio::test]
async fn everyone_ends_their_own_sessions_and_nothing_in_another_name() {
    let server = TestServer::start().await;
    let (engine, tenant) = (&server.engine, &server.tenant);
    let alex = server.user("alex", "alex-secret-123", &[]).await;
    server.second_tenant("second").await;
    server.signed_in("alex", "alex-secret-123").await;
    let sessions = engine.sessions_of_user(tenant, alex.id).await.expect("sessions");
    let id = sessions[0].session.id;
    let nothing = Rights::of_scopes("");
    let own = Authority::user(tenant.id, alex.id, None, nothing.clone());
    let one =
        |by: &Authority| EndPlan::new(EndTarget::Session(alex.id, id), EndReason::User, by.actor());
    // The same id of another tenant, someone else's name, and a grant whose owner the plan doesn't say.
    let stranger = Authority::user(TenantId(2), alex.id, None, nothing);
    let mut named = one(&own);
    named.actor = Actor::Operator;
    let target = EndTarget::Grant(GrantId([9; 16]));
    let grant = EndPlan::new(target, EndReason::User, own.actor());
    for (plan, by) in [(one(&stranger), &stranger), (named, &own), (grant, &own)] {
        let done = engine.end_sessions(tenant, plan, by).await;
        assert_eq!(done, Err(EngineError::Forbidden));
    }
    let done = engine.end_sessions(tenant, one(&own), &own).await.expect("their own");
    assert_eq!(done.summary.sessions, 1);
    server.stop().await;
}

#[tokio::test]
async fn the_last_administrator_stays_whatever_way_is_tried() {
    for database in Database::BOTH {
        let server = TestServer::on(database, |_| {}).await;
        let (engine, tenant) = (&server.engine, &server.tenant);
        let people = [
            server.user("first", "first-123", &["admin"]).await,
            server.user("second", "second-123", &["admin"]).await,
        ];
        let by = Authority::operator();
        let admin = engine.role_named(tenant, Role::ADMIN).await.expect("the role");
        let protected = |done: Result<(), EngineError>, what: &str| {
            let right = matches!(done, Err(EngineError::Protected(_)));
            assert!(right, "{database:?} {what}: {done:?}");
        };
        // Both at the same time: exactly one of the two changes is rejected.
        let take = |user: &User| {
            let (admin, user, by) = (admin.clone(), user.clone(), by.clone());
            async move {
                let what = RoleChange::Unassign;
                engine.change_role(tenant, &admin, &user, what, &by).await.map(|_| ())
            }
        };
        let (one, two) = tokio::join!(take(&people[0]), take(&people[1]));
        assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
        let last = usize::from(one.is_ok());
        let user = people[last].clone();
        protected(if last == 1 { two } else { one }, "both at once");
        protected(take(&user).await, "the role");
        for state in [UserState::Disabled, UserState::Locked] {
            protected(engine.set_user_state(tenant, &user, state, &by).await, "the state");
        }
        protected(engine.remove_user(tenant, &user, &by).await, "the account");
        protected(engine.remove_role(tenant, &admin, &by).await.map(|_| ()), "the role itself");
        // By SCIM and the Console, with words that say why.
        let path = format!("/scim2/Users/{}", user.id);
        let password = format!("{}-123", user.username);
        let who = (&*user.username, &*password);
        let off = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "replace", "path": "active", "value": false }],
        });
        for (method, sent) in [("PATCH", &off), ("DELETE", &json!({}))] {
            let answer = server.send(method, &path, who, sent).await;
            assert_eq!(answer.status, 400, "{database:?} {method}: {}", answer.body);
            assert_eq!(answer.json()["scimType"], "mutability");
        }
        let browser = server.signed_in(who.0, who.1).await;
        let page = browser.get(&format!("/console/users/{}/acts/disable", user.id)).await;
        let form = [("csrf", &*page.field("csrf"))];
        let done = browser.post(&format!("/console/users/{}/acts/disable", user.id), &form).await;
        assert_eq!(done.status, 409);
        assert!(done.body.contains("nobody who may do everything"), "{}", done.body);
        // By a group: its role, its members, itself.
        let group = engine.add_group(tenant, "chiefs", None, &[user.id], &by).await.expect("made");
        let carry = RoleWrite { groups_add: vec![group.id], ..RoleWrite::default() };
        engine.change_role_set(tenant, admin.id, &carry, &by).await.expect("carried");
        take(&user).await.expect("they have it by the group");
        let drop = RoleWrite { groups_remove: vec![group.id], ..RoleWrite::default() };
        let done = engine.change_role_set(tenant, admin.id, &drop, &by).await.map(|_| ());
        protected(done, "what a group carries");
        let members = Members::Change { add: vec![], remove: vec![user.id] };
        let leave = GroupWrite { members, ..GroupWrite::default() };
        let done = engine.change_group(tenant, group.id, &leave, &by).await.map(|_| ());
        protected(done, "who is in the group");
        let done = engine.remove_group(tenant, group.id, None, &by).await;
        protected(done, "the group itself");
        // Once there is another one, everything goes.
        let other = people[1 - last].clone();
        engine.change_role(tenant, &admin, &other, RoleChange::Assign, &by).await.expect("given");
        engine.remove_group(tenant, group.id, None, &by).await.expect("removed");
        engine.remove_user(tenant, &user, &by).await.expect("removed");
        server.stop().await;
    }
}

/// What was served by one face and refused by another.
#[tokio::test]
async fn a_user_with_list_and_view_is_served_by_scim_and_the_console() {
    let server = TestServer::start().await;
    let by = Authority::operator();
    let permits = "internal_user_mgt_list internal_user_mgt_view";
    server.engine.add_role(&server.tenant, "reader", permits, &by).await.expect("a role");
    let reader = server.user("reader", "reader-123", &["reader"]).await;
    let who = ("reader", "reader-123");
    let browser = server.signed_in(who.0, who.1).await;
    assert_eq!(server.api("GET", "/scim2/Users", who).await.status, 200);
    let list = browser.get("/console/users").await;
    assert_eq!(list.status, 200);
    assert!(!list.body.contains("Add a user"), "what they may not do isn't offered");
    let path = format!("/scim2/Users/{}", reader.id);
    assert_eq!(server.api("GET", &path, who).await.status, 200);
    let one = browser.get(&format!("/console/users/{}", reader.id)).await;
    assert_eq!(one.status, 200);
    for act in ["/acts/lock", "/acts/remove", "/profile"] {
        assert!(!one.body.contains(act), "{act} isn't offered");
        let path = format!("/console/users/{}{act}", reader.id);
        assert_eq!(browser.get(&path).await.status, 403, "{act}");
    }
    assert_eq!(server.send("DELETE", &path, who, &json!({})).await.status, 403);
    assert_eq!(browser.get("/console/groups").await.status, 403);
    server.stop().await;
}
