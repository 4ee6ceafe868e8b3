//! The page of the link in an invitation, on which a user sets a passkey or a password.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri, header};
use sojourn_engine::EngineError;
use sojourn_engine::directory::PasswordRefused;
use sojourn_engine::factors::{FactorRefused, KeyOffer, NewKey};
use sojourn_model::User;

use crate::context::Context;
use crate::language::Text;
use crate::web::factors::key::WRONG;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, form, render, words};
use crate::{request, respond};

const TOO_OLD: &str = "This invitation has expired or has already been used. If you can't sign in, ask your administrator for a new one.";
const DIFFERENT: &str = "The passwords don't match. Enter both again.";

/// The page on which an invited user sets a passkey or a password.
#[derive(Template)]
#[template(path = "invitation.html")]
struct Invitation {
    base: String,
    csrf: String,
    token: String,
    user: String,
    name: String,
    /// The sealed offer of a passkey and its creation options as JSON; `None` if this server supports no passkeys.
    key: Option<(String, String)>,
    /// Minimum length of a password, in characters.
    least: usize,
    error: Option<Text>,
}

/// The page after an invitation has been accepted.
#[derive(Template)]
#[template(path = "invitation_done.html")]
struct Accepted {
    base: String,
    user: String,
    /// Recovery codes that were created with a passkey; empty after a password.
    codes: Vec<String>,
}

async fn show(
    context: &Context,
    status: StatusCode,
    token: &str,
    user: &User,
    error: Option<Text>,
) -> Answer {
    let (engine, tenant) = (context.engine(), context.tenant());
    let least = engine.password_length(tenant, user).await?;
    let key = match engine.offer_key_to_invited(tenant, token).await {
        Ok(KeyOffer { sealed, options }) => Some((sealed, options.to_string())),
        Err(FactorRefused::Failed(error)) => return Err(error.into()),
        Err(_) => None,
    };
    let (secret, cookie) = context.form_secret();
    let page = Invitation {
        base: context.arrival.prefix.to_string(),
        csrf: context.form_token(&secret),
        token: token.to_owned(),
        user: user.username.clone(),
        name: user.shown_name().to_owned(),
        key,
        least,
        error,
    };
    let response = render::script_form_page(context, status, &page, None);
    Ok(respond::with(response, header::SET_COOKIE, &cookie))
}

/// Serves `GET /invitation`: shows the form. It changes nothing, because programs that scan mail follow links.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let token = {
        let params = request::query(uri.query())?;
        params.get("token").unwrap_or_default().to_owned()
    };
    match context.engine().invited(context.tenant(), &token).await? {
        Some(user) => {
            context.speak_as(&user.profile);
            show(&context, StatusCode::OK, &token, &user, None).await
        }
        None => Err(Refusal::bad_request(TOO_OLD)),
    }
}

/// Serves `POST /invitation`: sets the passkey or password that the user chose.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (engine, tenant, token) = (context.engine(), context.tenant(), text("token"));
    let user = engine.invited(tenant, token).await?.ok_or_else(|| Refusal::bad_request(TOO_OLD))?;
    context.speak_as(&user.profile);
    let again = async |error: Text| {
        show(&context, StatusCode::BAD_REQUEST, token, &user, Some(error)).await
    };
    let credential = text("credential");
    let done = if credential.is_empty() {
        if text("new") != text("again") {
            return again(DIFFERENT.into()).await;
        }
        engine.accept_with_password(tenant, token, text("new")).await.map(|()| Vec::new())
    } else {
        let (sealed, name) = (text("offer"), text("name"));
        let new = NewKey { sealed, credential, name, user_agent: context.user_agent() };
        match engine.accept_with_passkey(tenant, token, new).await {
            Ok(added) => Ok(added.codes.unwrap_or_default()),
            Err(FactorRefused::Failed(error)) => Err(PasswordRefused::Failed(error)),
            Err(FactorRefused::Gone) => return Err(Refusal::bad_request(TOO_OLD)),
            Err(_) => return again(WRONG.into()).await,
        }
    };
    match done {
        Ok(codes) => {
            let base = context.arrival.prefix.to_string();
            let page = Accepted { base, user: user.username, codes };
            Ok(render::page(&context, StatusCode::OK, &page))
        }
        Err(PasswordRefused::Failed(EngineError::Invalid(_))) => Err(Refusal::bad_request(TOO_OLD)),
        Err(PasswordRefused::Failed(error)) => Err(error.into()),
        Err(refused) => again(words::refused_password(&refused)).await,
    }
}
