//! The last page of a sign-up: a name, and a passkey or a password. Then the account exists, and its user is signed in.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri, header};
use sojourn_engine::factors::{FactorRefused, KeyOffer, NewKey};
use sojourn_engine::sign_up::{NewPerson, SignUpRefused};
use sojourn_model::{Terms, User};
use sojourn_oidc::Params;

use super::{TOO_OLD, destination, told};
use crate::context::Context;
use crate::language::Text;
use crate::ticket::Ticket;
use crate::web::consent::AppFace;
use crate::web::factors::key::WRONG;
use crate::web::refusal::{Answer, Refusal};
use crate::web::sign_in::begin_after_sign_up;
use crate::web::{consent, filters, form, render, words};
use crate::{request, respond};

/// The page on which a user sets the name and a passkey or a password.
#[derive(Template)]
#[template(path = "sign_up_account.html")]
struct AccountPage {
    base: String,
    csrf: String,
    /// Sealed ticket with the place to which the user goes afterwards.
    ticket: String,
    app: Option<AppFace>,
    /// Token of the link in the mail.
    token: String,
    address: String,
    given_name: String,
    family_name: String,
    /// The sealed offer of a passkey and its creation options as JSON; `None` if this server supports no passkeys.
    key: Option<(String, String)>,
    /// The terms to accept, and whether the user has accepted them; `None` if the tenant has no terms.
    terms: Option<(Terms, bool)>,
    /// Minimum length of a password, in characters.
    least: usize,
    error: Option<Text>,
}

async fn show(
    context: &Context,
    (ticket, token, user): (&Ticket, &str, &User),
    params: &Params,
    error: Option<(StatusCode, Text)>,
) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let least = engine.password_length(tenant, user).await?;
    let key = match engine.offer_key_at_sign_up(tenant, token).await {
        Ok(KeyOffer { sealed, options }) => Some((sealed, options.to_string())),
        Err(FactorRefused::Failed(error)) => return Err(error.into()),
        Err(_) => None,
    };
    let (status, error) = match error {
        Some((status, error)) => (status, Some(error)),
        None => (StatusCode::OK, None),
    };
    let app = consent::app_of_ticket(context, ticket).await;
    let app = app.as_deref().map(consent::face);
    let logo = app.as_ref().and_then(|app| app.logo.clone());
    let typed = |name: &str| params.get(name).unwrap_or_default().to_owned();
    let (secret, cookie) = context.form_secret();
    let page = AccountPage {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        ticket: ticket.seal(context).unwrap_or_default(),
        app,
        token: token.to_owned(),
        address: user.username.clone(),
        given_name: typed("given_name"),
        family_name: typed("family_name"),
        terms: tenant.sign_up.terms.clone().map(|terms| {
            let accepted = params.get("terms") == Some(&*terms.version);
            (terms, accepted)
        }),
        key,
        least,
        error,
    };
    let response = render::script_form_page(context, status, &page, logo.as_deref());
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}

/// Shows the page to a user who has confirmed the address.
pub(super) async fn begin(context: &Context, ticket: &Ticket, token: &str) -> Answer {
    match context.engine().signing_up(context.tenant(), token).await? {
        Some(user) => show(context, (ticket, token, &user), &Params::default(), None).await,
        None => Err(Refusal::bad_request(TOO_OLD)),
    }
}

/// Serves `GET /sign-up/account`: the page of the link in the mail. It changes nothing, because programs that scan mail
/// follow links.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    match request::query(uri.query()) {
        Ok(params) => {
            let ticket = Ticket::to(&context, "/myaccount");
            begin(&context, &ticket, params.get("token").unwrap_or_default()).await
        }
        Err(error) => Err(Refusal::bad_request(words::message(&error))),
    }
}

/// Responds if the link isn't valid any more. If the form was sent twice, the account exists and its user is signed in,
/// so the user continues.
async fn made_already(context: &Context, ticket: &Ticket, token: &str) -> Answer {
    let made = context.engine().signing_up_as(context.tenant(), token);
    match context.session().await? {
        Some(session) if Some(session.user) == made => {
            Ok(respond::see_other(&ticket.location(context)))
        }
        _ => Err(Refusal::bad_request(TOO_OLD)),
    }
}

/// Serves `POST /sign-up/account`: creates the account and starts its first session.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let ticket = destination(&context, &params).ok_or(Refusal::Incomplete)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (engine, tenant, token) = (context.engine(), context.tenant(), text("token"));
    let user = match engine.signing_up(tenant, token).await? {
        Some(user) => user,
        None => return made_already(&context, &ticket, token).await,
    };
    let ip = context.arrival.ip.to_string();
    let person = NewPerson {
        given_name: text("given_name"),
        family_name: text("family_name"),
        terms: params.get("terms"),
        ip: &ip,
    };
    let done = match text("credential") {
        "" => engine.sign_up_with_password(tenant, token, person, text("new")).await,
        credential => {
            let (sealed, name) = (text("offer"), text("name"));
            let new = NewKey { sealed, credential, name, user_agent: context.user_agent() };
            engine.sign_up_with_passkey(tenant, token, person, new).await
        }
    };
    let error = match done {
        Ok(made) => return begin_after_sign_up(&context, ticket, made).await,
        Err(SignUpRefused::Key(FactorRefused::Failed(error))) => {
            return Err(error.into());
        }
        Err(SignUpRefused::Key(_)) => (StatusCode::BAD_REQUEST, WRONG.into()),
        Err(SignUpRefused::Gone) => return made_already(&context, &ticket, token).await,
        Err(refused) => told(refused)?,
    };
    show(&context, (&ticket, token, &user), &params, Some(error)).await
}
