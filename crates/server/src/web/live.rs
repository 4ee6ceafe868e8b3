//! What happens to sessions, for pages that are open: their scripts take away what has ended and say what began. By the
//! session cookie, and only as long as that session lives.

use askama::Template;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use http::StatusCode;
use serde_json::json;
use sojourn_engine::directory::{CONSOLE, MY_ACCOUNT};
use sojourn_engine::session::{Feed, FeedItem, Happening, SessionFilter, Vocabulary};
use sojourn_engine::{EngineError, Right, Rights, Tail};
use sojourn_model::{Tenant, UserId};

use crate::api::v1::streams::Streams;
use crate::context::Context;
use crate::language::{plain, say};
use crate::pause::pause;
use crate::respond;
use crate::web::console::administrator;
use crate::web::console::audit::{self, Spoken};
use crate::web::my_account::visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// How long a stream waits before it looks again: what another node did comes without a word.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two looks, so that a busy server isn't asked for each change.
const PAUSE: Duration = Duration::from_millis(250);

/// A stream's place among those that are open.
struct Held {
    streams: Arc<Streams>,
    of: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.streams.give_back(&self.of);
    }
}

struct Listener {
    context: Context,
    /// Without the right to look at sessions it is about one's own alone.
    own: bool,
    /// Whether what is waiting is the last.
    last: bool,
    _held: Held,
    tenant: Tenant,
    feed: Feed,
    /// Acts of administrators, for who may read of them.
    tail: Tail,
    rights: Rights,
    waiting: VecDeque<Told>,
}

/// Something to tell.
enum Told {
    Session(Box<FeedItem>),
    Act(Spoken),
}

/// One's own sessions.
pub(crate) async fn mine(context: Context) -> Answer {
    match visitor(&context, "/myaccount/security", MY_ACCOUNT).await {
        Ok(visitor) => {
            let user = visitor.user.id;
            stream(context, Some(user), user, visitor.by.rights().clone())
        }
        Err(_) => Ok(respond::plain(StatusCode::UNAUTHORIZED, "Nobody is signed in.")),
    }
}

/// Everyone's, for who may look at them.
pub(crate) async fn all(context: Context) -> Answer {
    match visitor(&context, "/console/live", CONSOLE).await {
        Ok(visitor) if visitor.by.may(Right::SessionView) => {
            stream(context, None, visitor.user.id, visitor.by.rights().clone())
        }
        Ok(_) => Ok(respond::plain(StatusCode::FORBIDDEN, "Not for this account.")),
        Err(_) => Ok(respond::plain(StatusCode::UNAUTHORIZED, "Nobody is signed in.")),
    }
}

fn stream(context: Context, only: Option<UserId>, of: UserId, rights: Rights) -> Answer {
    let filter = SessionFilter::parse(None, Vocabulary::Full)
        .map_err(|_| Refusal::bad_request("This is not a valid filter."))?;
    let streams = Arc::clone(&context.state.streams);
    let of = format!("pages of {of}");
    if !streams.take(&of) {
        return Ok(respond::plain(StatusCode::TOO_MANY_REQUESTS, "Too many pages are open."));
    }
    let held = Held { streams, of };
    let now = context.engine().now();
    let listener = Listener {
        own: only.is_some(),
        last: false,
        _held: held,
        tenant: context.tenant().clone(),
        feed: Feed::since(now, only, filter, rights.clone()),
        tail: Tail::since(now),
        rights,
        waiting: VecDeque::new(),
        context,
    };
    let stream = futures_util::stream::unfold(listener, |mut listener| async move {
        let event = match listener.next().await? {
            Told::Session(item) => of_session(&listener, &item),
            Told::Act(act) => of_act(&listener, &act),
        };
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(respond::events(stream))
}

fn of_act(listener: &Listener, act: &Spoken) -> Event {
    let language = listener.context.language();
    let data = json!({
        "at": act.at.in_language(language),
        "what": act.act.in_language(language),
        "user": act.who.in_language(language),
        "why": act.about.in_language(language),
    });
    Event::default().event("act").data(data.to_string())
}

fn of_session(listener: &Listener, item: &FeedItem) -> Event {
    let began = item.what == Happening::Began;
    let session = &item.view.session;
    let language = listener.context.language();
    let why = match &session.state {
        sojourn_model::SessionState::Ended { reason, .. } => {
            words::reason(reason).in_language(language)
        }
        sojourn_model::SessionState::Living => String::new(),
    };
    let browser = words::browser(&session.user_agent);
    let (what, said) = if began {
        let values = [browser.clone(), words::moment(item.at)];
        ("signed in", say("Someone signed in as you with {0}, {1}.", values))
    } else {
        ("ended", say("A session has ended: {0}.", [plain(&why)]))
    };
    let data = json!({
        "id": session.id.to_string(),
        "user": item.user.username,
        "browser": browser.in_language(language),
        "ip": session.ip,
        "at": words::moment(item.at).in_language(language),
        "why": why,
        "what": language.phrase(what),
        "said": said.in_language(language),
    });
    let name = if began { "began" } else { "ended" };
    Event::default().event(name).data(data.to_string())
}

impl Listener {
    /// Whether the page may still hear: its own session lives, and who looks at everyone's has the right to it as of
    /// now.
    async fn goes_on(&mut self) -> bool {
        let Ok(Some(current)) = self.context.session().await else { return false };
        let engine = self.context.engine();
        let Ok(rights) = engine.rights_of_user(self.tenant.id, current.user).await else {
            return false;
        };
        let may = self.own || rights.has(Right::SessionView);
        self.rights = rights.clone();
        self.feed.set_rights(rights);
        may
    }

    /// What happened since the last look.
    async fn look(&mut self) -> Result<VecDeque<Told>, EngineError> {
        let engine = Arc::clone(&self.context.state.engine);
        let sessions = engine.look(&self.tenant, &mut self.feed).await?;
        let mut told: VecDeque<Told> =
            sessions.into_iter().map(|item| Told::Session(Box::new(item))).collect();
        if !self.own && self.rights.has(Right::AuditView) {
            let acts = engine.look_at_acts(&self.tenant, &mut self.tail).await?;
            let spoken = audit::in_words(&self.context, &self.rights, &acts).await?;
            told.extend(spoken.into_iter().map(Told::Act));
        }
        Ok(told)
    }

    async fn next(&mut self) -> Option<Told> {
        let mut stopped = self.context.state.stopped.clone();
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Some(item);
            }
            let engine = Arc::clone(&self.context.state.engine);
            let changed = engine.changed();
            tokio::pin!(changed);
            if self.last {
                return None;
            }
            self.waiting = self.look().await.ok()?;
            // The end of the page's own session is the last that it hears.
            self.last = !self.goes_on().await;
            if self.last && !self.own {
                return None;
            }
            if self.waiting.is_empty() && !self.last {
                let over = tokio::select! {
                    _ = tokio::time::timeout(LOOK_EVERY, changed) => false,
                    _ = stopped.wait_for(|over| *over) => true,
                };
                if over {
                    return None;
                }
                pause(PAUSE).await;
            }
        }
    }
}

#[derive(Template)]
#[template(path = "console/live.html")]
struct LivePage {
    frame: Frame,
}

/// The page on which an administrator sees it.
pub(crate) async fn page(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/live", Right::SessionView).await?;
    let page = LivePage { frame: visitor.frame(&context, "live") };
    Ok(render::live_page(&context, StatusCode::OK, &page))
}
