//! The sign-in page: its values and its rendering.

use askama::Template;
use http::{StatusCode, header};
use sojourn_oidc::Params;

use super::state::Asked;
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::ticket::{Opened, Ticket};
use crate::web::consent::AppFace;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{consent, filters, render};

/// The sign-in page, with the forms for a password and for a passkey.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct Login {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) ticket: String,
    pub(crate) username: String,
    pub(crate) error: Option<Text>,
    pub(crate) present: Option<String>,
    pub(crate) app: Option<AppFace>,
    /// Whether a forgotten password can be reset by mail.
    pub(crate) forgot: bool,
    /// Whether users can create an account themselves.
    pub(crate) sign_up: bool,
    /// Whether "stay signed in" is selected; `None` if the user isn't asked.
    pub(crate) remember: Option<bool>,
    /// The sealed challenge in the form for a passkey, and the request options as JSON; `None` if this address supports
    /// none.
    pub(crate) passkey: Option<(String, String)>,
    /// A credential that no account has, as JSON, which the browser reports to the authenticator.
    pub(crate) unknown_key: Option<String>,
}

/// Returns where the user goes after signing in: to the place in the ticket, or to My Account if there is no ticket.
/// `None` if the ticket is invalid.
pub(super) fn destination(context: &Context, params: &Params) -> Option<Ticket> {
    match params.get("ticket") {
        None => Some(Ticket::to(context, "/myaccount")),
        // If the page was open for too long, the same request starts again.
        Some(text) => Opened::of(context, text).map(Opened::ticket),
    }
}

pub(super) async fn show(
    context: &Context,
    params: &Params,
    status: StatusCode,
    error: Option<Text>,
) -> Answer {
    show_with(context, params, (status, error), None).await
}

/// Shows the page. `unknown_key` is a credential that no account has, as JSON.
pub(super) async fn show_with(
    context: &Context,
    params: &Params,
    (status, error): (StatusCode, Option<Text>),
    unknown_key: Option<String>,
) -> Answer {
    let ticket = destination(context, params).ok_or(Refusal::Incomplete)?;
    let present = match context.session().await? {
        Some(session) => {
            let user = context.engine().reads(context.tenant().id).user(session.user).await;
            user.ok().flatten().map(|user| user.username)
        }
        None => None,
    };
    let (secret, cookie) = context.form_secret();
    let hint = ticket.hint.clone().or_else(|| present.clone()).unwrap_or_default();
    let app = consent::app_of_ticket(context, &ticket).await;
    let asked = app.as_ref().map(|app| app.id);
    let remember = {
        let asks = context.engine().asks_to_remember(context.tenant(), asked).await?;
        asks.then(|| params.get("remember").is_some())
    };
    let app = app.as_deref().map(consent::face);
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let page = u64::from_ne_bytes(sojourn_model::time::random(context.engine().rng()));
    let ticket = Ticket { page, ..ticket };
    let csrf = context.form_token(&secret);
    let asked = Asked::seal(context, &csrf);
    let request = context.engine().passkey_request(&asked);
    let page = Login {
        base: context.arrival.prefix.to_string(),
        csrf,
        passkey: request.map(|request| (asked, request.to_string())),
        unknown_key,
        ticket: ticket.seal(context).unwrap_or_default(),
        username: params.get("username").map_or(hint, str::to_owned),
        error,
        present,
        app,
        forgot: context.engine().settings().resets_by_mail,
        sign_up: context.engine().is_sign_up_open(context.tenant()),
        remember,
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}
