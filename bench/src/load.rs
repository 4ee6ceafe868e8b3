//! Saturation, and latency at half of it.

use std::time::{Duration, Instant};

use crate::client::Target;
use crate::measure::cpu_ns;
use crate::operations::{Kind, Worker};

pub(crate) const CONNECTIONS: u64 = 64;

/// What an operation cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) per_second: f64,
    pub(crate) cpu_ms: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * share).round() as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

pub(crate) async fn workers(target: &Target, kind: Kind, first: u64) -> Vec<Worker> {
    let mut workers = Vec::new();
    for n in 0..CONNECTIONS {
        workers.push(Worker::new(target, kind, first + n).await);
    }
    workers
}

/// Measures an operation. `first` is the first of the seeded sessions to use.
pub(crate) async fn measure(
    target: &Target,
    pid: u32,
    kind: Kind,
    first: u64,
    time: Duration,
) -> Cost {
    let ready = workers(target, kind, first).await;
    // Warm: caches, prepared statements, branch predictors.
    let (ready, _) = saturate(ready, time / 4).await;
    let cpu = cpu_ns(pid);
    let began = Instant::now();
    let (ready, turns) = saturate(ready, time).await;
    let seconds = began.elapsed().as_secs_f64();
    let cpu_ms = (cpu_ns(pid) - cpu) as f64 / 1e6 / turns as f64;
    let per_second = turns as f64 / seconds;
    let (_, mut latencies) = paced(ready, per_second / 2.0, time).await;
    latencies.sort_by(f64::total_cmp);
    Cost {
        per_second,
        cpu_ms,
        p50_ms: percentile(&latencies, 0.5),
        p99_ms: percentile(&latencies, 0.99),
    }
}

async fn saturate(workers: Vec<Worker>, time: Duration) -> (Vec<Worker>, u64) {
    let until = Instant::now() + time;
    let running: Vec<_> = workers
        .into_iter()
        .map(|mut worker| {
            tokio::spawn(async move {
                let mut turns = 0_u64;
                while Instant::now() < until {
                    worker.turn().await;
                    turns += 1;
                }
                (worker, turns)
            })
        })
        .collect();
    let mut back = Vec::new();
    let mut turns = 0;
    for running in running {
        let (worker, count) = running.await.expect("a worker ends");
        back.push(worker);
        turns += count;
    }
    (back, turns)
}

/// Turns at a fixed rate; a turn's latency counts from when it was due, so a stall isn't hidden.
pub(crate) async fn paced(
    workers: Vec<Worker>,
    per_second: f64,
    time: Duration,
) -> (Vec<Worker>, Vec<f64>) {
    let gap = Duration::from_secs_f64(CONNECTIONS as f64 / per_second);
    let start = Instant::now();
    let running: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(n, mut worker)| {
            tokio::spawn(async move {
                let mut latencies = Vec::new();
                let mut due = start + gap.mul_f64(n as f64 / CONNECTIONS as f64);
                while due.duration_since(start) < time {
                    tokio::time::sleep_until(due.into()).await;
                    worker.turn().await;
                    latencies.push(due.elapsed().as_secs_f64() * 1e3);
                    due += gap;
                }
                (worker, latencies)
            })
        })
        .collect();
    let (mut back, mut all) = (Vec::new(), Vec::new());
    for running in running {
        let (worker, latencies) = running.await.expect("a worker ends");
        back.push(worker);
        all.extend(latencies);
    }
    (back, all)
}
