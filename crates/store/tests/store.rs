//! The store suite: each test runs on an empty database of either engine.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails loudly")]

use sojourn_model::operation::DeliveryChange;
use std::sync::Arc;

use sojourn_model::grant::CodeState;
use sojourn_model::operation::Purge;
use sojourn_model::{
    ChangeSet, EndTarget, EventName, GrantId, Millis, NewEvent, Op, Outcome, Role, RoleId,
    RoleState, Subject, Tenant, TenantId,
};
use sojourn_store::StoreError;
use sojourn_testkit::store::{
    Engine, NOW, T, TestStore, application, bytes, end_of, grant, participation, session, user,
};

macro_rules! on_both {
    ($($name:ident)+) => {
        $(mod $name {
            use super::*;
            #[tokio::test]
            async fn sqlite() {
                super::$name(TestStore::new(Engine::Sqlite).await).await;
            }
            #[tokio::test]
            async fn postgresql() {
                super::$name(TestStore::new(Engine::Postgres).await).await;
            }
        })+
    };
}

on_both! {
    every_statement_prepares
    names_are_unique_and_tenants_apart
    a_session_needs_the_epoch_that_was_read
    a_renewed_secret_replaces_the_old_one_after_its_grace
    touches_only_go_forwards
    a_code_is_redeemed_once
    refreshes_of_one_generation_exclude_each_other
    a_shared_token_moves_when_one_of_its_sessions_ends
    events_are_counted_per_subject
    attempts_are_counted_in_a_window
    change_sets_are_whole_or_nothing_however_many_wait
    a_delivery_is_claimed_by_one_worker_at_a_time
    numbers_of_applications_count_up
    what_is_over_is_purged
}

async fn every_statement_prepares(test: TestStore) {
    let prepared = test.store.prepare_all().await.expect("every statement");
    assert_eq!(prepared, sojourn_store::sql::all().count());
    assert!(prepared > 80);
}

