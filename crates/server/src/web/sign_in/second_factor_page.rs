//! Asking for a second factor, as it is shown: in a sign-in, and where an application asks for more than the session has.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Proven;

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::pages::AppFace;
use crate::web::{consent, errors, filters, render};

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
}

/// Shows the page to someone who has proven everything but the second factor.
pub(super) async fn ask(context: &Context, way: &Way, proven: Proven) -> Response {
    let (secret, _) = context.form_secret();
    let csrf = context.form_token(&secret);
    let state = State::seal(context, Page::SecondFactor, way, proven, &csrf);
    show(context, StatusCode::OK, way, state, None).await
}

/// The same page, with what is carried already: the time that a person may take doesn't begin again.
pub(super) async fn show(
    context: &Context,
    status: StatusCode,
    way: &Way,
    state: String,
    error: Option<Text>,
) -> Response {
    let raises = match context.session().await {
        Ok(Some(session)) if way.raises.is_some() => {
            let user = context.engine().reads().user(context.tenant().id, session.user).await;
            user.ok().flatten().map(|user| user.username)
        }
        Ok(_) => None,
        Err(error) => return errors::failure(context, &error),
    };
    let app = consent::app_of_ticket(context, &way.ticket).await;
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
    };
    let response = render::face_page(context, status, &page, logo.as_deref());
    respond::with(response, header::SET_COOKIE, &cookie)
}
