//! The writer: gathers the change sets that are waiting, applies each under a savepoint and commits
//! them together. One flush to disk for all; each caller is answered after it.

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

/// A write-ahead log of more pages than this (256 MiB) is started over by the writer itself, between two groups:
/// under steady load the checkpoint beside it may never find a moment in which the log is done with.
const WAL_PAGES_MAX: u64 = 65_536;

/// What a log that starts over may keep of its file.
pub(super) const WAL_BYTES_KEPT: &str = "402653184";

/// A group of so many says that the processor is what there is little of: then a flush is shared by as many as can be.
const CROWD: usize = 12;
/// How long the writer lets others join a group after a crowd.
const LINGER_IN_A_CROWD: Duration = Duration::from_millis(1);
/// How long otherwise, times the square of how many wait when it comes back from the group before: few are not worth a
/// wait, and theirs would be the longer. What joins while it lingers doesn't count, so that a long wait is no reason for
/// the next.
const LINGER: Duration = Duration::from_micros(12);
/// And never longer than so many times the last flush, which is what can be shared.
const LINGER_FLUSHES: u32 = 2;
/// How often it looks meanwhile whether as many wait as the group before had.
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
    /// Change sets in the queue.
    waiting: Arc<AtomicUsize>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Writer {
    /// Change sets in the queue.
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
        // The writer answers every message; it is gone only when the program is ending.
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

/// Lets others join a group. Not a wait for each message: being woken by every one would cost what the sharing saves.
#[expect(clippy::disallowed_methods, reason = "how long it lingers decides nothing about data")]
fn linger(group_before: usize, last_flush: Duration, waiting: &AtomicUsize) {
    // The one that was taken waits as well.
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
    // What is in the log is durable; a last checkpoint only makes the next start quicker.
    let _ = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE");
    drop(connection);
    if let Some(answer) = closing {
        let _ = answer.send(());
    }
}

/// Applies and commits a group and answers its callers. Says whether the file has to be reopened.
fn commit_group(connection: &Connection, group: &mut Vec<Waiting>, flush: &mut Duration) -> bool {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        let failed = failure(&error, "BEGIN");
        return answer_all(group.drain(..).map(|waiting| waiting.answer), &failed, &error);
    }
    // Where it is alone, the transaction itself undoes it, and no page is kept twice.
    if let [_] = group.as_slice() {
        return commit_alone(connection, group, flush);
    }
    let mut answers = Vec::with_capacity(group.len());
    for waiting in group.drain(..) {
        if connection.is_autocommit() {
            // SQLite rolled the whole group back with the statement that failed.
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
    // A single statement undoes itself when it fails.
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

/// How long the writer works at a change set before it lets those run who wait for a processor: reads are answered
/// meanwhile, where a job ends a hundred people's sessions at a time.
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

/// Moves the log into the file beside the writer, so that no commit pays for it.
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
