//! Events about sessions, for open pages: their scripts remove sessions that have ended and announce new ones. The
//! session cookie authenticates a stream, which ends with that session.

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

use crate::context::Context;
use crate::language::{plain, say};
use crate::pause::pause;
use crate::respond;
use crate::streams::Streams;
use crate::web::console::administrator;
use crate::web::console::audit::{self, Spoken};
use crate::web::my_account::{Visitor, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// Polling interval of a stream: changes by other replicas send no notification to this one.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Minimum pause between two queries, so that a busy server isn't queried for each change.
const PAUSE: Duration = Duration::from_millis(250);

/// A slot within the limit of open streams, which is released on drop.
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
    /// Whether the stream is limited to the user's own sessions, for which no right is required.
    own: bool,
    /// Whether the waiting items are the last ones of the stream.
    last: bool,
    _held: Held,
    tenant: Tenant,
    feed: Feed,
    /// Actions in the audit log, for users with the right to view it.
    tail: Tail,
    rights: Rights,
    waiting: VecDeque<Told>,
}

/// An item of the stream: a session or an audited action.
enum Told {
    Session(Box<FeedItem>),
    Act(Spoken),
}

/// Serves `GET /myaccount/events`: the stream about the user's own sessions.
pub(crate) async fn mine(context: Context) -> Answer {
    let visitor = listening(&context, "/myaccount/security", MY_ACCOUNT).await?;
    let user = visitor.user.id;
    stream(context, Some(user), user, visitor.by.rights().clone())
}

/// Serves `GET /console/events`: the stream about all sessions, for users with the right to view them.
pub(crate) async fn all(context: Context) -> Answer {
    let visitor = listening(&context, "/console/live", CONSOLE).await?;
    if !visitor.by.may(Right::SessionView) {
        return Ok(respond::plain(StatusCode::FORBIDDEN, "Not for this account."));
    }
    stream(context, None, visitor.user.id, visitor.by.rights().clone())
}

/// Returns the person who opens a stream. A script can't follow the way to the sign-in page: it gets a status instead.
async fn listening(context: &Context, back: &str, client_id: &str) -> Result<Visitor, Refusal> {
    visitor(context, back, client_id).await.map_err(|refusal| match refusal {
        Refusal::Instead(_) => {
            Refusal::instead(respond::plain(StatusCode::UNAUTHORIZED, "Nobody is signed in."))
        }
        failed => failed,
    })
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
    /// Reloads the rights and returns whether the stream may continue: its own session must be active, and a stream
    /// about all sessions requires the right to view them.
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

    /// Loads what has happened since the previous query.
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
            // The end of the page's own session is the last item of its stream.
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

/// Serves `GET /console/live`: the page on which administrators follow the stream.
pub(crate) async fn page(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/live", Right::SessionView).await?;
    let page = LivePage { frame: visitor.frame(&context, "live") };
    Ok(render::live_page(&context, StatusCode::OK, &page))
}
