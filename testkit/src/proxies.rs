//! Third-party reverse proxies, run with the configurations of `docs/PROXIES.md`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::program::eventually;
use crate::store::Folder;

/// A running proxy. It is stopped on drop.
pub struct Proxy {
    child: Child,
    _folder: Folder,
}

/// The program that serves as the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// nginx, from Debian's packages.
    Nginx,
    /// HAProxy, from Debian's packages.
    HaProxy,
}

/// Returns the `n`th configuration in a language, counted from 0, from the page about proxies.
///
/// # Panics
/// If there is no such configuration.
#[must_use]
pub fn documented(language: &str, n: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROXIES.md");
    let page = std::fs::read_to_string(path).expect("docs/PROXIES.md");
    let fence = format!("```{language}\n");
    let block = page.split(&fence).nth(n + 1).expect("a configuration");
    block.split("```").next().expect("its end").to_owned()
}

impl Proxy {
    /// Starts a proxy with a configuration from the page: port 443 becomes `port`, 9443 becomes `upstream`.
    /// `certificate` and `key` are PEM files.
    ///
    /// # Panics
    /// If the program isn't installed, refuses its configuration or doesn't listen within half a minute.
    pub async fn start(
        kind: Kind,
        text: &str,
        (port, upstream): (u16, u16),
        (certificate, key): (&Path, &Path),
    ) -> Self {
        let folder = Folder::new();
        let combined = folder.0.join("combined.pem");
        let pem = [certificate, key].map(|path| std::fs::read(path).expect("a file")).concat();
        std::fs::write(&combined, pem).expect("written");
        let shown = |path: &Path| path.display().to_string();
        let text = text
            .replace("/etc/ssl/id.example.org.combined.pem", &shown(&combined))
            .replace("/etc/ssl/id.example.org.pem", &shown(certificate))
            .replace("/etc/ssl/id.example.org.key", &shown(key))
            .replace("listen 443 ", &format!("listen 127.0.0.1:{port} "))
            .replace("bind :443", &format!("bind 127.0.0.1:{port}"))
            .replace(":9443", &format!(":{upstream}"));
        let child = kind.command(&folder.0, &text).stdin(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{kind:?} doesn't start: {error}"));
        let mut proxy = Self { child, _folder: folder };
        eventually("the proxy listens", || {
            assert!(matches!(proxy.child.try_wait(), Ok(None)), "{kind:?} ended: {text}");
            let there = std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
            std::future::ready(there.then_some(()))
        })
        .await;
        proxy
    }
}

impl Kind {
    fn command(self, folder: &Path, text: &str) -> Command {
        let file: PathBuf = folder.join("proxy.conf");
        match self {
            Self::Nginx => {
                // The settings that a package's own file has around a site, without system paths, and with enough
                // connections for hundreds of users.
                let user = if is_root() { "user root;" } else { "" };
                let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
                    .map(|name| format!("{name}_temp_path {}/{name};", folder.display()))
                    .concat();
                let whole = format!(
                    "{user} daemon off; pid {}/pid; error_log stderr; \
                     events {{ worker_connections 4096; }} \
                     http {{ access_log off; {temporary} {text} }}",
                    folder.display()
                );
                std::fs::write(&file, whole).expect("written");
                let mut command = Command::new(installed("nginx"));
                command.arg("-e").arg("stderr").arg("-c").arg(file).arg("-p").arg(folder);
                command
            }
            Self::HaProxy => {
                let whole = format!(
                    "global\ndefaults\n    timeout connect 5s\n    timeout client 50s\n    timeout server 50s\n\n{text}"
                );
                std::fs::write(&file, whole).expect("written");
                let mut command = Command::new(installed("haproxy"));
                command.arg("-db").arg("-f").arg(file);
                command
            }
        }
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Returns the path of a program: Debian installs servers in folders that only root searches.
fn installed(name: &str) -> PathBuf {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed: run 'make tools'"))
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // On SIGTERM nginx stops its workers; SIGKILL would leave them behind.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        );
        let _ = self.child.wait();
    }
}
