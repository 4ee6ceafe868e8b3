//! The page that asks for a second factor: in a sign-in, and if an application requires a higher level than the session
//! has.

use askama::Template;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Proven;
use sojourn_model::{Level, Method, Methods, UserId};

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::ticket::Ticket;
use crate::web::consent::AppFace;
use crate::web::refusal::Answer;
use crate::web::{consent, filters, render};

const APP_OR_RECOVERY: &str = "The 6 digits that your authenticator app shows. Without the app, use one of your recovery codes.";
const APP: &str = "The 6 digits that your authenticator app shows.";
const RECOVERY: &str = "One of your recovery codes.";

/// Converts milliseconds to days, rounded up.
fn days(ms: i64) -> usize {
    const DAY_MS: usize = 24 * 3_600_000;
    usize::try_from(ms).unwrap_or_default().div_ceil(DAY_MS)
}

/// The page that asks for a second factor.
#[derive(Template)]
#[template(path = "second_factor.html")]
struct SecondFactor {
    base: String,
    csrf: String,
    state: String,
    app: Option<AppFace>,
    /// Login name of the user, if they are signed in already and the level is raised.
    raises: Option<String>,
    error: Option<Text>,
    /// Request options for the account's keys, as JSON; `None` if it has none.
    keys: Option<String>,
    /// What the field for a code takes; `None` if a code isn't sufficient for the required level.
    code: Option<&'static str>,
    /// Number of days for which the user can trust the browser; `None` if that isn't offered.
    trust: Option<usize>,
    /// Whether the page offers a recovery code to users who have lost their keys, for changing the factors of their
    /// account.
    recovers: bool,
}

/// Shows the page to a user who has proven everything but the second factor; `least` is the level that must be reached.
pub(super) async fn ask(context: &Context, way: &Way, proven: Proven, least: Level) -> Answer {
    let (secret, _) = context.form_secret();
    let csrf = context.form_token(&secret);
    let user = proven.user;
    let ticket = Ticket { least: least.acr().to_owned(), ..way.ticket.clone() };
    let way = Way { ticket, ..*way };
    let state = State::seal(context, Page::SecondFactor, &way, proven, &csrf);
    show(context, StatusCode::OK, (&way, user), state, None).await
}

/// Shows the page with an existing state, so that the time limit doesn't start again.
pub(super) async fn show(
    context: &Context,
    status: StatusCode,
    (way, user): (&Way, UserId),
    state: String,
    error: Option<Text>,
) -> Answer {
    let least = Level::parse(&way.ticket.least).unwrap_or(Level::One);
    let raises = match context.session().await? {
        Some(session) if way.raises.is_some() => {
            let user = context.engine().reads(context.tenant().id).user(session.user).await;
            user.ok().flatten().map(|user| user.username)
        }
        _ => None,
    };
    let app = consent::app_of_ticket(context, &way.ticket).await;
    let id = app.as_ref().map(|app| app.id);
    let methods = context.engine().methods_for(context.tenant(), user, id).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let codes = match (methods.allow(Method::Totp), methods.allow(Method::RecoveryCode)) {
        (true, true) => Some(APP_OR_RECOVERY),
        (true, false) => Some(APP),
        (false, true) => Some(RECOVERY),
        (false, false) => None,
    };
    let mut keys = engine.key_request(tenant, user, methods, &state).await?;
    // A factor that no longer counts is still proven before another one is added.
    let none = keys.is_none() && codes.is_none();
    if none {
        keys = engine.key_request(tenant, user, Methods::ALL, &state).await?;
    }
    let codes = codes.or((none && keys.is_none()).then_some(APP_OR_RECOVERY));
    // A trusted browser replaces the second factor of a sign-in, and nothing else.
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
        code: codes.filter(|_| least <= Level::Two),
        keys: keys.map(|request| request.to_string()),
        trust,
        recovers: way.raises.is_some() && !way.ticket.is_request(),
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}
