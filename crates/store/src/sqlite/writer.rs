//! The writer: collects the waiting change sets, applies each under a savepoint and commits them together, with one
//! flush to disk for all. Each caller gets its result after the flush.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use sojourn_model::limits::{GROUP_COMMIT_MAX, WRITE_QUEUE_MAX};
use sojourn_model::{Applied, Outcome};
use tokio::sync::oneshot;

use super::{Shared, connect_writer, failure, query_raw};
use crate::compile::{Step, Steps};
use crate::error::StoreError;
use crate::gather::{self, Answer};

/// Size of the write-ahead log in pages (256 MiB) above which the writer itself restarts it, between two groups: under
/// steady load the checkpoint thread may never find a moment at which the log is fully checkpointed.
const WAL_PAGES_MAX: u64 = 65_536;

/// Maximum size in bytes that the file of a restarted log keeps.
pub(super) const WAL_BYTES_KEPT: &str = "402653184";

/// Size of a group from which the processor counts as the bottleneck: then as many change sets as possible share a
/// flush.
const CROWD: usize = 12;
/// How long the writer waits for others to join a group if the previous group had at least [`CROWD`] change sets.
const LINGER_IN_A_CROWD: Duration = Duration::from_millis(1);
/// How long it waits otherwise, times the square of the number of change sets that wait after the previous group: a few
/// aren't worth a wait, which would make them slower. Change sets that arrive during the wait don't count, so that a
/// long wait doesn't cause another one.
const LINGER: Duration = Duration::from_micros(12);
/// Upper bound of the wait as a multiple of the last flush, because the flush is the cost that is shared.
const LINGER_FLUSHES: u32 = 2;
/// How often it checks during the wait whether the previous group's number of change sets is waiting.
const LOOK: Duration = Duration::from_micros(100);

type Result1 = Result<Outcome, StoreError>;

struct Waiting {
    steps: Steps,
    answer: oneshot::Sender<Result1>,
}

enum Message {
    Apply(Box<Waiting>),
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    queue: mpsc::SyncSender<Message>,
    /// Number of change sets in the queue.
    waiting: Arc<AtomicUsize>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    /// Returns the number of change sets in the queue.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn start(
        connection: Connection,
        shared: Arc<Shared>,
        checkpoint_every_ms: u64,
    ) -> Result<Self, StoreError> {
        let (queue, messages) = mpsc::sync_channel(WRITE_QUEUE_MAX);
        let (stop, stopped) = mpsc::channel::<()>();
        let beside = Arc::clone(&shared);
        let no_thread = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        let checkpointer = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || checkpoint(&beside, &stopped, checkpoint_every_ms))
            .map_err(no_thread)?;
        let waiting = Arc::new(AtomicUsize::new(0));
        let queued = Arc::clone(&waiting);
        let writer = std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                write(connection, &shared, &messages, &queued);
                drop(stop);
            })
            .map_err(no_thread)?;
        Ok(Self { queue, waiting, threads: Mutex::new(vec![writer, checkpointer]) })
    }

    pub(super) async fn apply(&self, steps: Steps) -> Result1 {
        let (answer, answered) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(Message::Apply(Box::new(Waiting { steps, answer }))).map_err(
            |error| {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
                match error {
                    TrySendError::Full(_) => StoreError::Unavailable("too many writes wait".into()),
                    TrySendError::Disconnected(_) => StoreError::Unavailable("closed".into()),
                }
            },
        )?;
        // The writer responds to every message; it is gone only when the program is exiting.
        answered.await.unwrap_or(Err(StoreError::Unknown))
    }

    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.clone();
        let sent = tokio::task::spawn_blocking(move || queue.send(Message::Close(answer))).await;
        if matches!(sent, Ok(Ok(()))) {
            let _ = answered.await;
        }
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
    }
}

