//! Sending mail: over SMTP, or into a folder.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use sojourn_engine::{Boxed, Mailer};
use sojourn_model::Mail;

/// An answer of the server that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A mail that takes longer in all is given up: less than the time for which nobody else takes it.
const TIMEOUT_IN_ALL: Duration = Duration::from_secs(45);

/// How to connect to the SMTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Not encrypted; for a relay on this machine.
    None,
    /// STARTTLS (RFC 3207), and nothing without it.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
}

/// Where mail goes.
#[derive(Debug, Clone)]
pub enum MailOptions {
    /// To a server, over SMTP (RFC 5321).
    Smtp {
        /// Its name.
        host: String,
        /// Its port.
        port: u16,
        /// How it is spoken to.
        tls: MailTls,
        /// Name and password, if it wants them.
        credentials: Option<(String, String)>,
        /// An authority to trust besides those of the Web, in PEM.
        ca_pem: Option<Vec<u8>>,
        /// The sender.
        from: String,
    },
    /// Into a folder, a file each.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The sender.
        from: String,
    },
}

enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
}

/// Sends mail.
pub struct Post {
    way: Way,
    from: Mailbox,
}

impl Post {
    /// Prepares to send; nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with the options, in words.
    pub fn new(options: MailOptions) -> Result<Self, String> {
        let (way, from) = match options {
            MailOptions::Folder { folder, from } => {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| format!("{}: {error}", folder.display()))?;
                (Way::Folder(folder), from)
            }
            MailOptions::Smtp { host, port, tls, credentials, ca_pem, from } => {
                let parameters = || {
                    let mut builder = TlsParameters::builder(host.clone());
                    if let Some(pem) = &ca_pem {
                        let authority =
                            Certificate::from_pem(pem).map_err(|error| error.to_string())?;
                        builder = builder.add_root_certificate(authority);
                    }
                    builder.build().map_err(|error| error.to_string())
                };
                let tls = match tls {
                    MailTls::None => Tls::None,
                    MailTls::StartTls => Tls::Required(parameters()?),
                    MailTls::Implicit => Tls::Wrapper(parameters()?),
                };
                let mut transport =
                    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.clone())
                        .port(port)
                        .tls(tls)
                        .timeout(Some(TIMEOUT));
                if let Some((name, password)) = credentials {
                    transport = transport.credentials(Credentials::new(name, password));
                }
                (Way::Smtp(Box::new(transport.build())), from)
            }
        };
        let parsed = from.parse().ok().and_then(in_ascii);
        let from = parsed.ok_or_else(|| format!("'{from}' is no mail address"))?;
        Ok(Self { way, from })
    }

    async fn deliver(&self, mail: &Mail) -> Result<(), String> {
        let recipient: Mailbox = mail
            .recipient
            .parse()
            .ok()
            .and_then(in_ascii)
            .ok_or("the recipient is no mail address")?;
        let domain = self.from.email.domain();
        let id = format!("<{}@{domain}>", sojourn_model::ids::hex(&mail.id));
        let message = Message::builder()
            .from(self.from.clone())
            .to(recipient)
            .subject(mail.subject.clone())
            .message_id(Some(id));
        let text = mail.body.clone();
        let message = match mail.html.clone() {
            Some(html) => message.multipart(MultiPart::alternative_plain_html(text, html)),
            None => message.header(header::ContentType::TEXT_PLAIN).body(text),
        };
        let message = message.map_err(|error| error.to_string())?;
        match &self.way {
            Way::Smtp(transport) => match transport.send(message).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            Way::Folder(folder) => {
                let path = folder.join(format!("{}.eml", sojourn_model::ids::hex(&mail.id)));
                let text = message.formatted();
                tokio::task::spawn_blocking(move || {
                    std::fs::write(&path, text).map_err(|error| error.to_string())?;
                    tracing::info!(file = %path.display(), "a mail was written");
                    Ok(())
                })
                .await
                .map_err(|error| error.to_string())?
            }
        }
    }
}

/// An address with its domain as the DNS has it (RFC 5891 §4.4): not every server on the way knows RFC 6531.
fn in_ascii(mailbox: Mailbox) -> Option<Mailbox> {
    if mailbox.email.domain().is_ascii() {
        return Some(mailbox);
    }
    let domain =
        idna::domain_to_ascii_cow(mailbox.email.domain().as_bytes(), idna::AsciiDenyList::EMPTY)
            .ok()?;
    let email = lettre::Address::new(mailbox.email.user(), &*domain).ok()?;
    Some(Mailbox::new(mailbox.name, email))
}

impl Mailer for Post {
    fn send<'a>(&'a self, mail: &'a Mail) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let sent = tokio::time::timeout(TIMEOUT_IN_ALL, self.deliver(mail)).await;
            sent.unwrap_or_else(|_| Err("the SMTP server took too long".into()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_go_out_in_ascii() {
        for (given, sent) in [
            ("zoe@b\u{fc}cher.example", "zoe@xn--bcher-kva.example"),
            ("zoe@BÜCHER.example", "zoe@xn--bcher-kva.example"),
            ("zo\u{eb}@example.org", "zo\u{eb}@example.org"),
            ("a.b+c@example.org", "a.b+c@example.org"),
        ] {
            let mailbox = given.parse().ok().and_then(in_ascii);
            assert_eq!(mailbox.map(|one| one.email.to_string()).as_deref(), Some(sent), "{given}");
        }
    }
}
