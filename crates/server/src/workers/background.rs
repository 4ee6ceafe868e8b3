//! Threads of their own for what runs beside requests, of lower priority: whoever waits for an answer goes first, and a job
//! that ends a hundred thousand sessions, or as many logout tokens to sign, hold up nobody.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// How much the threads yield to others (`nice`).
const NICENESS: i32 = 10;
/// One for jobs, one for what is posted.
const THREADS: usize = 2;

/// The threads. They end when this is dropped, and with them what still runs on them.
pub(crate) struct Background {
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts them.
    ///
    /// # Errors
    /// When the machine gives no threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("background")
            .on_thread_start(|| {
                // Where it isn't allowed they are as urgent as any other.
                let _ = rustix::process::setpriority_process(None, NICENESS);
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs a future there.
    pub(crate) fn spawn(
        &self,
        tasks: &mut JoinSet<()>,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        if let Some(runtime) = &self.runtime {
            tasks.spawn_on(work, runtime.handle());
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime may not wait for its threads where others run.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