/// Waits for others to join a group. It polls instead of waiting for each message, because a wake-up per message would
/// cost what the sharing saves.
#[expect(clippy::disallowed_methods, reason = "how long it lingers decides nothing about data")]
fn linger(group_before: usize, last_flush: Duration, waiting: &AtomicUsize) {
    // The change set that was taken from the queue is counted as well.
    let wait = u32::try_from(waiting.load(Ordering::Relaxed)).unwrap_or(u32::MAX).min(100);
    let longest = match group_before >= CROWD {
        true => LINGER_IN_A_CROWD,
        false => (LINGER * wait * wait).min(last_flush * LINGER_FLUSHES).min(LINGER_IN_A_CROWD),
    };
    let began = std::time::Instant::now();
    while let Some(left) = longest.checked_sub(began.elapsed())
        && !left.is_zero()
        && waiting.load(Ordering::Relaxed) < group_before
    {
        std::thread::park_timeout(left.min(LOOK));
    }
}

fn write(
    mut connection: Connection,
    shared: &Shared,
    messages: &mpsc::Receiver<Message>,
    waiting: &AtomicUsize,
) {
    let mut group: Vec<Waiting> = Vec::with_capacity(GROUP_COMMIT_MAX);
    let mut closing = None;
    let mut group_before = 0;
    let mut last_flush = Duration::ZERO;
    while closing.is_none() {
        match messages.recv() {
            Ok(Message::Apply(waiting)) => group.push(*waiting),
            Ok(Message::Close(answer)) => closing = Some(answer),
            Err(_) => return,
        }
        if group_before > 1 && closing.is_none() {
            linger(group_before, last_flush, waiting);
        }
        while group.len() < GROUP_COMMIT_MAX && closing.is_none() {
            match messages.try_recv() {
                Ok(Message::Apply(waiting)) => group.push(*waiting),
                Ok(Message::Close(answer)) => closing = Some(answer),
                Err(_) => break,
            }
        }
        group_before = group.len();
        if !group.is_empty() {
            waiting.fetch_sub(group_before, Ordering::Relaxed);
            let damaged = commit_group(&connection, &mut group, &mut last_flush);
            if damaged {
                shared.healthy.store(false, Ordering::Release);
                match connect_writer(&shared.path) {
                    Ok(fresh) => {
                        connection = fresh;
                        shared.healthy.store(true, Ordering::Release);
                    }
                    Err(error) => tracing::error!(%error, "the database file can't be reopened"),
                }
            }
            keep_log_short(&connection, shared);
        }
    }
    // The content of the log is durable; a last checkpoint only makes the next start faster.
    let _ = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    drop(connection);
    if let Some(answer) = closing {
        let _ = answer.send(());
    }
}

/// Applies and commits a group and sends the results to its callers. Returns whether the file has to be reopened.
fn commit_group(connection: &Connection, group: &mut Vec<Waiting>, flush: &mut Duration) -> bool {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let failed = failure(&error, "BEGIN");
        return answer_all(group.drain(..).map(|waiting| waiting.answer), &failed, &error);
    }
    // A single change set needs no savepoint: the transaction itself undoes it, and no page is saved twice.
    if let [_] = group.as_slice() {
        return commit_alone(connection, group, flush);
    }
    let mut answers = Vec::with_capacity(group.len());
    for waiting in group.drain(..) {
        if connection.is_autocommit() {
            // SQLite rolled back the whole group because of the failed statement.
            answers.push((waiting.answer, Err(lost_group())));
            continue;
        }
        let result = apply_one(connection, &waiting.steps.list);
        answers.push((waiting.answer, result));
    }
    if connection.is_autocommit() {
        for (answer, result) in answers {
            let _ = answer.send(match result {
                Ok(_) => Err(lost_group()),
                Err(error) => Err(error),
            });
        }
        return false;
    }
    commit(connection, answers, flush)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a flush takes bounds how long others may join"
)]
fn commit(
    connection: &Connection,
    answers: Vec<(oneshot::Sender<Result1>, Result1)>,
    flush: &mut Duration,
) -> bool {
    let began = std::time::Instant::now();
    match connection.execute_batch("COMMIT") {
        Ok(()) => {
            *flush = began.elapsed();
            for (answer, result) in answers {
                let _ = answer.send(result);
            }
            false
        }
        Err(error) => {
            if !connection.is_autocommit() {
                let _ = connection.execute_batch("ROLLBACK");
            }
            let failed = match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::DiskFull,
                Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
                // The flush may or may not have reached the disk.
                _ => StoreError::Unknown,
            };
            answer_all(answers.into_iter().map(|(answer, _)| answer), &failed, &error)
        }
    }
}

