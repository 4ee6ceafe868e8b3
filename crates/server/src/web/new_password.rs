//! Choosing a new password: where an administrator demanded one, and by the link of a mail.

use axum::body::Bytes;
use axum::response::Response;
use http::{StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use sojourn_engine::EngineError;
use sojourn_engine::directory::PasswordRefused;
use sojourn_engine::session::{NewPasswordError, Proven, SignIn, SignInError};
use sojourn_model::{Millis, UserId};
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::Text;
use crate::web::pages::{Forgot, NewPassword};
use crate::web::ticket::Ticket;
use crate::web::{consent, errors, login, render, sessions, words};
use crate::{request, respond};

/// Milliseconds that a person may take: the present password was right, and nobody else should profit.
const LIFETIME_MS: i64 = 10 * 60_000;
const TOO_OLD: &str = "This link is too old, or was used already. Ask for another one.";
const DEMANDED: &str = "Your administrator asks you to choose another password before you go on.";
const BY_MAIL: &str = "Choose a password that you use nowhere else. You are signed out everywhere.";
const DIFFERENT: &str = "The two passwords are not the same. Type both again.";

/// Someone whose present password was right in this browser. Sealed.
#[derive(Serialize, Deserialize)]
struct Pending {
    ticket: Ticket,
    demanded_of: UserId,
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

struct Shown {
    action: &'static str,
    token: String,
    why: &'static str,
    user: String,
    done: bool,
    error: Option<Text>,
}

fn show(context: &Context, status: StatusCode, shown: Shown) -> Response {
    let (secret, cookie) = context.form_secret();
    let page = NewPassword {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        action: shown.action,
        token: shown.token,
        why: shown.why.into(),
        user: shown.user,
        done: shown.done,
        error: shown.error,
    };
    // The form of a sign-in leads to an application in the end.
    let response = render::form_page(context, status, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Shows the page to someone whose password was right, and of whom another is demanded.
pub(super) fn demanded(
    context: &Context,
    ticket: &Ticket,
    proven: Proven,
    remember: bool,
) -> Response {
    let (secret, _) = context.form_secret();
    let pending = Pending {
        ticket: ticket.clone(),
        demanded_of: proven.user,
        epoch: proven.epoch,
        remember,
        made_at: context.engine().now().0,
        browser: context.form_token(&secret),
    };
    let sealed = serde_json::to_vec(&pending)
        .ok()
        .and_then(|body| context.engine().seal_interaction(context.tenant(), &body));
    let shown = Shown {
        action: "/login/password",
        token: sealed.unwrap_or_default(),
        why: DEMANDED,
        user: String::new(),
        done: false,
        error: None,
    };
    show(context, StatusCode::OK, shown)
}

fn form(context: &Context, body: &Bytes) -> Result<Params, Box<Response>> {
    let bad = |error: String| Box::new(errors::bad_request(context, words::message(error)));
    let params = request::form(&context.headers, body).map_err(|error| bad(error.to_string()))?;
    params.no_doubles().map_err(|error| bad(error.to_string()))?;
    if !context.genuine_before_sign_in(params.get("csrf")) {
        return Err(Box::new(errors::forged(context)));
    }
    Ok(params)
}

/// Sets the password that was demanded, and goes on with the sign-in.
pub(crate) async fn post_demanded(context: Context, body: Bytes) -> Response {
    let params = match form(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    let pending = match Pending::open(&context, text("token")) {
        Ok(pending) => pending,
        Err(elsewhere) => return *elsewhere,
    };
    let again = |error: Text| {
        let shown = Shown {
            action: "/login/password",
            token: text("token").to_owned(),
            why: DEMANDED,
            user: text("username").to_owned(),
            done: false,
            error: Some(error),
        };
        show(&context, StatusCode::BAD_REQUEST, shown)
    };
    if text("new") != text("again") {
        return again(DIFFERENT.into());
    }
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
        form: Some(login::form_of(&[params.get("token")])),
    };
    let proven = Proven { user: pending.demanded_of, epoch: pending.epoch };
    let (engine, tenant) = (context.engine(), context.tenant());
    match engine.sign_in_with_new_password(tenant, proven, wanted, text("new")).await {
        Ok(signed_in) => login::go_on(&context, pending.ticket, &signed_in, browser_cookie),
        Err(NewPasswordError::Refused(PasswordRefused::Failed(error))) => {
            errors::failure(&context, &error)
        }
        Err(NewPasswordError::Refused(refused)) => again(words::refused_password(&refused)),
        Err(NewPasswordError::SignIn(SignInError::Choose(choice))) => {
            sessions::choose(&context, &pending.ticket, &choice, pending.remember, false)
        }
        Err(NewPasswordError::SignIn(refused)) => {
            login::refuse(&context, &Params::default(), refused).await
        }
    }
}

fn ask(context: &Context, status: StatusCode, sent: bool, error: Option<&'static str>) -> Response {
    let (secret, cookie) = context.form_secret();
    let page = Forgot {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        sent,
        error: error.map(Text::from),
    };
    let response = render::page(context, status, &page);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Asks whose password is forgotten.
pub(crate) async fn forgot(context: Context) -> Response {
    if !context.engine().settings().resets_by_mail {
        return errors::missing(&context, "This server doesn't send mail. Ask your administrator.");
    }
    ask(&context, StatusCode::OK, false, None)
}

/// Has the mail written. The answer is the same, and as quick, whether there is such a person or not.
pub(crate) async fn post_forgot(context: Context, body: Bytes) -> Response {
    let params = match form(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    if !context.engine().settings().resets_by_mail {
        return errors::missing(&context, "This server doesn't send mail. Ask your administrator.");
    }
    let name = params.get("username").unwrap_or_default().to_owned();
    if name.is_empty() || name.len() > sojourn_model::limits::USERNAME_BYTES_MAX {
        let error = Some("Enter your login name or mail address.");
        return ask(&context, StatusCode::BAD_REQUEST, false, error);
    }
    let (state, tenant) = (context.state.clone(), context.tenant().clone());
    let ip = context.arrival.ip.to_string();
    let (browser, _) = context.browser_secret();
    match state.engine.may_ask_for_reset(&tenant, &name, &ip, Some(browser)).await {
        Ok(true) => {}
        Ok(false) => {
            let error = Some("Too many attempts. Wait five minutes, then try again.");
            return ask(&context, StatusCode::TOO_MANY_REQUESTS, false, error);
        }
        Err(error) => return errors::failure(&context, &error),
    }
    let language = context.language().code.clone();
    tokio::spawn(async move {
        if let Err(error) = state.engine.ask_for_reset(&tenant, &name, &language).await {
            tracing::warn!(%error, "a mail about a forgotten password isn't written");
        }
    });
    ask(&context, StatusCode::OK, true, None)
}

/// The page behind the link of such a mail; it changes nothing.
pub(crate) async fn reset(context: Context, uri: Uri) -> Response {
    let token = match request::query(uri.query()) {
        Ok(params) => params.get("token").unwrap_or_default().to_owned(),
        Err(error) => return errors::bad_request(&context, words::message(&error)),
    };
    match context.engine().reset_link(context.tenant(), &token).await {
        Ok(Some(user)) => show(&context, StatusCode::OK, by_mail(token, user.username, None)),
        Ok(None) => errors::bad_request(&context, TOO_OLD),
        Err(error) => errors::failure(&context, &error),
    }
}

fn by_mail(token: String, user: String, error: Option<Text>) -> Shown {
    Shown { action: "/reset", token, why: BY_MAIL, user, done: false, error }
}

/// Sets it.
pub(crate) async fn post_reset(context: Context, body: Bytes) -> Response {
    let params = match form(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    let again = |error: Text| {
        let page = by_mail(text("token").into(), text("username").into(), Some(error));
        show(&context, StatusCode::BAD_REQUEST, page)
    };
    if text("new") != text("again") {
        return again(DIFFERENT.into());
    }
    match context.engine().reset_by_mail(context.tenant(), text("token"), text("new")).await {
        Ok(()) => {
            let done = Shown { done: true, ..by_mail(String::new(), String::new(), None) };
            show(&context, StatusCode::OK, done)
        }
        Err(PasswordRefused::Failed(EngineError::Invalid(_))) => {
            errors::bad_request(&context, TOO_OLD)
        }
        Err(PasswordRefused::Failed(error)) => errors::failure(&context, &error),
        Err(refused) => again(words::refused_password(&refused)),
    }
}
