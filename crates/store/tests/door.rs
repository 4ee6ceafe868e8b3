//! The one door, on both databases: all combinations of effects, dry run against deed, and races
//! between ends and what they exclude.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails loudly"
)]

use std::sync::Arc;

use futures_util::future::join;
use sojourn_model::{
    AccessTokenBinding, AppId, ChangeSet, DeliveryState, Effects, EndReason, EndSummary, EndTarget,
    EventName, GrantId, Op, Outcome, SessionId, SessionState, Sid, Subject, UserId,
};
use sojourn_store::Store;
use sojourn_testkit::store::{Engine, NOW, T, TestStore, application, bytes, end_of, grant};

struct Apps {
    told: AppId,
    silent: AppId,
}

struct Person {
    user: UserId,
    sessions: [SessionId; 2],
    sids: Vec<Sid>,
    bound: Vec<GrantId>,
    free: Vec<GrantId>,
    offline: GrantId,
}

async fn apps(test: &TestStore) -> Apps {
    let told = test.app("told").await;
    let silent = application("silent", None);
    let id = silent.id;
    test.must(ChangeSet::of(T, Op::SaveApplication(Box::new(silent)))).await;
    Apps { told, silent: id }
}

/// Two sessions, each in both applications with a grant of each; one offline grant; two consents.
async fn person(test: &TestStore, apps: &Apps, name: &str) -> Person {
    let user = test.user(name).await;
    let mut person = Person {
        user,
        sessions: [test.session(user).await, test.session(user).await],
        sids: Vec::new(),
        bound: Vec::new(),
        free: Vec::new(),
        offline: GrantId(bytes()),
    };
    for session in person.sessions {
        let told = test.stay(user, session, apps.told).await;
        let silent = test.stay(user, session, apps.silent).await;
        person.sids.extend([told, silent]);
        person.bound.push(test.grant(grant(user, session, apps.told, told)).await);
        let mut free = grant(user, session, apps.silent, silent);
        free.binding = AccessTokenBinding::None;
        person.free.push(test.grant(free).await);
    }
    let mut offline = grant(user, person.sessions[0], apps.told, person.sids[0]);
    offline.offline = true;
    person.offline = test.grant(offline).await;
    for app in [apps.told, apps.silent] {
        let (session, from) = (person.sessions[0], String::new());
        let consent = Op::PutConsent { user, session, from, app, scopes: "openid".into(), at: NOW };
        test.must(ChangeSet::of(T, consent)).await;
    }
    person
}

async fn lives(store: &Store, session: SessionId) -> bool {
    let found = store.session(T, session).await.expect("read").expect("there");
    found.state == SessionState::Living
}

async fn valid(store: &Store, grant: GrantId) -> bool {
    !store.standing(T, grant, vec![]).await.expect("read").expect("there").grant.ended
}

struct Case {
    effects: Effects,
    applications: Option<Vec<AppId>>,
    by_session: bool,
}

impl Case {
    fn meant(&self, app: AppId) -> bool {
        self.applications.as_ref().is_none_or(|apps| apps.contains(&app))
    }

    fn told(&self, apps: &Apps) -> u64 {
        u64::from(self.meant(apps.told))
    }

    fn silent(&self, apps: &Apps) -> u64 {
        u64::from(self.meant(apps.silent))
    }

    /// What the end is to answer, from the rules alone; `None`: it is refused.
    fn expected(&self, apps: &Apps) -> Option<EndSummary> {
        let sessions = if self.by_session { 1 } else { 2 };
        if self.effects.session && !(self.effects.tokens && self.meant(apps.told)) {
            return None;
        }
        let of = |effect: bool, count: u64| if effect { count } else { 0 };
        let both = self.told(apps) + self.silent(apps);
        // The offline grant hangs on the first session, which every case selects.
        let offline = of(self.effects.offline, self.told(apps));
        Some(EndSummary {
            sessions: of(self.effects.session, sessions),
            grants: of(self.effects.tokens, sessions * both + offline),
            consents: of(self.effects.consents, both),
            deliveries: of(self.effects.notify, sessions * both),
        })
    }
}

fn cases(apps: &Apps) -> Vec<Case> {
    let mut cases = Vec::new();
    for bits in 0..32_u8 {
        let effects = Effects {
            session: bits & 1 != 0,
            tokens: bits & 2 != 0,
            consents: bits & 4 != 0,
            notify: bits & 8 != 0,
            offline: bits & 16 != 0,
        };
        for applications in
            [None, Some(vec![]), Some(vec![apps.told]), Some(vec![apps.told, apps.silent])]
        {
            for by_session in [false, true] {
                cases.push(Case { effects, applications: applications.clone(), by_session });
            }
        }
    }
    cases
}

