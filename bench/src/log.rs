//! How much a server writes to the log of its SQLite database.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where the index of a write-ahead log has the number of its last frame (SQLite, WAL-mode file format, section 2.1).
const LAST_FRAME: u64 = 16;
/// A page with the header of its frame, in bytes.
const FRAME: u64 = 4096 + 24;
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// Counts the frames that are added to a log, which begins again from time to time.
pub(crate) struct LogMeter {
    over: Arc<AtomicBool>,
    count: std::thread::JoinHandle<u64>,
}

fn last_frame(index: &File) -> u64 {
    let mut number = [0; 4];
    index.read_exact_at(&mut number, LAST_FRAME).expect("the log has an index");
    u64::from(u32::from_ne_bytes(number))
}

impl LogMeter {
    /// Begins to count. What is written between the last look at a log and its new beginning is missed: half a
    /// millisecond in a thousand frames.
    pub(crate) fn start(database: &Path) -> Self {
        let index = File::open(database.with_extension("db-shm")).expect("the log has an index");
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let mut before = last_frame(&index);
        let count = std::thread::spawn(move || {
            let mut frames = 0;
            loop {
                let last = ended.load(Ordering::Relaxed);
                let now = last_frame(&index);
                frames += if now >= before { now - before } else { now };
                before = now;
                if last {
                    return frames;
                }
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self { over, count }
    }

    /// The bytes that were written meanwhile.
    pub(crate) fn bytes(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.count.join().expect("counted") * FRAME
    }
}
