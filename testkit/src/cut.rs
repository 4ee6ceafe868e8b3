//! A line to a PostgreSQL server that can be cut: loudly, so that connections break, or silently, so that no data comes
//! through and neither side notices.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

/// State of the line to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// All data comes through; the initial state.
    Whole,
    /// No data comes through, and neither side notices. Data in transit is lost.
    Silent,
    /// Connections break, and new ones are refused.
    Broken,
}

/// A proxy to a server on a Unix socket.
pub struct Cut {
    line: Arc<watch::Sender<Line>>,
    port: u16,
    database: String,
}

impl Cut {
    /// Starts a proxy before the server of a connection string that [`crate::postgres::empty_database`] returns.
    pub async fn before(url: &str) -> Self {
        let part = |name: &str| {
            let found = url.split(' ').find_map(|part| part.strip_prefix(name));
            found.unwrap_or_else(|| panic!("{name} in {url}")).to_owned()
        };
        let socket = format!("{}/.s.PGSQL.5432", part("host="));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let line = Arc::new(watch::Sender::new(Line::Whole));
        let state = Arc::clone(&line);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *state.borrow() == Line::Broken {
                    continue;
                }
                let (socket, state) = (socket.clone(), Arc::clone(&state));
                tokio::spawn(async move {
                    let Ok(server) = UnixStream::connect(&socket).await else { return };
                    let (client, server) = (client.into_split(), server.into_split());
                    let up = pipe(client.0, server.1, state.subscribe());
                    let down = pipe(server.0, client.1, state.subscribe());
                    tokio::select! { () = up => {}, () = down => {} }
                });
            }
        });
        Self { line, port, database: part("dbname=") }
    }

    /// Returns the connection string of the server by way of the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!(
            "host=127.0.0.1 port={} user=sojourn dbname={} sslmode=disable",
            self.port, self.database
        )
    }

    /// Changes the state of the line.
    pub fn be(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn pipe(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut line: watch::Receiver<Line>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let state = *line.borrow_and_update();
        match state {
            Line::Broken => return,
            Line::Silent => {
                if line.changed().await.is_err() {
                    return;
                }
            }
            Line::Whole => {
                let read = tokio::select! {
                    read = from.read(&mut buffer) => read,
                    _ = line.changed() => continue,
                };
                let Ok(read @ 1..) = read else { return };
                // What was read before the line was cut is lost with it.
                if *line.borrow() != Line::Whole {
                    return std::future::pending().await;
                }
                if to.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
