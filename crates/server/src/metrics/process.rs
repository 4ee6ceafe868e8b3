//! Figures of the process, as Linux reports them; on other systems they stay zero.

use std::fs::read_to_string;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use rustix::process::{Resource, getrlimit};

#[derive(Default)]
pub(super) struct Process {
    pub(super) cpu: Counter<f64, AtomicU64>,
    pub(super) resident: Gauge,
    pub(super) open_files: Gauge,
    pub(super) most_files: Gauge,
    pub(super) threads: Gauge,
    pub(super) started: Gauge,
}

/// Ticks per second of the times that the kernel reports to user space: 100 on every Linux.
const TICKS_PER_SECOND: i64 = 100;

/// Parses `/proc/self/stat` from its third field on: the second is the program's name, which may contain anything.
fn fields(stat: &str) -> Vec<i64> {
    let behind = stat.rsplit_once(')').map_or("", |(_, behind)| behind);
    behind.split_whitespace().map(|text| text.parse().unwrap_or(0)).collect()
}

impl Process {
    /// Reads the current figures from `/proc`.
    pub(super) fn look(&self) {
        if let Ok(stat) = read_to_string("/proc/self/stat") {
            let fields = fields(&stat);
            // According to `man proc_pid_stat`, counted from the third field: utime 14, stime 15, num_threads 20,
            // starttime 22, rss 24.
            let field = |number: usize| fields.get(number - 3).copied().unwrap_or(0);
            let used = (field(14) + field(15)) as f64 / TICKS_PER_SECOND as f64;
            // A counter can only be increased, so the value so far is subtracted.
            self.cpu.inc_by((used - self.cpu.get()).max(0.0));
            self.threads.set(field(20));
            self.resident.set(field(24) * whole(rustix::param::page_size()));
            if let Some(booted) = booted() {
                self.started.set(booted + field(22) / TICKS_PER_SECOND);
            }
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.open_files.set(whole(files.count()));
        }
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.most_files.set(i64::try_from(most).unwrap_or(i64::MAX));
    }
}

/// Returns when the machine booted, in seconds since 1970.
fn booted() -> Option<i64> {
    let stat = read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
