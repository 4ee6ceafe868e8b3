//! The questions, each asked often with other values.

use std::time::Instant;

use sojourn_engine::ending::{EndAnswer, EndRequest, EndTargets, Named};
use sojourn_engine::session::{Position, SessionFilter, SessionQuery, Sort, Vocabulary};
use sojourn_engine::{Authority, EndPlan, Rights};
use sojourn_model::{Actor, EndReason, EndTarget, Millis, SessionId, UserId};
use sojourn_store::Place;

use super::rows::mix;
use super::{Installation, fill};
use crate::load::percentile;
use crate::measure::cpu_ns;

/// What a question took.
pub(super) struct Answer {
    pub(super) name: &'static str,
    pub(super) p50: f64,
    pub(super) p99: f64,
    /// Of the job: in words.
    pub(super) job: Option<String>,
}

/// How often a question is asked.
const TIMES: u64 = 400;
/// How often something is ended.
const ENDS: u64 = 300;

type Asked = (&'static str, Sort, fn(&Questions, u64) -> (Option<String>, Position));

struct Questions {
    size: u64,
    users: u64,
    now: i64,
    plan: super::rows::Plan,
}

impl Questions {
    fn moment(&self, n: u64) -> Millis {
        Millis(self.now - (mix(n ^ 99) % (12 * 86_400_000)) as i64)
    }

    fn before(&self, n: u64) -> Position {
        Position::Before(Place { at: self.moment(n), id: Vec::new() })
    }
}

const QUESTIONS: [Asked; 12] = [
    ("first page", Sort::SignedIn, |_, _| (None, Position::Newest)),
    ("deep page", Sort::SignedIn, |q, n| (None, q.before(n))),
    ("by last access, deep page", Sort::LastAccess, |q, n| (None, q.before(n))),
    ("by session id", Sort::SignedIn, |q, n| {
        let id = sojourn_model::ids::hex(&q.plan.session_id(mix(n) % q.size));
        (Some(format!("id eq {id}")), Position::Newest)
    }),
    ("by login name", Sort::SignedIn, |q, n| {
        (Some(format!("username eq user-{}", mix(n) % q.users)), Position::Newest)
    }),
    ("by display name", Sort::SignedIn, |q, n| {
        (Some(format!("display_name eq \"User Number {}\"", mix(n) % q.users)), Position::Newest)
    }),
    ("by sid", Sort::SignedIn, |q, n| {
        let sid = sojourn_model::ids::hex(&q.plan.session(mix(n) % q.size).sid);
        (Some(format!("sid eq {sid}")), Position::Newest)
    }),
    ("by application, first page", Sort::SignedIn, |_, n| {
        (Some(format!("client_id eq app-{}", n % 20)), Position::Newest)
    }),
    ("by application, deep page", Sort::SignedIn, |q, n| {
        (Some(format!("client_id eq app-{}", n % 20)), q.before(n))
    }),
    ("by address", Sort::SignedIn, |q, n| {
        (Some(format!("ip eq {}", q.plan.ip(mix(n) % q.size))), Position::Newest)
    }),
    ("by network of 256 sessions", Sort::SignedIn, |q, n| {
        (Some(format!("network eq {}/24", q.plan.ip(mix(n) % q.size))), Position::Newest)
    }),
    ("by time", Sort::SignedIn, |q, n| {
        let at = q.moment(n).0;
        let filter = format!("signed_in_at ge {} and signed_in_at le {at}", at - 3_600_000);
        (Some(filter), Position::Newest)
    }),
];

pub(super) async fn ask(installation: &Installation, size: u64) -> Vec<Answer> {
    let Installation { engine, tenant } = installation;
    let plan = fill::again(installation, size).await;
    let questions = Questions { size, users: plan.users, now: engine.now().0, plan };
    let rights = Rights::of_scopes("internal_*");
    let mut answers = Vec::new();
    for (name, sort, question) in QUESTIONS {
        let mut took = Vec::new();
        for n in 0..TIMES {
            let (text, position) = question(&questions, n);
            let began = Instant::now();
            let filter = SessionFilter::parse(text.as_deref(), Vocabulary::Full).expect("a filter");
            let query = SessionQuery {
                filter: &filter,
                sort,
                position,
                limit: 25,
                rights: &rights,
                as_of: None,
            };
            let page = engine.search_sessions(tenant, &query).await.expect("found");
            took.push(began.elapsed().as_secs_f64() * 1e3);
            let few =
                matches!(name, "by session id" | "by sid" | "by login name" | "by display name");
            assert!(
                few || name == "by address" || page.found.len() == 25 || size < 100_000,
                "{name}"
            );
            assert!(!page.found.is_empty() || size < 100_000, "{name}: {text:?}");
        }
        answers.push(answer(name, took));
    }
    answers.push(end_one(installation, &questions).await);
    answers.push(end_all(installation, &questions).await);
    answers.push(end_role(installation, &questions, rights).await);
    answers
}

pub(super) fn answer(name: &'static str, mut took: Vec<f64>) -> Answer {
    took.sort_by(f64::total_cmp);
    Answer { name, p50: percentile(&took, 0.5), p99: percentile(&took, 0.99), job: None }
}

async fn end_one(installation: &Installation, questions: &Questions) -> Answer {
    let Installation { engine, tenant } = installation;
    let mut took = Vec::new();
    for n in 0..ENDS {
        let number = mix(n ^ 123) % questions.size;
        let user = UserId(uuid(&questions.plan.user(questions.plan.owner(number))));
        let session = SessionId(questions.plan.session_id(number));
        let plan =
            EndPlan::new(EndTarget::Session(user, session), EndReason::Admin, Actor::Operator);
        let began = Instant::now();
        engine.end_sessions(tenant, plan, &Authority::system()).await.expect("ended");
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    answer("end one", took)
}

async fn end_all(installation: &Installation, questions: &Questions) -> Answer {
    let Installation { engine, tenant } = installation;
    let mut took = Vec::new();
    for n in 0..ENDS {
        // Not of those whom the job ends.
        let user = mix(n ^ 321) % questions.users;
        let user = if questions.plan.is_member(user) { user + 1 } else { user };
        let user = UserId(uuid(&questions.plan.user(user)));
        let targets = EndTargets::Named(vec![Named::User(user)]);
        let request = EndRequest::new(targets, Authority::operator());
        let began = Instant::now();
        engine.end(tenant, &request).await.expect("ended");
        took.push(began.elapsed().as_secs_f64() * 1e3);
    }
    answer("end all ten of a user", took)
}

async fn end_role(installation: &Installation, questions: &Questions, _rights: Rights) -> Answer {
    let Installation { engine, tenant } = installation;
    let role = EndTargets::Role("crowd".into());
    let request = EndRequest { as_job: true, ..EndRequest::new(role, Authority::operator()) };
    let pid = std::process::id();
    let cpu = cpu_ns(pid);
    let began = Instant::now();
    let EndAnswer::Job(job) = engine.end(tenant, &request).await.expect("begun") else {
        panic!("no job");
    };
    while engine.run_job_step().await.expect("a step") {}
    let seconds = began.elapsed().as_secs_f64();
    let cpu = (cpu_ns(pid) - cpu) as f64 / 1e9;
    let job = engine.reads(tenant.id).job(job.id).await.expect("read").expect("the job");
    assert_eq!(job.state, sojourn_model::JobState::Done);
    let ended = job.ended;
    let text = format!(
        "a job ended {} sessions of {} people with a role, {} grants, {} deliveries and {} events in {:.2} s: \
         {:.0} sessions a second; {:.2} s of processor time",
        ended.sessions,
        questions.plan.members,
        ended.grants,
        ended.deliveries,
        ended.sessions,
        seconds,
        ended.sessions as f64 / seconds,
        cpu
    );
    let each = seconds * 1e3 / ended.sessions.max(1) as f64;
    Answer { name: "end by role, each session", p50: each, p99: each, job: Some(text) }
}

fn uuid(bytes: &[u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*bytes)
}
