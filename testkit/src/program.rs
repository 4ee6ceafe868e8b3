//! The program itself, as a person would run it.

#![expect(clippy::disallowed_methods, reason = "a process is waited for on its own clock")]

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The built program, made if it isn't there.
#[must_use]
pub fn path() -> PathBuf {
    // Test programs lie in target/<profile>/deps.
    let mut folder = std::env::current_exe().expect("a test program has a path");
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join("sojourn");
    assert!(program.exists(), "{} is not built: run 'cargo build'", program.display());
    program
}

/// A port of this machine that nobody listens on, with the next `more` ports free as well.
#[must_use]
pub fn free_ports(more: u16) -> u16 {
    for _ in 0..100 {
        let probe = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = probe.local_addr().expect("its address").port();
        // Beside the range that the system hands out by itself, so that nobody is given these meanwhile.
        let port = 15_000 + port % 15_000;
        let free = (0..=more).all(|n| TcpListener::bind(("127.0.0.1", port + n)).is_ok());
        if free {
            return port;
        }
    }
    panic!("no free ports");
}

/// A running program. It is killed when dropped.
pub struct Running {
    child: Child,
    /// What it has said on standard error, line by line.
    pub errors: mpsc::Receiver<String>,
}

impl Running {
    /// Starts the program with arguments in a folder.
    #[must_use]
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        Self::start_with(folder, args, &[])
    }

    /// The same with variables of the environment.
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

    /// The number of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power cut would: nothing is finished, nothing is written.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Tells it to end and waits for that; answers whether it ended well.
    pub fn terminate(mut self) -> bool {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()));
        self.child.wait().is_ok_and(|status| status.success())
    }

    /// Tells it to end; returns everything that it said on standard error.
    ///
    /// # Panics
    /// When it can't be told.
    #[must_use]
    pub fn stop(mut self) -> String {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.is_ok_and(|status| status.success()));
        let _ = self.child.wait();
        self.errors.iter().collect::<Vec<_>>().join("\n")
    }

    /// Whether it is still there.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything it said on standard error until it ended by itself.
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

/// Asks again and again until an answer comes, for half a minute at most.
///
/// # Panics
/// When none comes.
pub async fn eventually<T, F, Fut>(what: &str, mut ask: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let began = std::time::Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A client that trusts any certificate of this machine and follows no redirect.
#[must_use]
pub fn client() -> reqwest::Client {
    client_with(None)
}

/// The same, from another address of this machine.
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
