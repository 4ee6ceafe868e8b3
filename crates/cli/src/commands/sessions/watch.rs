//! What happens, as it happens.

use clap::Args;
use sojourn_engine::session::{Feed, Happening, SessionFilter, Vocabulary};
use sojourn_model::SessionState;

use super::Work;
use crate::{Done, say};

/// What to watch.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Only sessions that pass a filter
    #[arg(long)]
    filter: Option<String>,
    /// Stop after so many
    #[arg(long)]
    count: Option<usize>,
    /// A JSON object a line
    #[arg(long)]
    json: bool,
}

/// How long it waits before it looks again, in milliseconds.
const LOOK_EVERY_MS: u64 = 300;

pub(super) async fn watch(work: &Work<'_>, args: WatchArgs) -> Done {
    let Work { engine, tenant, rights } = work;
    let filter = SessionFilter::parse(args.filter.as_deref(), Vocabulary::Full)?;
    let mut feed = Feed::since(engine.now(), None, filter, rights.clone());
    let mut told = 0;
    loop {
        for item in engine.look(tenant, &mut feed).await? {
            let live = item.what == Happening::Began;
            let what = if live { "began" } else { "ended" };
            if args.json {
                let session = sojourn_server::session_json(&item.user, &item.view, live);
                say(&serde_json::json!({ "event": what, "session": session }).to_string());
            } else {
                let why = match &item.view.session.state {
                    SessionState::Ended { reason, .. } if !live => reason.in_words(),
                    _ => String::new(),
                };
                let session = &item.view.session;
                let at = jiff::Timestamp::from_millisecond(item.at.0).unwrap_or_default();
                say(&format!("{at}  {what}  {:16}  {:15}  {why}", item.user.username, session.ip));
            }
            told += 1;
            if args.count.is_some_and(|count| told >= count) {
                return Ok(());
            }
        }
        let pause = std::time::Duration::from_millis(LOOK_EVERY_MS);
        tokio::select! {
            _ = tokio::time::timeout(pause, engine.changed()) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}
