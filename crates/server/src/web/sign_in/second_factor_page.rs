//! Asking for a second factor, as it is shown: in a sign-in, and where an application asks for more than the session has.

use askama::Template;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Proven;
use sojourn_model::{Level, UserId};

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::consent::AppFace;
use crate::web::refusal::Answer;
use crate::web::ticket::Ticket;
use crate::web::{consent, filters, render};

/// Days of a time in milliseconds, begun ones counted whole.
fn days(ms: i64) -> usize {
    const DAY_MS: usize = 24 * 3_600_000;
    usize::try_from(ms).unwrap_or_default().div_ceil(DAY_MS)
}

/// The page.
#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactor {
    base: String,
    csrf: String,
    state: String,
    app: Option<AppFace>,
    /// The person, where they are signed in already and the level is raised.
    raises: Option<String>,
    error: Option<Text>,
    /// What the browser is asked for where the account has keys, as JSON.
    keys: Option<String>,
    /// Whether a code is enough.
    code: bool,
    /// For how many days the person may trust the browser.
    trust: Option<usize>,
    /// Whether a recovery code helps who has lost the keys: to change the account's factors.
    recovers: bool,
}

/// Shows the page to someone who has proven everything but the second factor.
pub(super) async fn ask(context: &Context, way: &Way, proven: Proven, least: Level) -> Answer {
    let (secret, _) = context.form_secret();
    let csrf = context.form_token(&secret);
    let user = proven.user;
    let ticket = Ticket { least: least.acr().to_owned(), ..way.ticket.clone() };
    let way = Way { ticket, ..*way };
    let state = State::seal(context, Page::SecondFactor, &way, proven, &csrf);
    show(context, StatusCode::OK, (&way, user), state, None).await
}

/// The same page, with what is carried already: the time that a person may take doesn't begin again.
pub(super) async fn show(
    context: &Context,
    status: StatusCode,
    (way, user): (&Way, UserId),
    state: String,
    error: Option<Text>,
) -> Answer {
    let keys = context.engine().key_request(context.tenant(), user, &state).await;
    let keys = {
        let keys = keys?;
        keys.map(|request| request.to_string())
    };
    let least = Level::parse(&way.ticket.least).unwrap_or(Level::One);
    let raises = match context.session().await? {
        Some(session) if way.raises.is_some() => {
            let user = context.engine().reads().user(context.tenant().id, session.user).await;
            user.ok().flatten().map(|user| user.username)
        }
        _ => None,
    };
    let app = consent::app_of_ticket(context, &way.ticket).await;
    let id = app.as_ref().map(|app| app.id);
    // A browser that is trusted stands for a second factor of a sign-in, and for nothing else.
    let trusted_ms = context.engine().may_trust_browser_ms(context.tenant(), user, id).await?;
    let trust = trusted_ms.filter(|_| way.raises.is_none() && least <= Level::Two).map(days);
    let app = app.as_deref().map(consent::face);
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let (secret, cookie) = context.form_secret();
    let page = SecondFactor {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        state,
        app,
        raises,
        error,
        keys,
        code: least <= Level::Two,
        trust,
        recovers: way.raises.is_some() && !way.ticket.is_request(),
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}
