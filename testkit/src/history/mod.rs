//! Checks the guarantee that every node refuses the tokens after an end has returned.
//!
//! Many clients sign in, get codes, redeem and refresh them on two nodes at once, with random pauses at every boundary
//! between two statements, while ends of every kind are executed. Everything that was issued is recorded with what it
//! depends on; after each end has returned, everything that it takes is tried on both nodes, and once more at the end
//! of the run. Anything that still works then, or is created for something that has ended, is a violation.

mod clients;
mod ends;
pub mod nodes;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sojourn_model::{AppId, SessionId, UserId};

use crate::store::Engine as Database;
use nodes::Nodes;

/// Parameters of a run.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Kind of database that the nodes use.
    pub database: Database,
    /// Duration of the run.
    pub lasts: Duration,
    /// Seed of the random numbers; it doesn't determine the schedule of threads.
    pub seed: u64,
}

/// What a run did and found.
#[derive(Debug, Default)]
pub struct Report {
    /// Number of successful operations, by name.
    pub done: BTreeMap<&'static str, u64>,
    /// Descriptions of what violated the guarantee, at most the first hundred.
    pub violations: Vec<String>,
    /// Requests that failed for another reason than a refusal.
    pub failures: Vec<String>,
    /// Requests that waited longer than their limit, for a connection or for locks that others held through their
    /// pauses. They are rolled back and fail, which guarantees nothing.
    pub given_up: u64,
    /// Number of tokens of ended sessions and grants that were tried, and refused as required.
    pub refused: u64,
}

impl Report {
    /// Returns how often an operation succeeded.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.done.get(what).copied().unwrap_or(0)
    }
}

/// A sender that sends nothing and reports every delivery as successful.
pub struct Nobody;

impl sojourn_engine::DeliverySender for Nobody {
    fn post<'a>(
        &'a self,
        _uri: &'a str,
        _logout_token: &'a str,
    ) -> sojourn_engine::Boxed<'a, sojourn_engine::AttemptResult> {
        Box::pin(async { sojourn_engine::AttemptResult::Answered(200) })
    }

    fn post_soap<'a>(
        &'a self,
        _: &'a str,
        _: String,
    ) -> sojourn_engine::Boxed<'a, Result<Vec<u8>, sojourn_engine::AttemptResult>> {
        Box::pin(async { Err(sojourn_engine::AttemptResult::Answered(500)) })
    }
}

/// A small, fast and reproducible random number generator.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }

    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let at = self.below(of.len() as u64);
        &of[usize::try_from(at).expect("small")]
    }
}

/// A moment of the run, numbered in the order of events.
pub(crate) type Moment = u64;

/// A session that a client signed in to.
pub(crate) struct KnownSession {
    pub(crate) id: SessionId,
    pub(crate) user: UserId,
    /// When the sign-in had returned.
    pub(crate) born: Moment,
    /// Whether an end of only this session is in progress or done: there is one for each session.
    pub(crate) aimed_at: bool,
    /// What ended it, once the end has returned, and whether that takes offline grants.
    pub(crate) ended_by: Option<(&'static str, bool)>,
}

/// What one authorization issued to an application.
pub(crate) struct KnownGrant {
    pub(crate) session: SessionId,
    pub(crate) user: UserId,
    pub(crate) app: AppId,
    pub(crate) client_id: &'static str,
    pub(crate) offline: bool,
    /// When the authorization had returned.
    pub(crate) born: Moment,
    /// What ended it, once the end has returned.
    pub(crate) ended_by: Option<&'static str>,
    pub(crate) code: String,
    pub(crate) tokens: Vec<String>,
    pub(crate) refresh: Vec<String>,
}

/// Records of everything that was issued.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) sessions: Vec<KnownSession>,
    pub(crate) grants: Vec<KnownGrant>,
    report: Report,
}

