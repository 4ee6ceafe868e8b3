//! The program itself, as a user would run it.

#![expect(clippy::disallowed_methods, reason = "a process is waited for on its own clock")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Returns the path of the built program; panics if it isn't built.
#[must_use]
pub fn path() -> PathBuf {
    // Test programs are in target/<profile>/deps.
    let mut folder = std::env::current_exe().expect("a test program has a path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join("sojourn");
    assert!(program.exists(), "{} is not built: run 'cargo build'", program.display());
    program
}

/// Returns a free port of this machine; the next `more` ports are free as well.
#[must_use]
pub fn free_ports(more: u16) -> u16 {
    for _ in 0..100 {
        let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = probe.local_addr().expect("its address").port();
        // Outside the range that the system assigns by itself, so that no other program gets these meanwhile.
        let port = 15_000 + port % 15_000;
        let free = (0..=more).all(|n| TcpListener::bind(("127.0.0.1", port + n)).is_ok());
        if free {
            return port;
        }
    }
    panic!("no free ports");
}

/// A running program. It is killed on drop.
pub struct Running {
    child: Child,
    /// Its output on standard error, line by line.
    pub errors: mpsc::Receiver<String>,
}

impl Running {
    /// Starts the program with arguments in a folder.
    #[must_use]
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, &[])
    }

    /// Starts the program with arguments and environment variables in a folder.
    ///
    /// # Panics
    /// If it can't be started.
    #[must_use]
    pub fn start_with(folder: &Path, args: &[&str], variables: &[(&str, String)]) -> Self {
        let mut child = Command::new(path())
            .args(args)
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, errors) = mpsc::channel();
        let stderr = child.stderr.take().expect("piped");
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, errors }
    }

    /// Returns the id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills the program as a power cut would: nothing is finished, nothing is written.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM and waits for the program to end; returns whether it exited successfully.
    pub fn terminate(mut self) -> bool {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()));
        self.child.wait().is_ok_and(|status| status.success())
    }

    /// Sends SIGTERM and waits for the program to end; returns its output on standard error.
    ///
    /// # Panics
    /// If the signal can't be sent.
    #[must_use]
    pub fn stop(mut self) -> String {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()));
        let _ = self.child.wait();
        self.errors.iter().collect::<Vec<_>>().join("\n")
    }

    /// Whether the program is still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for the program to end by itself; returns its output on standard error.
    pub fn last_words(mut self) -> String {
        let _ = self.child.wait();
        self.errors.iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls `ask` repeatedly until it returns a value, for at most half a minute.
///
/// # Panics
/// If it returns no value in that time.
pub async fn eventually<T, F, Fut>(what: &str, ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    within(Duration::from_secs(30), what, ask).await
}

/// The same for at most a given time, for what takes long on a busy machine.
///
/// # Panics
/// If it returns no value in that time.
pub async fn within<T, F, Fut>(most: Duration, what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = std::time::Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < most, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns an HTTP client that trusts any certificate and follows no redirect.
#[must_use]
pub fn client() -> reqwest::Client {
    client_with(None)
}

/// Returns such a client that connects from another address of this machine.
#[must_use]
pub fn client_from(address: &str) -> reqwest::Client {
    client_with(Some(address.parse().expect("an address")))
}

fn client_with(address: Option<std::net::IpAddr>) -> reqwest::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .local_address(address)
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client")
}
