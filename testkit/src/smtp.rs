//! An SMTP server that keeps the mails that it receives.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sojourn_server::mail::{MailOptions, MailTls, Post};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::program::eventually;

#[derive(Default)]
struct Inner {
    /// Number of the next mails to refuse.
    refuse: usize,
    mails: Vec<String>,
}

/// An SMTP server (RFC 5321), reduced to what a client without extensions needs.
pub struct Smtp {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    task: tokio::task::JoinHandle<()>,
}

impl Smtp {
    /// Starts a server on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let inner = Arc::new(Mutex::new(Inner::default()));
        let kept = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Self { address, inner, task }
    }

    /// Returns a mailer that sends mail to this server.
    #[must_use]
    pub fn post(&self) -> Arc<Post> {
        let options = MailOptions::Smtp {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            tls: MailTls::None,
            credentials: None,
            ca_pem: None,
            from: "Sojourn <no-reply@sojourn.test>".into(),
        };
        Arc::new(Post::new(options).expect("mail"))
    }

    /// Waits for the first link with this beginning, in the mails from number `from` on, and returns it.
    pub async fn link(&self, beginning: &str, from: usize) -> String {
        eventually("the mail", || async {
            self.mails().iter().skip(from).find_map(|mail| {
                let text = plain(mail);
                let start = text.find(beginning)?;
                text[start..].split_whitespace().next().map(str::to_owned)
            })
        })
        .await
    }

    /// Waits for the first code at the end of a line, in the mails from number `from` on, and returns it.
    pub async fn code(&self, from: usize) -> String {
        eventually("the code", || async {
            let mails = self.mails();
            mails.iter().skip(from).find_map(|mail| code_of(&plain(mail)))
        })
        .await
    }

    /// Refuses the next `count` mails (451).
    pub fn refuse(&self, count: usize) {
        self.inner.lock().expect("mails").refuse = count;
    }

    /// Returns the received mails, unchanged.
    #[must_use]
    pub fn mails(&self) -> Vec<String> {
        self.inner.lock().expect("mails").mails.clone()
    }
}

/// Decodes the text of a mail: long lines arrive folded, and characters encoded (RFC 2045 §6.7).
#[must_use]
pub fn plain(mail: &str) -> String {
    mail.replace("=\n", "").replace("=3D", "=")
}

/// Returns the first word of exactly eight digits at the end of a line. A link can contain eight digits as well, but it
/// has other characters too.
fn code_of(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let word = line.split_whitespace().last()?;
        (word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit())).then(|| word.to_owned())
    })
}

impl Drop for Smtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, inner: Arc<Mutex<Inner>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let _ = write.write_all(b"220 mail.test\r\n").await;
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let reply: &[u8] = match verb.as_str() {
            "EHLO" | "HELO" => b"250-mail.test\r\n250 8BITMIME\r\n",
            "DATA" => {
                let _ = write.write_all(b"354 go on\r\n").await;
                let mut mail = String::new();
                while let Ok(Some(line)) = lines.next_line().await {
                    if line == "." {
                        break;
                    }
                    mail.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.push('\n');
                }
                let mut inner = inner.lock().expect("mails");
                if inner.refuse > 0 {
                    inner.refuse -= 1;
                    b"451 not now\r\n"
                } else {
                    inner.mails.push(mail);
                    b"250 kept\r\n"
                }
            }
            "QUIT" => {
                let _ = write.write_all(b"221 bye\r\n").await;
                return;
            }
            _ => b"250 fine\r\n",
        };
        if write.write_all(reply).await.is_err() {
            return;
        }
    }
}
