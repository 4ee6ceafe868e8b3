//! Separate threads of lower priority for background work: requests take precedence, and neither a job that ends a
//! hundred thousand sessions nor the signing of its logout tokens delays them.

use std::future::Future;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Niceness of the threads: how much they yield to others (`nice`).
const NICENESS: i32 = 10;
/// Number of threads: one for jobs, one for outgoing requests.
const THREADS: usize = 2;

/// The background threads. They end when this is dropped, and so does the work on them.
pub(crate) struct Background {
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts the background threads.
    ///
    /// # Errors
    /// Fails if the machine can't start threads.
    pub(crate) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("background")
            .on_thread_start(|| {
                // If that isn't allowed, they have the priority of all others.
                let _ = rustix::process::setpriority_process(None, NICENESS);
            })
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    /// Runs a future on the background threads.
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
        // A runtime must not wait for its threads inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
