//! "You have too many sessions": which of them to end, so that one more may begin.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use sojourn_engine::session::{Choice, Proven, SignIn, SignInError};
use sojourn_model::{Millis, SessionId, UserId};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::say;
use crate::web::pages::{SessionLine, TooManySessions};
use crate::web::ticket::Ticket;
use crate::web::{consent, errors, login, render, words};
use crate::{request, respond};

/// Milliseconds that a person may take: the password was right, and nobody else should profit.
const LIFETIME_MS: i64 = 5 * 60_000;

/// A user whose credentials were verified in this browser, before a session exists. Sealed.
#[derive(Serialize, Deserialize)]
struct Pending {
    ticket: Ticket,
    user: UserId,
    epoch: i64,
    remember: bool,
    made_at: i64,
    /// Names the browser by the cookie of its forms.
    browser: String,
}

impl Pending {
    /// Whoever took too long, or is in another browser, begins the same request again.
    fn open(context: &Context, text: &str) -> Result<Self, Box<Response>> {
        let body = context.engine().open_interaction(context.tenant(), text);
        let read = body.and_then(|body| serde_json::from_slice::<Self>(&body).ok());
        let pending = read.ok_or_else(|| Box::new(errors::unknown_ticket(context)))?;
        let recent = context.engine().is_recent(Millis(pending.made_at), LIFETIME_MS);
        let (secret, _) = context.form_secret();
        let here = context.has_form_secret() && pending.browser == context.form_token(&secret);
        if here && recent {
            Ok(pending)
        } else {
            Err(Box::new(pending.ticket.begin_again(context)))
        }
    }
}

/// Shows the page.
pub(super) fn choose(
    context: &Context,
    ticket: &Ticket,
    choice: &Choice,
    remember: bool,
    not_enough: bool,
) -> Response {
    let now = context.engine().now();
    let (secret, cookie) = context.form_secret();
    let csrf = context.form_token(&secret);
    let pending = Pending {
        ticket: ticket.clone(),
        user: choice.proven.user,
        epoch: choice.proven.epoch,
        remember,
        made_at: now.0,
        browser: csrf.clone(),
    };
    let sealed = serde_json::to_vec(&pending)
        .ok()
        .and_then(|body| context.engine().seal_interaction(context.tenant(), &body));
    let line = |session: &sojourn_model::Session| SessionLine {
        id: session.id.to_string(),
        browser: words::browser(&session.user_agent),
        ip: session.ip.clone(),
        signed_in: words::ago(session.signed_in_at, now),
        last_access: words::ago(session.last_access, now),
    };
    let surplus = (choice.live.len() + 1).saturating_sub(choice.max);
    let page = TooManySessions {
        base: context.arrival.prefix.to_string(),
        csrf,
        choice: sealed.unwrap_or_default(),
        max: words::count(choice.max as u64, words::Noun::Session),
        to_end: if surplus == 1 {
            "one".into()
        } else {
            say("{0} or more", [(surplus as u64).into()])
        },
        not_enough,
        sessions: choice.live.iter().map(line).collect(),
    };
    let response = render::page(context, StatusCode::OK, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Ends the chosen sessions and signs in, both in one transaction.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match request::form(&context.headers, &body) {
        Ok(params) => params,
        Err(error) => return errors::bad_request(&context, words::message(&error)),
    };
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return errors::forged(&context);
    }
    let pending = match Pending::open(&context, params.get("choice").unwrap_or_default()) {
        Ok(pending) => pending,
        Err(elsewhere) => return *elsewhere,
    };
    let ends: Vec<SessionId> = params.all("end").filter_map(|id| id.parse().ok()).collect();
    let present = match context.session().await {
        Ok(present) => present,
        Err(error) => return errors::failure(&context, &error),
    };
    let (browser, browser_cookie) = context.browser_secret();
    let wanted = SignIn {
        username: String::new(),
        password: String::new(),
        remember: pending.remember,
        ip: context.arrival.ip.to_string(),
        user_agent: context.user_agent().to_owned(),
        present,
        app: consent::app_of_ticket(&context, &pending.ticket).await.map(|app| app.id),
        browser: Some(browser),
        form: Some(login::form_of(&[params.get("choice")])),
    };
    let proven = Proven { user: pending.user, epoch: pending.epoch };
    let engine = context.engine();
    match engine.sign_in_after_choice(context.tenant(), proven, wanted, &ends).await {
        Ok(signed_in) => login::go_on(&context, pending.ticket, &signed_in, browser_cookie),
        Err(SignInError::Choose(choice)) => {
            choose(&context, &pending.ticket, &choice, pending.remember, true)
        }
        Err(refused) => login::refuse(&context, &Params::default(), refused).await,
    }
}
