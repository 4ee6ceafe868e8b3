//! Sends mail over SMTP, or writes it to a folder.

use std::path::PathBuf;
use std::time::Duration;

use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use sojourn_engine::{Boxed, Mailer};
use sojourn_model::Mail;

/// Time limit for a response of the SMTP server.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Time limit for sending one mail: shorter than the time for which no other worker takes it.
const TIMEOUT_IN_ALL: Duration = Duration::from_secs(45);

/// How to connect to the SMTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// No encryption; for a relay on this machine.
    None,
    /// STARTTLS (RFC 3207), required: without it, nothing is sent.
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
}

/// How mail is delivered: over SMTP or to a folder.
#[derive(Debug, Clone)]
pub enum MailOptions {
    /// To an SMTP server (RFC 5321).
    Smtp {
        /// Host name of the SMTP server.
        host: String,
        /// Port of the SMTP server.
        port: u16,
        /// Encryption of the connection to the server.
        tls: MailTls,
        /// User name and password, if the server requires them.
        credentials: Option<(String, String)>,
        /// A CA certificate to trust in addition to the public CAs, in PEM.
        ca_pem: Option<Vec<u8>>,
        /// Sender address of all mails.
        from: String,
    },
    /// To a folder, with one file for each mail.
    Folder {
        /// The folder for the files; it is created if it is missing.
        folder: PathBuf,
        /// Sender address of all mails.
        from: String,
    },
}

enum Way {
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
}

/// Sends mail as configured by [`MailOptions`].
pub struct Post {
    way: Way,
    from: Mailbox,
}

impl Post {
    /// Prepares the transport; doesn't connect yet.
    ///
    /// # Errors
    /// A message that says what is wrong with the options.
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

/// Converts an address's domain to its form in the DNS (RFC 5891 §4.4): not every server on the way supports RFC 6531.
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
