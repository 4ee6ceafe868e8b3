//! Sign-ins, uses, ends, expiry and questions in any order, against a model that is a list.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sojourn_engine::session::{Position, SessionFilter, SessionQuery, Sort, Vocabulary};
use sojourn_engine::sign_in::{Credentials, Visit};
use sojourn_engine::{Authority, EndPlan, Rights};
use sojourn_model::{Actor, EndReason, EndTarget, Millis, SessionId, UserId};
use sojourn_testkit::server::TestServer;
use sojourn_testkit::store::Engine;

const IDLE_MS: i64 = 15 * 60_000;
const SLACK_MS: i64 = 5_000;
const NAMES: [&str; 3] = ["ada", "ben", "cleo"];

#[derive(Debug, Clone)]
enum Act {
    SignIn(usize),
    Touch(usize),
    End(usize),
    EndUser(usize),
    /// Time goes on, and what is over ends.
    Pass(i64),
    /// Of a walk through the pages: the next one, of this size.
    Page(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        5 => (0..NAMES.len()).prop_map(Act::SignIn),
        2 => (0..20_usize).prop_map(Act::Touch),
        2 => (0..20_usize).prop_map(Act::End),
        1 => (0..NAMES.len()).prop_map(Act::EndUser),
        2 => prop_oneof![0..2_000_i64, 60_000..600_000_i64, Just(IDLE_MS + SLACK_MS)].prop_map(Act::Pass),
        4 => (1..4_i64).prop_map(Act::Page),
    ];
    proptest::collection::vec(act, 10..50)
}

/// A session as the model knows it.
#[derive(Debug, Clone)]
struct Known {
    id: SessionId,
    user: usize,
    signed_in_at: Millis,
    idle_deadline: Millis,
    ended: Option<&'static str>,
}

/// A walk through pages: what lived when it began, and what it has shown.
struct Walk {
    position: Position,
    lived: BTreeSet<String>,
    seen: Vec<String>,
}

struct World {
    server: TestServer,
    users: Vec<UserId>,
    model: Vec<Known>,
    walk: Option<Walk>,
}

impl World {
    async fn new(engine: Engine) -> Self {
        let server = TestServer::on(engine, |settings| {
            settings.throttle.per_account = 1_000_000;
            settings.throttle.per_address = 1_000_000;
        })
        .await;
        let mut users = Vec::new();
        for name in NAMES {
            users.push(server.user(name, "password", &[]).await.id);
        }
        Self { server, users, model: Vec::new(), walk: None }
    }

    fn now(&self) -> Millis {
        self.server.engine.now()
    }

    fn lives(&self, one: &Known) -> bool {
        one.ended.is_none() && one.idle_deadline.plus(SLACK_MS) > self.now()
    }

    /// What lives, newest sign-in first.
    fn living(&self, of: Option<usize>) -> Vec<String> {
        let mut all: Vec<&Known> = self
            .model
            .iter()
            .filter(|one| self.lives(one) && of.is_none_or(|user| user == one.user))
            .collect();
        all.sort_by_key(|one| std::cmp::Reverse((one.signed_in_at, one.id)));
        all.iter().map(|one| one.id.to_string()).collect()
    }

    async fn find(
        &self,
        filter: Option<&str>,
        position: Position,
        limit: i64,
    ) -> (Vec<String>, Option<Position>) {
        let filter = SessionFilter::parse(filter, Vocabulary::Full).expect("a filter");
        let rights = Rights::of_scopes("internal_*");
        let (sort, as_of) = (Sort::SignedIn, None);
        let query = SessionQuery { filter: &filter, sort, position, limit, rights: &rights, as_of };
        let page =
            self.server.engine.search_sessions(&self.server.tenant, &query).await.expect("found");
        let ids = page.found.iter().map(|(_, view)| view.session.id.to_string()).collect();
        (ids, page.older.map(Position::Before))
    }