async fn names_are_unique_and_tenants_apart(test: TestStore) {
    let alex = test.user("Alex").await;
    let again = test.store.apply(ChangeSet::of(T, Op::CreateUser(user("ALEX")))).await;
    assert_eq!(again, Ok(Outcome::Duplicate));
    let other = TenantId(2);
    let tenant = Tenant {
        id: other,
        name: "other".into(),
        enabled: true,
        created_at: NOW,
        look: sojourn_model::Look::default(),
        sign_up: sojourn_model::SignUp::default(),
    };
    test.must(ChangeSet::of(other, Op::CreateTenant(tenant))).await;
    test.must(ChangeSet::of(other, Op::CreateUser(user("alex")))).await;
    let found = test.store.user_by_name(T, "aLEX").await.expect("read").expect("found");
    assert_eq!((found.id, found.username.as_str()), (alex, "Alex"));
    assert_eq!(test.store.user(other, alex).await, Ok(None));
    let names = test.store.users_by_prefix(T, "al", None, 10).await.expect("read");
    assert_eq!(names.len(), 1);
    assert!(test.store.users_by_prefix(T, "b", None, 10).await.expect("read").is_empty());
    for name in ["Al", "ale", "alex2", "am"] {
        test.must(ChangeSet::of(T, Op::CreateUser(user(name)))).await;
    }
    let names = async |after: Option<&str>| {
        let found = test.store.users_by_prefix(T, "AL", after, 2).await.expect("read");
        found.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert_eq!(names(None).await, ["Al", "ale"]);
    assert_eq!(names(Some("ALE")).await, ["Alex", "alex2"]);
    assert!(names(Some("alex2")).await.is_empty());
}

async fn a_session_needs_the_epoch_that_was_read(test: TestStore) {
    let alex = test.user("alex").await;
    let first = test.session(alex).await;
    assert!(test.store.session(T, first).await.expect("read").is_some());
    test.must(ChangeSet::of(T, Op::SetPassword { user: alex, hash: "x".into(), epoch: None }))
        .await;
    let late = Op::StartSession { session: session(alex), epoch: 0, limit: None };
    assert_eq!(test.store.apply(ChangeSet::of(T, late)).await, Ok(Outcome::Conflict));
    let listed = test.store.sessions_of_user(T, alex, NOW, 0, 10).await.expect("read");
    assert_eq!(listed.len(), 1, "the late one left nothing behind");
    let off = Op::SetUserState {
        user: alex,
        state: sojourn_model::UserState::Disabled,
        unlock_at: None,
        epoch: None,
    };
    test.must(ChangeSet::of(T, off)).await;
    let disabled = Op::StartSession { session: session(alex), epoch: 2, limit: None };
    assert_eq!(test.store.apply(ChangeSet::of(T, disabled)).await, Ok(Outcome::Conflict));
}

async fn a_renewed_secret_replaces_the_old_one_after_its_grace(test: TestStore) {
    let alex = test.user("alex").await;
    let mut stay = session(alex);
    let first = stay.secret_hash;
    test.must(ChangeSet::of(T, Op::StartSession { session: stay.clone(), epoch: 0, limit: None }))
        .await;
    stay.secret_hash = bytes();
    stay.auth_time = NOW.plus(1000);
    let renew = |from| Op::RenewSession {
        session: stay.clone(),
        from_secret_hash: from,
        previous_until: NOW.plus(30_000),
        epoch: 0,
    };
    test.must(ChangeSet::of(T, renew(first))).await;
    let opened = |hash: [u8; 32], at: i64| {
        let store = test.store.clone();
        async move {
            let found = store.session_by_secret(T, &hash, NOW.plus(at)).await.expect("read");
            found.map(|session| session.id)
        }
    };
    assert_eq!(opened(stay.secret_hash, 0).await, Some(stay.id));
    assert_eq!(opened(first, 29_999).await, Some(stay.id), "other tabs");
    assert_eq!(opened(first, 30_000).await, None);
    assert_eq!(opened(bytes(), 0).await, None);
    // A second renewal from the secret that is gone is a conflict.
    assert_eq!(test.store.apply(ChangeSet::of(T, renew(first))).await, Ok(Outcome::Conflict));
}

async fn touches_only_go_forwards(test: TestStore) {
    let alex = test.user("alex").await;
    let id = test.session(alex).await;
    let touch = |at: i64| {
        let touch = sojourn_model::operation::Touch { session: id, app: None, at: NOW.plus(at) };
        ChangeSet::of(T, Op::Touch(vec![touch]))
    };
    test.must(touch(5000)).await;
    test.must(touch(3000)).await;
    let found = test.store.session(T, id).await.expect("read").expect("there");
    assert_eq!(found.last_access, NOW.plus(5000));
    assert_eq!(found.idle_deadline, NOW.plus(905_000));
}

async fn a_code_is_redeemed_once(test: TestStore) {
    let alex = test.user("alex").await;
    let app = test.app("dispatch").await;
    let session = test.session(alex).await;
    let sid = test.stay(alex, session, app).await;
    let mut wanted = grant(alex, session, app, sid);
    wanted.code = CodeState::Issued {
        redirect_uri: "https://a.test/cb".into(),
        challenge: Some("challenge".into()),
        nonce: Some("n".into()),
    };
    let id = wanted.id;
    let issue = Op::IssueGrant { grant: Box::new(wanted.clone()), now: NOW };
    test.must(ChangeSet::of(T, issue)).await;
    let standing = test.store.standing(T, id, vec![]).await.expect("read").expect("there");
    assert_eq!(standing.grant, wanted);
    assert_eq!(standing.session.map(|s| (s.id, s.ended)), Some((session, false)));
    let redeem =
        || ChangeSet::of(T, Op::RedeemCode { grant: id, at: NOW, refresh: true, expires_at: NOW });
    let tries = (0..8).map(|_| test.store.apply(redeem()));
    let outcomes = futures_util::future::join_all(tries).await;
    let applied = outcomes.iter().filter(|o| matches!(o, Ok(Outcome::Applied(_)))).count();
    assert_eq!(applied, 1, "{outcomes:?}");
    let standing = test.store.standing(T, id, vec![]).await.expect("read").expect("there");
    assert_eq!(standing.grant.code, CodeState::Redeemed);
    assert_eq!((standing.grant.token_number, standing.grant.refresh_generation), (1, 1));
    assert_eq!(test.store.standing(TenantId(2), id, vec![]).await, Ok(None));
    // A code without a row: what its redemption depends on, before and after.
    let late = grant(alex, session, app, sid);
    let before = test.store.code_standing(T, session, app, sid, late.id).await.expect("read");
    let before = before.expect("a living stay");
    assert_eq!((before.user, before.cut, before.redeemed, before.in_use), (alex, 0, false, true));
    let redeem = || {
        let mut redeemed = late.clone();
        redeemed.code = CodeState::Redeemed;
        ChangeSet::of(T, Op::IssueGrant { grant: Box::new(redeemed), now: NOW })
    };
    let tries = (0..8).map(|_| test.store.apply(redeem()));
    let outcomes = futures_util::future::join_all(tries).await;
    let applied = outcomes.iter().filter(|o| matches!(o, Ok(Outcome::Applied(_)))).count();
    assert_eq!(applied, 1, "{outcomes:?}");
    let after = test.store.code_standing(T, session, app, sid, late.id).await.expect("read");
    assert!(after.expect("a living stay").redeemed);
    let elsewhere = test.store.code_standing(TenantId(2), session, app, sid, late.id).await;
    assert_eq!(elsewhere, Ok(None));
    // No grant without a living stay.
    let mut elsewhere = grant(alex, session, app, sid);
    elsewhere.sid = sojourn_model::Sid(bytes());
    let issue = Op::IssueGrant { grant: Box::new(elsewhere), now: NOW };
    assert_eq!(test.store.apply(ChangeSet::of(T, issue)).await, Ok(Outcome::Conflict));
}

async fn refreshes_of_one_generation_exclude_each_other(test: TestStore) {
    let alex = test.user("alex").await;
    let app = test.app("dispatch").await;
    let session = test.session(alex).await;
    let sid = test.stay(alex, session, app).await;
    let id = test.grant(grant(alex, session, app, sid)).await;
    let refresh = || {
        ChangeSet::of(
            T,
            Op::Refresh {
                grant: id,
                from_generation: 1,
                to_generation: 2,
                from_number: 1,
                at: NOW.plus(1000),
                expires_at: NOW.plus(9000),
            },
        )
    };
    let outcomes =
        futures_util::future::join_all((0..8).map(|_| test.store.apply(refresh()))).await;
    let applied = outcomes.iter().filter(|o| matches!(o, Ok(Outcome::Applied(_)))).count();
    let conflicts = outcomes.iter().filter(|o| matches!(o, Ok(Outcome::Conflict))).count();
    assert_eq!((applied, conflicts), (1, 7), "{outcomes:?}");
    let now = test.store.standing(T, id, vec![]).await.expect("read").expect("there").grant;
    assert_eq!((now.refresh_generation, now.token_number), (2, 2));
    assert_eq!(now.refresh_issued_at, NOW.plus(1000));
}

async fn a_shared_token_moves_when_one_of_its_sessions_ends(test: TestStore) {
    let alex = test.user("alex").await;
    let app = test.app("dispatch").await;
    let first = test.session(alex).await;
    let second = test.session(alex).await;
    let mut grants = std::collections::BTreeMap::new();
    for session in [first, second] {
        let sid = test.stay(alex, session, app).await;
        grants.insert(session, test.grant(grant(alex, session, app, sid)).await);
    }
    let shared = GrantId(bytes());
    let issue = |id, from_number, session| Op::IssueSharedToken {
        grant: grants.get(&session).copied().expect("granted"),
        id,
        user: alex,
        app,
        scopes: "openid".into(),
        from_number,
        at: NOW,
        lifetime_ms: 3_600_000,
        session,
    };
    test.must(ChangeSet::of(T, issue(shared, 0, first))).await;
    let twice = test.store.apply(ChangeSet::of(T, issue(GrantId(bytes()), 0, second))).await;
    assert_eq!(twice, Ok(Outcome::Duplicate), "one for each user, application and scopes");
    let join = |number| {
        let grant = grants.get(&second).copied().expect("granted");
        Op::JoinSharedToken { grant, id: shared, number, session: second }
    };
    assert_eq!(test.store.apply(ChangeSet::of(T, join(2))).await, Ok(Outcome::Conflict));
    test.must(ChangeSet::of(T, join(1))).await;
    test.must(ChangeSet::of(T, join(1))).await;
    let found = test.store.shared_token(T, alex, app, "openid").await.expect("read");
    assert_eq!(found.map(|t| (t.id, t.number)), Some((shared, 1)));
    assert_eq!(test.store.shared_token(T, alex, app, "openid x").await, Ok(None));
    test.must(ChangeSet::of(T, issue(shared, 1, first))).await;
    let standing = test.store.shared_standing(T, shared, vec![]).await.expect("read");
    assert_eq!(standing.map(|s| (s.token.number, s.user)), Some((2, alex)));
    // Nothing comes into being for a grant that has ended, or for one of another session.
    test.must(ChangeSet::of(
        T,
        Op::EndSessions(end_of(EndTarget::Grant(grants.get(&second).copied().expect("granted")))),
    ))
    .await;
    for dead in [
        Op::JoinSharedToken {
            grant: grants.get(&second).copied().expect("granted"),
            id: shared,
            number: 2,
            session: second,
        },
        issue(shared, 2, second),
        Op::JoinSharedToken {
            grant: grants.get(&first).copied().expect("granted"),
            id: shared,
            number: 2,
            session: second,
        },
    ] {
        assert_eq!(test.store.apply(ChangeSet::of(T, dead)).await, Ok(Outcome::Conflict));
    }
}

async fn events_are_counted_per_subject(test: TestStore) {
    let alex = test.user("alex").await;
    let sam = test.user("sam").await;
    let event = |subject| NewEvent {
        subject,
        name: EventName::PostUpdateRoleListOfUser,
        actor: sojourn_model::Actor::System,
        at: NOW,
        session: None,
        data: "{}".into(),
    };
    let changes = (0..10).map(|n| {
        let mut change = ChangeSet::new(T);
        change.events.push(event(Subject::User(if n % 2 == 0 { alex } else { sam })));
        test.store.apply(change)
    });
    for outcome in futures_util::future::join_all(changes).await {
        assert!(matches!(outcome, Ok(Outcome::Applied(_))), "{outcome:?}");
    }
    for user in [alex, sam] {
        let events = test.store.events(T, Subject::User(user), 0, 100).await.expect("read");
        let numbers: Vec<i64> = events.iter().map(|event| event.n).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
    }
    let mut nobody = ChangeSet::new(T);
    nobody.events.push(event(Subject::User(user("x").id)));
    assert_eq!(test.store.apply(nobody).await, Ok(Outcome::Conflict));
    let role = Role {
        tenant: T,
        id: RoleId(uuid_of(bytes())),
        name: "r".into(),
        permissions: String::new(),
        state: RoleState::Active,
        epoch: 0,
        version: 1,
        created_at: NOW,
        updated_at: NOW,
        external_id: None,
    };
    let mut change = ChangeSet::of(T, Op::CreateRole(role.clone()));
    change.events.push(event(Subject::Role(role.id)));
    test.must(change).await;
    let events = test.store.events(T, Subject::Role(role.id), 0, 9).await.expect("read");
    assert_eq!(events.len(), 1);
}

fn uuid_of(bytes: [u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(bytes)
}

async fn attempts_are_counted_in_a_window(test: TestStore) {
    let count = |at: i64| {
        let op = Op::CountAttempt { key: b"k".to_vec(), now: NOW.plus(at), window_ms: 1000 };
        let store = test.store.clone();
        async move {
            match store.apply(ChangeSet::of(T, op)).await {
                Ok(Outcome::Applied(applied)) => applied.attempts,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(count(0).await, [1]);
    assert_eq!(count(999).await, [2]);
    assert_eq!(count(1000).await, [1], "a new window");
    assert_eq!(count(1500).await, [2]);
    let read = test.store.attempts(T, b"k".to_vec()).await;
    assert_eq!(read, Ok(Some((2, NOW.plus(2000)))));
    test.must(ChangeSet::of(T, Op::ClearAttempts { key: Some(b"k".to_vec()), one_of: vec![] }))
        .await;
    assert_eq!(test.store.attempts(T, b"k".to_vec()).await, Ok(None));
}

async fn change_sets_are_whole_or_nothing_however_many_wait(test: TestStore) {
    let test = Arc::new(test);
    let taken = test.user("taken").await;
    let mut running = Vec::new();
    for n in 0..200 {
        let test = Arc::clone(&test);
        running.push(tokio::spawn(async move {
            let good = n % 3 != 0;
            let name = if good { format!("user-{n}") } else { "taken".into() };
            let change = ChangeSet::of(T, Op::CreateUser(user(&format!("before-{n}"))))
                .with(Op::CreateUser(user(&name)));
            (n, good, test.store.apply(change).await)
        }));
    }
    for running in running {
        let (n, good, outcome) = running.await.expect("ran");
        let outcome = outcome.expect("the database works");
        assert_eq!(matches!(outcome, Outcome::Applied(_)), good, "{n}: {outcome:?}");
        let before = test.store.user_by_name(T, &format!("before-{n}")).await.expect("read");
        assert_eq!(before.is_some(), good, "{n}");
    }
    assert!(test.store.user(T, taken).await.expect("read").is_some());
}

async fn a_delivery_is_claimed_by_one_worker_at_a_time(test: TestStore) {
    let alex = test.user("alex").await;
    let session = test.session(alex).await;
    for n in 0..20 {
        let app = test.app(&format!("app-{n}")).await;
        test.stay(alex, session, app).await;
    }
    let end = sojourn_testkit::store::end_of(sojourn_model::EndTarget::User(alex));
    let applied = test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
    assert_eq!(applied.ended.deliveries, 20);
    let claim = |at: i64| {
        let op = Op::Delivery(DeliveryChange::Claim {
            now: NOW.plus(at),
            lease_until: NOW.plus(at + 1000),
            limit: 8,
        });
        let store = test.store.clone();
        async move {
            match store.apply(ChangeSet::of(T, op)).await {
                Ok(Outcome::Applied(applied)) => applied.deliveries,
                other => panic!("{other:?}"),
            }
        }
    };
    let claims = futures_util::future::join_all((0..4).map(|_| claim(0))).await;
    let mut sids: Vec<_> = claims.iter().flatten().map(|delivery| delivery.sid).collect();
    let claimed = sids.len();
    sids.sort_unstable();
    sids.dedup();
    assert_eq!(sids.len(), claimed, "none twice");
    assert_eq!(claimed, 20);
    assert!(claim(999).await.is_empty(), "leases hold");
    assert_eq!(claim(1000).await.len(), 8, "leases run out");
    assert_eq!(test.store.delivery_backlog().await.expect("read").pending, 20);
}

async fn numbers_of_applications_count_up(test: TestStore) {
    for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
        let id = test.app(name).await;
        let app = test.store.application(T, id).await.expect("read").expect("there");
        assert_eq!(app.number, number);
    }
    let before = test.store.catalog_version(T).await.expect("read");
    let mut b = test.store.application_by_client(T, "b").await.expect("read").expect("b");
    b.name = "renamed".into();
    test.must(ChangeSet::of(T, Op::SaveApplication(Box::new(b.clone())))).await;
    let after = test.store.application(T, b.id).await.expect("read").expect("there");
    b.version += 1;
    assert_eq!(after, b, "number and id stay");
    assert!(test.store.catalog_version(T).await.expect("read") > before);
    let same_client = application("a", None);
    let outcome =
        test.store.apply(ChangeSet::of(T, Op::SaveApplication(Box::new(same_client)))).await;
    assert_eq!(outcome, Ok(Outcome::Duplicate));
}

async fn what_is_over_is_purged(test: TestStore) {
    let alex = test.user("alex").await;
    let app = test.app("dispatch").await;
    let session = test.session(alex).await;
    let sid = test.stay(alex, session, app).await;
    let id = test.grant(grant(alex, session, app, sid)).await;
    let end = sojourn_testkit::store::end_of(sojourn_model::EndTarget::User(alex));
    test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
    let purge = |now: Millis, history_before: Millis| {
        let (events_before, audit_before, browsers_before) =
            (history_before, history_before, history_before);
        let limit = 100;
        ChangeSet::of(
            T,
            Op::Purge(Purge {
                now,
                history_before,
                events_before,
                audit_before,
                browsers_before,
                limit,
            }),
        )
        .with(Op::PurgeGrants { grants: vec![id], now })
    };
    test.must(purge(NOW, NOW)).await;
    assert!(test.store.session(T, session).await.expect("read").is_some(), "history is kept");
    test.must(purge(NOW.plus(90_000_000), NOW.plus(1))).await;
    assert_eq!(test.store.session(T, session).await, Ok(None));
    assert_eq!(test.store.standing(T, id, vec![]).await, Ok(None));
    let waiting = test.store.deliveries_of_session(T, session).await.expect("read");
    assert!(waiting.iter().any(|delivery| delivery.sid == sid), "what waits isn't forgotten");
}

#[tokio::test]
async fn a_database_for_a_newer_program_is_refused() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let known = sojourn_store::SCHEMA_VERSION;
        let newer = known + 1;
        test.newer_schema(newer, newer).await;
        let refused = test.reopen().await.err();
        let wanted = StoreError::NeedsNewerProgram { found: newer, needs: newer, known };
        assert_eq!(refused, Some(wanted), "{engine:?}");
        // A newer schema that older programs may still use is used.
        test.newer_schema(newer, 1).await;
        assert!(test.reopen().await.is_ok(), "{engine:?}");
    }
}

#[tokio::test]
async fn a_stay_needs_a_living_session_and_there_is_one_for_each_application() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let alex = test.user("alex").await;
        let app = test.app("dispatch").await;
        let session = test.session(alex).await;
        let add = || {
            let participation = participation(alex, session, app);
            test.store.apply(ChangeSet::of(T, Op::AddParticipation { participation, now: NOW }))
        };
        assert!(matches!(add().await, Ok(Outcome::Applied(_))));
        assert_eq!(add().await, Ok(Outcome::Conflict), "{engine:?}: there is one already");
        let end = sojourn_testkit::store::end_of(sojourn_model::EndTarget::User(alex));
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert_eq!(add().await, Ok(Outcome::Conflict), "{engine:?}");
    }
}
