//! The page of a sign-in at the session limit: the user selects sessions to end, so that a new one can start.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Proven;
use sojourn_model::Session;

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::{Text, say};
use crate::respond;
use crate::web::{filters, render, words};

/// The page that lists the active sessions of a user at the session limit.
#[derive(Template)]
#[template(path = "too_many_sessions.html")]
pub(crate) struct TooManySessions {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) choice: String,
    pub(crate) max: Text,
    pub(crate) to_end: Text,
    pub(crate) not_enough: bool,
    pub(crate) sessions: Vec<SessionLine>,
}

/// A session that the user can select.
pub(crate) struct SessionLine {
    pub(crate) id: String,
    pub(crate) browser: Text,
    pub(crate) ip: String,
    pub(crate) signed_in: Text,
    pub(crate) last_access: Text,
}

/// Shows the active sessions of a user, who can have at most `max`. `not_enough` means that the user has selected too
/// few.
pub(super) fn show(
    context: &Context,
    way: &Way,
    proven: Proven,
    (live, max): (&[Session], usize),
    not_enough: bool,
) -> Response {
    let now = context.engine().now();
    let (secret, cookie) = context.form_secret();
    let csrf = context.form_token(&secret);
    let choice = State::seal(context, Page::Sessions, way, proven, &csrf);
    let line = |session: &Session| SessionLine {
        id: session.id.to_string(),
        browser: words::browser(&session.user_agent),
        ip: session.ip.clone(),
        signed_in: words::ago(session.signed_in_at, now),
        last_access: words::ago(session.last_access, now),
    };
    let surplus = (live.len() + 1).saturating_sub(max);
    let page = TooManySessions {
        base: context.arrival.prefix.to_string(),
        csrf,
        choice,
        max: words::count(max as u64, words::Noun::Session),
        to_end: if surplus == 1 {
            "one".into()
        } else {
            say("{0} or more", [(surplus as u64).into()])
        },
        not_enough,
        sessions: live.iter().map(line).collect(),
    };
    let response = render::page(context, StatusCode::OK, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}