async fn check_case(test: &TestStore, apps: &Apps, case: &Case, name: &str) {
    let person = person(test, apps, name).await;
    let store = &test.store;
    let target = if case.by_session {
        EndTarget::Session(person.user, person.sessions[0])
    } else {
        EndTarget::User(person.user)
    };
    let mut end = end_of(target);
    end.effects = case.effects;
    end.applications = case.applications.clone();
    let label = format!("{:?} {:?} session:{}", case.effects, case.applications, case.by_session);
    let preview = store.preview_end(&end).await.expect("counts");
    let outcome = store.apply(ChangeSet::of(T, Op::EndSessions(end))).await.expect("works");
    let Some(expected) = case.expected(apps) else {
        assert_eq!(outcome, Outcome::SessionBoundTokens, "{label}");
        assert!(preview.session_bound_tokens, "{label}");
        assert!(lives(store, person.sessions[0]).await, "{label}: nothing happened");
        assert!(valid(store, person.bound[0]).await, "{label}: nothing happened");
        return;
    };
    let Outcome::Applied(applied) = outcome else { panic!("{label}: {outcome:?}") };
    assert_eq!(applied.ended, expected, "{label}");
    assert_eq!(preview.summary, expected, "{label}: the dry run said so");
    assert!(!preview.session_bound_tokens, "{label}");

    let e = case.effects;
    assert_eq!(lives(store, person.sessions[0]).await, !e.session, "{label}");
    assert_eq!(lives(store, person.sessions[1]).await, !e.session || case.by_session, "{label}");
    let bound_ends = e.tokens && case.meant(apps.told);
    assert_eq!(valid(store, person.bound[0]).await, !bound_ends, "{label}");
    assert_eq!(valid(store, person.bound[1]).await, !bound_ends || case.by_session, "{label}");
    let free_ends = e.tokens && case.meant(apps.silent);
    assert_eq!(valid(store, person.free[0]).await, !free_ends, "{label}");
    assert_eq!(valid(store, person.offline).await, !(bound_ends && e.offline), "{label}");
    let written = store.deliveries_of_session(T, person.sessions[0]).await.expect("read");
    let of = |sid| written.iter().find(|delivery| delivery.sid == sid);
    let (told, silent) = (of(person.sids[0]), of(person.sids[1]));
    let states = (told.map(|d| d.state), silent.map(|d| d.state));
    let meant = |yes: bool, state| (e.notify && yes).then_some(state);
    assert_eq!(
        states,
        (
            meant(case.meant(apps.told), DeliveryState::Pending),
            meant(case.meant(apps.silent), DeliveryState::Unreachable)
        ),
        "{label}"
    );
    // A code that was given before and has no row yet: its grant is made only where neither stay nor tokens ended.
    for (of, sid) in [(0, person.sids[0]), (1, person.sids[2])] {
        let reached = of == 0 || !case.by_session;
        let over = e.session || (case.meant(apps.told) && (e.tokens || e.notify));
        let late = grant(person.user, person.sessions[of], apps.told, sid);
        let issue = Op::IssueGrant { grant: Box::new(late), now: NOW };
        let made = store.apply(ChangeSet::of(T, issue)).await.expect("works");
        let made = matches!(made, Outcome::Applied(_));
        assert_eq!(made, !(reached && over), "{label}: a code of session {of}");
    }
    // A grant that outlives its session hangs on nothing any more.
    if e.session && !free_ends {
        let left = store.standing(T, person.free[0], vec![]).await.expect("read").expect("there");
        assert_eq!(left.grant.session, None, "{label}");
    }
}

async fn every_combination_of_effects(engine: Engine) {
    let test = TestStore::new(engine).await;
    let apps = apps(&test).await;
    let bystander = person(&test, &apps, "bystander").await;
    for (number, case) in cases(&apps).iter().enumerate() {
        check_case(&test, &apps, case, &format!("person-{number}")).await;
    }
    for session in bystander.sessions {
        assert!(lives(&test.store, session).await, "others keep their sessions");
    }
    for grant in bystander.bound.iter().chain(&bystander.free).chain([&bystander.offline]) {
        assert!(valid(&test.store, *grant).await, "others keep their grants");
    }
    assert_eq!(test.store.consents(T, bystander.user).await.expect("read").len(), 2);
}

#[tokio::test]
async fn every_combination_of_effects_on_sqlite() {
    every_combination_of_effects(Engine::Sqlite).await;
}