    async fn act(&mut self, act: &Act) {
        let (engine, tenant) = (&self.server.engine, self.server.tenant.clone());
        match act {
            Act::SignIn(user) => {
                let typed = Credentials::new(NAMES[*user], "password");
                let visit = Visit { ip: format!("192.0.2.{user}"), ..Visit::default() };
                let session =
                    engine.sign_in(&tenant, &typed, &visit).await.expect("signed in").session;
                self.model.push(Known {
                    id: session.id,
                    user: *user,
                    signed_in_at: self.now(),
                    idle_deadline: self.now().plus(IDLE_MS),
                    ended: None,
                });
            }
            Act::Touch(which) => {
                let now = self.now();
                let alive: Vec<bool> = self.model.iter().map(|one| self.lives(one)).collect();
                if let Some(at) = which.checked_rem(self.model.len()).filter(|at| alive[*at]) {
                    engine.touch(tenant.id, self.model[at].id, None);
                    engine.flush_touches().await.expect("written");
                    let one = &mut self.model[at];
                    one.idle_deadline = one.idle_deadline.max(now.plus(IDLE_MS));
                }
            }
            Act::End(which) => {
                let Some(at) = which.checked_rem(self.model.len()) else { return };
                let (user, id) = (self.users[self.model[at].user], self.model[at].id);
                let plan =
                    EndPlan::new(EndTarget::Session(user, id), EndReason::Admin, Actor::System);
                let ended = engine
                    .end_sessions(&tenant, plan, &Authority::system())
                    .await
                    .expect("ended")
                    .summary;
                let one = &mut self.model[at];
                assert_eq!(ended.sessions, u64::from(one.ended.is_none()), "{one:?}");
                one.ended = one.ended.or(Some("admin"));
            }
            Act::EndUser(user) => {
                let target = EndTarget::User(self.users[*user]);
                let plan = EndPlan::new(target, EndReason::User, Actor::System);
                let ended = engine
                    .end_sessions(&tenant, plan, &Authority::system())
                    .await
                    .expect("ended")
                    .summary;
                let mut count = 0;
                for one in
                    self.model.iter_mut().filter(|one| one.user == *user && one.ended.is_none())
                {
                    one.ended = Some("user");
                    count += 1;
                }
                assert_eq!(ended.sessions, count);
            }
            Act::Pass(ms) => {
                self.server.clock.advance(*ms);
                while engine.sweep().await.expect("swept") > 0 {}
                let over: Vec<bool> = self.model.iter().map(|one| !self.lives(one)).collect();
                for (one, over) in self.model.iter_mut().zip(over) {
                    if over && one.ended.is_none() {
                        one.ended = Some("idle_timeout");
                    }
                }
            }
            Act::Page(limit) => self.page(*limit).await,
        }
    }

    async fn page(&mut self, limit: i64) {
        let lived: BTreeSet<String> = self.living(None).into_iter().collect();
        let mut walk = self.walk.take().unwrap_or(Walk {
            position: Position::Newest,
            lived,
            seen: Vec::new(),
        });
        let (ids, next) = self.find(None, walk.position.clone(), limit).await;
        for id in ids {
            assert!(!walk.seen.contains(&id), "shown twice");
            walk.seen.push(id);
        }
        match next {
            Some(position) => {
                walk.position = position;
                self.walk = Some(walk);
            }
            None => {
                let now: BTreeSet<String> = self.living(None).into_iter().collect();
                let stayed = walk.lived.intersection(&now);
                for id in stayed {
                    assert!(walk.seen.contains(id), "one that stayed was skipped");
                }
            }
        }
    }

    /// Everything that can be asked agrees with the model.
    async fn check(&self) {
        let (all, _) = self.find(None, Position::Newest, 500).await;
        assert_eq!(all, self.living(None));
        for (number, name) in NAMES.iter().enumerate() {
            let by_name = format!("username eq {name}");
            let by_address = format!("ip eq 192.0.2.{number}");
            for filter in [by_name, by_address] {
                let (found, _) = self.find(Some(&filter), Position::Newest, 500).await;
                assert_eq!(found, self.living(Some(number)), "{filter}");
            }
        }
        for reason in ["admin", "user", "idle_timeout"] {
            let filter = format!("end_reason eq {reason}");
            let (found, _) = self.find(Some(&filter), Position::Newest, 500).await;
            let found: BTreeSet<String> = found.into_iter().collect();
            let want = self.model.iter().filter(|one| one.ended == Some(reason));
            assert_eq!(found, want.map(|one| one.id.to_string()).collect(), "{filter}");
        }
    }
}

fn run(engine: Engine, cases: u32) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    let done = runner.run(&acts(), |acts| {
        runtime.block_on(async {
            let mut world = World::new(engine).await;
            for act in &acts {
                world.act(act).await;
                world.check().await;
            }
            // The last walk comes to its end.
            for _ in 0..200 {
                if world.walk.is_none() {
                    break;
                }
                world.act(&Act::Page(3)).await;
            }
            world.server.stop().await;
        });
        Ok(())
    });
    assert!(done.is_ok(), "{engine:?}: {done:?}");
}

#[test]
fn any_order_agrees_with_the_model_on_sqlite() {
    run(Engine::Sqlite, 12);
}

#[test]
fn any_order_agrees_with_the_model_on_postgresql() {
    run(Engine::Postgres, 6);
}