/// The shared state of a run in progress.
pub(crate) struct World {
    pub(crate) nodes: Nodes,
    pub(crate) known: Mutex<Known>,
    moment: AtomicU64,
    stop: std::sync::atomic::AtomicBool,
}

impl World {
    pub(crate) fn now(&self) -> Moment {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    pub(crate) fn over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().expect("nobody panicked"))
    }

    pub(crate) fn did(&self, what: &'static str) {
        self.known(|known| *known.report.done.entry(what).or_default() += 1);
    }

    pub(crate) fn failed(&self, what: &str, error: &dyn std::fmt::Display) {
        /// Texts in the errors of the database's limits.
        const LIMITS: [&str; 2] = ["took too long for a change", "while waiting for a slot"];
        let error = error.to_string();
        self.known(|known| {
            if LIMITS.iter().any(|limit| error.contains(limit)) {
                known.report.given_up += 1;
            } else if known.report.failures.len() < 100 {
                known.report.failures.push(format!("{what}: {error}"));
            }
        });
    }

    fn violated(&self, what: String) {
        self.known(|known| {
            if known.report.violations.len() < 100 {
                known.report.violations.push(what);
            }
        });
    }

    /// Tries everything of an ended grant on both nodes.
    pub(crate) async fn must_be_dead(&self, grant: usize, when: &str) {
        let (tokens, refresh, code, client_id, offline, why) = self.known(|known| {
            let one = &known.grants[grant];
            (
                one.tokens.clone(),
                one.refresh.clone(),
                one.code.clone(),
                one.client_id,
                one.offline,
                one.ended_by.unwrap_or("nothing"),
            )
        });
        let mut refused = 0;
        for node in 0..2 {
            for token in &tokens {
                match self.nodes.is_active(node, token).await {
                    Ok(false) => refused += 1,
                    Ok(true) => self.violated(format!(
                        "{when} '{why}': an access token of {client_id} (offline {offline}) is good on node {node}"
                    )),
                    Err(error) => self.failed("introspection", &error),
                }
            }
            let newest = refresh.last().map(String::as_str);
            let code = newest.is_none().then_some(code.as_str());
            match self.nodes.is_refused(node, client_id, code, newest).await {
                Ok(true) => refused += 1,
                Ok(false) => self.violated(format!(
                    "{when} '{why}': a code or refresh token of {client_id} (offline {offline}) is good on node {node}"
                )),
                Err(error) => self.failed("using what has ended", &error),
            }
        }
        self.known(|known| known.report.refused += refused);
    }
}

/// Runs clients and ends against two nodes for the planned duration.
pub async fn run(plan: Plan) -> Report {
    let world = Arc::new(World {
        nodes: Nodes::start(plan.database, plan.seed).await,
        known: Mutex::default(),
        moment: AtomicU64::new(1),
        stop: std::sync::atomic::AtomicBool::new(false),
    });
    let mut tasks = Vec::new();
    for number in 0..12 {
        let dice = Dice::new(plan.seed + 100 + number);
        tasks.push(tokio::spawn(clients::client(Arc::clone(&world), dice)));
    }
    for number in 0..4 {
        let dice = Dice::new(plan.seed + 200 + number);
        tasks.push(tokio::spawn(ends::ends(Arc::clone(&world), dice)));
    }
    #[expect(clippy::disallowed_methods, reason = "a run lasts as long as it is told to")]
    tokio::time::sleep(plan.lasts).await;
    world.stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no task panics");
    }
    let ended: Vec<usize> = world.known(|known| {
        let all = known.grants.iter().enumerate();
        all.filter(|(_, one)| one.ended_by.is_some()).map(|(at, _)| at).collect()
    });
    for grant in ended {
        world.must_be_dead(grant, "long after").await;
    }
    let deadlocks = world.nodes.test.deadlocks().await;
    world.known(|known| {
        known.report.done.insert("deadlock", deadlocks);
        std::mem::take(&mut known.report)
    })
}