#[tokio::test]
async fn every_combination_of_effects_on_postgresql() {
    every_combination_of_effects(Engine::Postgres).await;
}

#[tokio::test]
async fn an_end_leaves_reason_actor_event_and_epoch_and_happens_once() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let apps = apps(&test).await;
        let person = person(&test, &apps, "alex").await;
        let end = end_of(EndTarget::User(person.user));
        test.must(ChangeSet::of(T, Op::EndSessions(end.clone()))).await;
        let ended = test.store.session(T, person.sessions[0]).await.expect("read").expect("there");
        let SessionState::Ended { at, reason, end: id, .. } = ended.state else {
            panic!("{ended:?}")
        };
        assert_eq!((at, reason, id), (NOW, EndReason::Admin, end.id));
        let events = test.store.events(T, Subject::User(person.user), 0, 100).await.expect("read");
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        let (created, ended) =
            (EventName::SessionCreate.as_str(), EventName::SessionTerminate.as_str());
        assert_eq!(names, [created, created, ended, ended], "{engine:?}");
        assert!(events.iter().zip(1..).all(|(event, n)| event.n == n));
        let account = test.store.user(T, person.user).await.expect("read").expect("there");
        assert_eq!(account.epoch, 1);
        assert_eq!(test.store.ledger_of_user(T, person.user, 9).await.expect("read").len(), 2);
        let again = test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert_eq!(again.ended, EndSummary::default(), "{engine:?}");
    }
}

#[tokio::test]
async fn all_but_this_one_and_a_single_grant() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let apps = apps(&test).await;
        let person = person(&test, &apps, "alex").await;
        let single = end_of(EndTarget::Grant(person.free[1]));
        let applied = test.must(ChangeSet::of(T, Op::EndSessions(single))).await;
        assert_eq!(applied.ended, EndSummary { grants: 1, ..EndSummary::default() });
        let spare = end_of(EndTarget::UserExcept(person.user, person.sessions[1]));
        let applied = test.must(ChangeSet::of(T, Op::EndSessions(spare))).await;
        assert_eq!((applied.ended.sessions, applied.ended.grants), (1, 2), "{engine:?}");
        assert!(lives(&test.store, person.sessions[1]).await);
        assert!(valid(&test.store, person.bound[1]).await);
        assert!(!lives(&test.store, person.sessions[0]).await);
    }
}

#[tokio::test]
async fn only_what_is_expired_ends_as_expired() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let apps = apps(&test).await;
        let person = person(&test, &apps, "alex").await;
        let mut end = end_of(EndTarget::ExpiredSession(person.user, person.sessions[0]));
        end.reason = EndReason::IdleTimeout;
        end.slack_ms = 5000;
        end.at = NOW.plus(904_999);
        let outcome = test.store.apply(ChangeSet::of(T, Op::EndSessions(end.clone()))).await;
        assert_eq!(outcome, Ok(Outcome::Conflict), "{engine:?}: within the flush interval");
        assert!(test.store.expired_sessions(end.at, 5000, 9).await.expect("read").is_empty());
        end.at = NOW.plus(905_000);
        let due = test.store.expired_sessions(end.at, 5000, 9).await.expect("read");
        assert_eq!(due.len(), 2);
        let applied = test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert_eq!((applied.ended.sessions, applied.ended.deliveries), (1, 2));
        let events = test.store.events(T, Subject::User(person.user), 2, 9).await.expect("read");
        assert_eq!(events[0].name, EventName::SessionExpire.as_str());
    }
}

#[tokio::test]
async fn the_end_of_a_session_takes_the_token_that_it_shares() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let apps = apps(&test).await;
        let person = person(&test, &apps, "alex").await;
        let shared = GrantId(bytes());
        let issue = Op::IssueSharedToken {
            grant: person.free[0],
            id: shared,
            user: person.user,
            app: apps.silent,
            scopes: "openid".into(),
            from_number: 0,
            at: NOW,
            lifetime_ms: 3_600_000,
            session: person.sessions[0],
        };
        let join = Op::JoinSharedToken {
            grant: person.free[1],
            id: shared,
            number: 1,
            session: person.sessions[1],
        };
        test.must(ChangeSet::of(T, issue).with(join)).await;
        let end = end_of(EndTarget::Session(person.user, person.sessions[1]));
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        let token =
            test.store.shared_token(T, person.user, apps.silent, "openid").await.expect("read");
        assert_eq!(token.map(|token| token.number), Some(2), "{engine:?}: the first lost it too");
    }
}