fn commit_alone(connection: &Connection, group: &mut Vec<Waiting>, flush: &mut Duration) -> bool {
    let Some(Waiting { steps, answer }) = group.pop() else { return false };
    let result = run_steps(connection, &steps.list);
    let applied = matches!(result, Ok(Outcome::Applied(_)));
    if applied && !connection.is_autocommit() {
        return commit(connection, vec![(answer, result)], flush);
    }
    if !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    let _ = answer.send(if applied { Err(lost_group()) } else { result });
    false
}

fn lost_group() -> StoreError {
    StoreError::Unavailable("a failure beside this change undid it: try again".into())
}

fn answer_all(
    answers: impl Iterator<Item = oneshot::Sender<Result1>>,
    failed: &StoreError,
    error: &rusqlite::Error,
) -> bool {
    tracing::error!(%error, "a group of changes was not kept");
    for answer in answers {
        let _ = answer.send(Err(failed.clone()));
    }
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::DatabaseCorrupt)
    )
}

fn apply_one(connection: &Connection, steps: &[Step]) -> Result1 {
    // A single statement is undone when it fails.
    let nested = steps.len() > 1;
    let wrong = |error: rusqlite::Error| failure(&error, "SAVEPOINT");
    if nested {
        connection
            .prepare_cached("SAVEPOINT one")
            .and_then(|mut s| s.execute([]))
            .map_err(wrong)?;
    }
    let result = run_steps(connection, steps);
    if nested && !connection.is_autocommit() {
        if !matches!(result, Ok(Outcome::Applied(_))) {
            connection
                .prepare_cached("ROLLBACK TO one")
                .and_then(|mut s| s.execute([]))
                .map_err(wrong)?;
        }
        connection.prepare_cached("RELEASE one").and_then(|mut s| s.execute([])).map_err(wrong)?;
    }
    result
}

/// Time that the writer works on a change set before it yields the processor, so that reads continue while, for
/// example, a job ends the sessions of a hundred users at a time.
const TURN: Duration = Duration::from_millis(1);

#[expect(clippy::disallowed_methods, reason = "how long it has worked decides nothing about data")]
fn run_steps(connection: &Connection, steps: &[Step]) -> Result1 {
    let mut applied = Applied::default();
    let mut began = std::time::Instant::now();
    for step in steps.iter().filter(|step| !step.lock_only) {
        let ran = if step.statement.returns_rows() {
            query_raw(connection, step.statement, &step.params)
                .map(|rows| Answer { count: rows.len() as u64, rows })
        } else {
            connection
                .prepare_cached(step.statement.sqlite())
                .and_then(|mut prepared| prepared.execute(rusqlite::params_from_iter(&step.params)))
                .map(|count| Answer { count: count as u64, rows: Vec::new() })
        };
        let answer = match ran {
            Ok(answer) => answer,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Ok(Outcome::Duplicate);
            }
            Err(error) => return Err(failure(&error, step.statement.name)),
        };
        if let Some(outcome) = gather::unexpected(step, answer.count) {
            return Ok(outcome);
        }
        gather::add(&mut applied, step, answer)?;
        if began.elapsed() > TURN {
            std::thread::yield_now();
            began = std::time::Instant::now();
        }
    }
    Ok(Outcome::Applied(applied))
}

fn keep_log_short(connection: &Connection, shared: &Shared) {
    if shared.log_pages.load(Ordering::Relaxed) > WAL_PAGES_MAX {
        shared.log_pages.store(0, Ordering::Relaxed);
        let _ =
            connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get::<_, i64>(0));
    }
}

/// Copies the log into the database file in a separate thread, so that commits don't pay for it.
fn checkpoint(shared: &Shared, stopped: &mpsc::Receiver<()>, every_ms: u64) {
    let mut connection = None;
    while let Err(RecvTimeoutError::Timeout) =
        stopped.recv_timeout(Duration::from_millis(every_ms.max(10)))
    {
        if connection.is_none() {
            connection = connect_writer(&shared.path).ok();
        }
        let Some(open) = &connection else { continue };
        match open.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i64>(1)) {
            Ok(pages) => {
                shared.log_pages.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            }
            Err(_) => connection = None,
        }
    }
}
