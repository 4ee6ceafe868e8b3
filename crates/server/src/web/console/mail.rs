//! Mail that is written to a folder and sent to nobody, as in the demo.

use askama::Template;
use std::path::Path;

use http::StatusCode;
use mail_parser::MessageParser;
use sojourn_model::{Millis, TenantId};

use sojourn_engine::{EngineError, Right};

use super::administrator;
use crate::context::Context;
use crate::language::Text;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// The page that lists the mails in the folder.
#[derive(Template)]
#[template(path = "console/mail.html")]
struct MailPage {
    frame: Frame,
    mails: Vec<Letter>,
}

/// A mail as its recipient sees it.
struct Letter {
    subject: String,
    to: String,
    written: Text,
    body: Vec<Piece>,
}

/// A part of a mail's text: a link, or the text between two links.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    text: String,
    /// Whether the text is an address to follow.
    link: bool,
}

const SHOWN: usize = 50;
/// Maximum number of bytes that are shown of one mail.
const BYTES_MAX: u64 = 64 * 1024;

/// Serves `GET /console/mail`: the latest mails in the folder. All tenants share the folder, so only the default tenant
/// shows it.
pub(crate) async fn list(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/mail", Right::UserView).await?;
    // Links in mails act on behalf of their recipients, so only administrators with all rights may see them.
    if !visitor.by.rights().cover_everyone() {
        return Err(Refusal::from(EngineError::Forbidden));
    }
    let folder = context.state.mail_folder.clone();
    let folder = folder
        .filter(|_| context.tenant().id == TenantId::DEFAULT)
        .ok_or_else(|| Refusal::missing("This server sends mail and doesn't keep it."))?;
    let read = tokio::task::spawn_blocking(move || latest(&folder)).await;
    let mails = match read {
        Ok(Ok(mails)) => mails,
        Ok(Err(error)) => {
            tracing::error!(%error, "the folder of mails can't be read");
            return Err(Refusal::missing("The mail folder can't be read."));
        }
        Err(_) => return Err(Refusal::missing("The mail folder can't be read.")),
    };
    let mails = mails
        .into_iter()
        .map(|(written, bytes)| Letter::read(&bytes, words::moment(written)))
        .collect();
    let frame = visitor.frame(&context, "mail");
    Ok(render::page(&context, StatusCode::OK, &MailPage { frame, mails }))
}

impl Letter {
    /// Parses a mail; anything else is shown unchanged.
    fn read(bytes: &[u8], written: Text) -> Self {
        let parsed = MessageParser::default().parse(bytes);
        let text =
            parsed.as_ref().and_then(|mail| mail.body_text(0)).map(std::borrow::Cow::into_owned);
        let text = text.unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
        let to = parsed.as_ref().and_then(|mail| mail.to()?.first()?.address().map(str::to_owned));
        let subject = parsed.as_ref().and_then(|mail| mail.subject().map(str::to_owned));
        Self {
            subject: subject.unwrap_or_default(),
            to: to.unwrap_or_default(),
            written,
            body: pieces(&text.replace('\r', "")),
        }
    }
}

/// Splits a text so that each web address is a piece of its own.
fn pieces(text: &str) -> Vec<Piece> {
    let mut all = Vec::new();
    let mut rest = text;
    while let Some(at) = [rest.find("https://"), rest.find("http://")].into_iter().flatten().min() {
        let (before, from) = rest.split_at(at);
        let (link, after) = from.split_at(
            from.find(|c: char| c.is_whitespace() || "<>\"".contains(c)).unwrap_or(from.len()),
        );
        all.push(Piece { text: before.to_owned(), link: false });
        all.push(Piece { text: link.to_owned(), link: true });
        rest = after;
    }
    all.push(Piece { text: rest.to_owned(), link: false });
    all.retain(|piece| !piece.text.is_empty());
    all
}

fn latest(folder: &Path) -> std::io::Result<Vec<(Millis, Vec<u8>)>> {
    use std::io::Read as _;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|end| end == "eml") {
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
    }
    files.sort_unstable_by(|a, b| b.cmp(a));
    let mut mails = Vec::new();
    for (written, path) in files.into_iter().take(SHOWN) {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        let since = written.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        mails.push((Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)), bytes));
    }
    Ok(mails)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_shown_decoded_with_their_links() {
        let mail = "From: Sojourn <no-reply@localhost>\r\nTo: alex@localhost\r\n\
                    Subject: =?utf-8?q?Ein_Link_f=C3=BCr_Sie?=\r\nContent-Type: text/plain; charset=utf-8\r\n\
                    Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                    F=C3=BCr Sie:\r\n\r\nhttps://localhost:9443/reset?token=3Dabc=\r\ndef\r\n";
        let letter = Letter::read(mail.as_bytes(), Text::default());
        assert_eq!(
            (letter.subject.as_str(), letter.to.as_str()),
            ("Ein Link für Sie", "alex@localhost")
        );
        let piece = |text: &str, link| Piece { text: text.to_owned(), link };
        assert_eq!(
            letter.body,
            [
                piece("Für Sie:\n\n", false),
                piece("https://localhost:9443/reset?token=abcdef", true),
                piece("\n", false)
            ]
        );
    }
}
