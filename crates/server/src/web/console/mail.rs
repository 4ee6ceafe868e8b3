//! Mail that is written into a folder and sent to nobody, as in the demonstration.

use std::path::Path;

use axum::response::Response;
use http::StatusCode;
use sojourn_model::TenantId;

use super::administrator;
use crate::context::Context;
use crate::web::pages::ConsoleMail;
use crate::web::{errors, render};

/// Links in mails act for the people they are written to: for those alone who may do everything.
const EVERYTHING: &str = "internal_*";
const SHOWN: usize = 50;
/// Bytes of one mail that are shown.
const BYTES_MAX: u64 = 64 * 1024;

/// The latest mails, as they were written. The folder is that of all tenants, so only the first one shows it.
pub(crate) async fn list(context: Context) -> Response {
    let visitor = match administrator(&context, "/console/mail", EVERYTHING).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let folder = context.state.mail_folder.clone();
    let Some(folder) = folder.filter(|_| context.tenant().id == TenantId::DEFAULT) else {
        return errors::missing(&context, "Mail is sent here, and not kept.");
    };
    let read = tokio::task::spawn_blocking(move || latest(&folder)).await;
    let mails = match read {
        Ok(Ok(mails)) => mails,
        Ok(Err(error)) => {
            tracing::error!(%error, "the folder of mails can't be read");
            return errors::missing(&context, "The folder of mails can't be read.");
        }
        Err(_) => return errors::missing(&context, "The folder of mails can't be read."),
    };
    let frame = visitor.frame(&context, "mail");
    render::page(&context, StatusCode::OK, &ConsoleMail { frame, mails })
}

fn latest(folder: &Path) -> std::io::Result<Vec<String>> {
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
    for (_, path) in files.into_iter().take(SHOWN) {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(BYTES_MAX).read_to_end(&mut bytes)?;
        mails.push(String::from_utf8_lossy(&bytes).replace('\r', ""));
    }
    Ok(mails)
}