/// By user, shared tokens go by name: also one that no living session is known to use. What the spared session alone
/// uses is left to it.
#[tokio::test]
async fn an_end_by_user_takes_every_shared_token_but_that_of_the_spared_session() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let apps = apps(&test).await;
        let person = person(&test, &apps, "alex").await;
        let issue = |grant, session, scopes: &str| Op::IssueSharedToken {
            grant,
            id: GrantId(bytes()),
            user: person.user,
            app: apps.silent,
            scopes: scopes.into(),
            from_number: 0,
            at: NOW,
            lifetime_ms: 3_600_000,
            session,
        };
        let [first, second] = person.sessions;
        test.must(ChangeSet::of(T, issue(person.free[0], first, "gone"))).await;
        test.must(ChangeSet::of(T, issue(person.free[1], second, "kept"))).await;
        let number = async |scopes: &str| {
            let found = test.store.shared_token(T, person.user, apps.silent, scopes).await;
            found.expect("read").expect("there").number
        };
        // Its session ends without its tokens: it stays behind with nobody to use it.
        let mut end = end_of(EndTarget::Session(person.user, first));
        end.applications = Some(vec![apps.told]);
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert_eq!((number("gone").await, number("kept").await), (1, 1), "{engine:?}");
        let end = end_of(EndTarget::UserExcept(person.user, second));
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert_eq!((number("gone").await, number("kept").await), (2, 1), "{engine:?}");
        let end = end_of(EndTarget::User(person.user));
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert_eq!((number("gone").await, number("kept").await), (3, 2), "{engine:?}");
    }
}

/// An approval belongs to who is signed in, and what was withdrawn meanwhile doesn't come back with it.
#[tokio::test]
async fn an_approval_needs_its_session_and_what_was_read() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let apps = apps(&test).await;
        let person = person(&test, &apps, "alex").await;
        let put = |session, from: &str| Op::PutConsent {
            user: person.user,
            session,
            from: from.into(),
            app: apps.told,
            scopes: "email openid".into(),
            at: NOW,
        };
        let [first, second] = person.sessions;
        test.must(ChangeSet::of(T, put(first, "openid"))).await;
        let stale = test.store.apply(ChangeSet::of(T, put(first, "openid"))).await;
        assert_eq!(stale, Ok(Outcome::Conflict), "{engine:?}: another approval came between");
        let mut withdraw = end_of(EndTarget::User(person.user));
        withdraw.effects = Effects { session: false, consents: true, ..Effects::SIGN_OUT };
        let held = |scopes: &str| {
            let require = Op::RequireApproval {
                user: person.user,
                session: first,
                app: apps.told,
                scopes: scopes.into(),
            };
            test.store.apply(ChangeSet::of(T, require))
        };
        assert!(matches!(held("email openid").await, Ok(Outcome::Applied(_))), "{engine:?}");
        assert_eq!(held("openid").await, Ok(Outcome::Conflict), "{engine:?}: it is another now");
        test.must(ChangeSet::of(T, Op::EndSessions(withdraw))).await;
        assert_eq!(held("email openid").await, Ok(Outcome::Conflict), "{engine:?}: withdrawn");
        let stale = test.store.apply(ChangeSet::of(T, put(first, "email openid"))).await;
        assert_eq!(stale, Ok(Outcome::Conflict), "{engine:?}: it was withdrawn");
        let end = end_of(EndTarget::Session(person.user, second));
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        let gone = test.store.apply(ChangeSet::of(T, put(second, ""))).await;
        assert_eq!(gone, Ok(Outcome::Conflict), "{engine:?}: its session ended");
        test.must(ChangeSet::of(T, put(first, ""))).await;
        let extend = |session, at| Op::ExtendSession { session, at, slack_ms: 5_000 };
        test.must(ChangeSet::of(T, extend(first, NOW.plus(800_000)))).await;
        for (session, at) in [(second, NOW), (first, NOW.plus(800_000 + 905_000))] {
            let late = test.store.apply(ChangeSet::of(T, extend(session, at))).await;
            assert_eq!(late, Ok(Outcome::Conflict), "{engine:?}: nothing is revived");
        }
    }
}

