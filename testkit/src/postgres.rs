//! A PostgreSQL server of the test process: started on first use on a socket in a temporary folder, stopped and removed
//! when the process ends, however it ends.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A running server. It stops when this is dropped, or when the test process ends.
pub struct Cluster {
    folder: PathBuf,
    // Its standard input keeps the server running: when this process ends, the pipe closes.
    _keeper: Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("PostgreSQL isn't installed: 'make tools' installs it")
}

/// Returns a command that runs a shell script as a user that PostgreSQL accepts: it refuses to run as root.
fn shell(script: &str) -> Command {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    if is_root {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", "sh", "-c", script]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }
}

/// Turns durability off, which no test needs: the data doesn't outlive the server.
const CARELESS: &str = "-c fsync=off -c full_page_writes=off";

/// Starts a server with additional options; `before` is put before the command of the database program, such as
/// `taskset -c 0`.
#[must_use]
pub fn start(options: &str, before: &str) -> Cluster {
    let bin = programs();
    let made = shell("mktemp -d /tmp/sojourn-pg.XXXXXX").output().expect("mktemp");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let folder = PathBuf::from(String::from_utf8(made.stdout).expect("a path").trim());
    let script = format!(
        "cd {folder} && {bin}/initdb -D data -U sojourn --auth=trust -E UTF8 --locale=C \
           --no-sync >init.log 2>&1 || exit 1\n\
         {before} {bin}/postgres -D data -k {folder} -c listen_addresses= {options} \
           -c max_connections=200 -c log_min_messages=error >log 2>&1 &\n\
         server=$!\n\
         cat >/dev/null\n\
         kill -QUIT $server; wait $server; cd /; rm -rf {folder}",
        folder = folder.display(),
        bin = bin.display(),
    );
    let keeper = shell(&script)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    wait_until_ready(&bin, &folder);
    Cluster { folder, _keeper: keeper }
}

impl Cluster {
    /// Returns the connection string of its first database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("host={} user=sojourn dbname=postgres sslmode=disable", self.folder.display())
    }

    /// Returns the id of the process that all its others descend from.
    #[must_use]
    pub fn process(&self) -> u32 {
        let file = self.folder.join("data/postmaster.pid");
        let text = std::fs::read_to_string(file).expect("PostgreSQL writes its process id");
        text.lines().next().and_then(|line| line.trim().parse().ok()).expect("a number")
    }
}

fn wait_until_ready(bin: &Path, folder: &Path) {
    for _ in 0..600 {
        let ready = Command::new(bin.join("pg_isready"))
            .args(["-q", "-h"])
            .arg(folder)
            .args(["-t", "1"])
            .status()
            .is_ok_and(|status| status.success());
        if ready {
            return;
        }
        // The next check waits for the server itself, not for a fixed time.
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("PostgreSQL did not start: see {}", folder.display());
}

/// Creates an empty database and returns its connection string.
pub async fn empty_database() -> String {
    let cluster = CLUSTER.get_or_init(|| start(CARELESS, ""));
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let host = cluster.folder.display();
    let admin = format!("host={host} user=sojourn dbname=postgres sslmode=disable");
    let (client, connection) =
        tokio_postgres::connect(&admin, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    let driver = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    drop(client);
    let _ = driver.await;
    format!("host={host} user=sojourn dbname={name} sslmode=disable")
}