/// Several users end by one statement for all, which is another than that for one: the same races.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sign_in_slips_past_an_end_of_several_users() {
    for engine in Engine::BOTH {
        let test = Arc::new(TestStore::new(engine).await);
        let other = if engine == Engine::Postgres {
            test.reopen().await.expect("a second node")
        } else {
            test.store.clone()
        };
        for round in 0..40 {
            let mut users = Vec::new();
            for n in 0..3 {
                users.push(test.user(&format!("user-{round}-{n}")).await);
            }
            let sign_ins = users.iter().map(|user| {
                let session = sojourn_testkit::store::session(*user);
                test.store
                    .apply(ChangeSet::of(T, Op::StartSession { session, epoch: 0, limit: None }))
            });
            let mut end = end_of(EndTarget::User(users[0]));
            end.targets = users.iter().map(|user| EndTarget::User(*user)).collect();
            let end = other.apply(ChangeSet::of(T, Op::EndSessions(end)));
            let sign_ins = futures_util::future::join_all(sign_ins);
            let (signed_in, ended) = if round % 2 == 0 {
                join(sign_ins, end).await
            } else {
                let (ended, signed_in) = join(end, sign_ins).await;
                (signed_in, ended)
            };
            assert!(matches!(ended, Ok(Outcome::Applied(_))), "{engine:?} {ended:?}");
            for (user, outcome) in users.iter().zip(signed_in) {
                assert!(
                    matches!(outcome, Ok(Outcome::Applied(_) | Outcome::Conflict)),
                    "{outcome:?}"
                );
                let left = test.store.sessions_of_user(T, *user, NOW, 0, 9).await.expect("read");
                assert!(left.is_empty(), "{engine:?} round {round}");
                let epoch = test.store.user(T, *user).await.expect("read").expect("there").epoch;
                assert_eq!(epoch, 1, "{engine:?}: each epoch moved");
                // A sign-in that read the account before the end comes too late in any case.
                let session = sojourn_testkit::store::session(*user);
                let late = Op::StartSession { session, epoch: 0, limit: None };
                let late = test.store.apply(ChangeSet::of(T, late)).await;
                assert_eq!(late, Ok(Outcome::Conflict), "{engine:?}");
            }
        }
    }
}

/// Two connections, many rounds: whatever the order, nothing that an end excludes survives it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sign_in_slips_past_an_end_by_user() {
    for engine in Engine::BOTH {
        let test = Arc::new(TestStore::new(engine).await);
        let other = if engine == Engine::Postgres {
            test.reopen().await.expect("a second node")
        } else {
            test.store.clone()
        };
        let (mut came_first, mut came_late) = (0, 0);
        for round in 0..60 {
            let user = test.user(&format!("user-{round}")).await;
            let session = sojourn_testkit::store::session(user);
            let sign_in = ChangeSet::of(
                T,
                Op::StartSession { session: session.clone(), epoch: 0, limit: None },
            );
            let end = ChangeSet::of(T, Op::EndSessions(end_of(EndTarget::User(user))));
            let (signed_in, ended) = if round % 2 == 0 {
                join(test.store.apply(sign_in), other.apply(end)).await
            } else {
                let (ended, signed_in) = join(other.apply(end), test.store.apply(sign_in)).await;
                (signed_in, ended)
            };
            assert!(matches!(ended, Ok(Outcome::Applied(_))), "{engine:?} {ended:?}");
            match signed_in.expect("works") {
                Outcome::Applied(_) => came_first += 1,
                Outcome::Conflict => came_late += 1,
                other => panic!("{other:?}"),
            }
            let left = test.store.sessions_of_user(T, user, NOW, 0, 9).await.expect("read");
            assert!(left.is_empty(), "{engine:?} round {round}");
        }
        assert_eq!(came_first + came_late, 60);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_grant_slips_past_the_end_of_its_session() {
    for engine in Engine::BOTH {
        let test = Arc::new(TestStore::new(engine).await);
        let apps = apps(&test).await;
        let other = if engine == Engine::Postgres {
            test.reopen().await.expect("a second node")
        } else {
            test.store.clone()
        };
        let alex = test.user("alex").await;
        for round in 0..60 {
            let session = test.session(alex).await;
            let sid = test.stay(alex, session, apps.told).await;
            let late = grant(alex, session, apps.told, sid);
            let id = late.id;
            let issue = ChangeSet::of(T, Op::IssueGrant { grant: Box::new(late), now: NOW });
            let target = EndTarget::Session(alex, session);
            let end = ChangeSet::of(T, Op::EndSessions(end_of(target)));
            let (issued, ended) = if round % 2 == 0 {
                join(test.store.apply(issue), other.apply(end)).await
            } else {
                let (ended, issued) = join(other.apply(end), test.store.apply(issue)).await;
                (issued, ended)
            };
            assert!(matches!(ended, Ok(Outcome::Applied(_))), "{engine:?} {ended:?}");
            if matches!(issued, Ok(Outcome::Applied(_))) {
                assert!(!valid(&test.store, id).await, "{engine:?} round {round}");
            } else {
                assert_eq!(issued, Ok(Outcome::Conflict), "{engine:?} round {round}");
            }
        }
    }
}
