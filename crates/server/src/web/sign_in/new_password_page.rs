//! The page for choosing a new password: during a sign-in, and after following the link in a mail.

use askama::Template;
use axum::response::Response;
use http::{StatusCode, header};
use sojourn_engine::sign_in::Proven;

use super::state::{Page, State, Way};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::{filters, render};

const DEMANDED: &str =
    "Your administrator requires you to choose a new password before you continue.";

/// The page for choosing a new password.
#[derive(Template)]
#[template(path = "new_password.html")]
pub(crate) struct NewPassword {
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) action: &'static str,
    pub(crate) token: String,
    pub(crate) why: Text,
    pub(crate) user: String,
    pub(crate) done: bool,
    pub(crate) error: Option<Text>,
}

/// The values of the page, without what every form has.
pub(in crate::web) struct Shown {
    pub(in crate::web) action: &'static str,
    pub(in crate::web) token: String,
    pub(in crate::web) why: &'static str,
    pub(in crate::web) user: String,
    pub(in crate::web) done: bool,
    pub(in crate::web) error: Option<Text>,
}

pub(in crate::web) fn show(context: &Context, status: StatusCode, shown: Shown) -> Response {
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
    // The form of a sign-in finally leads to an application, so the policy must not restrict form targets.
    let response = render::script_form_page(context, status, &page, None);
    respond::with(response, header::SET_COOKIE, &cookie)
}

/// Shows the page to a user who has entered the correct password and must choose another one.
pub(super) fn demand(context: &Context, way: &Way, proven: Proven) -> Response {
    let (secret, _) = context.form_secret();
    let token = State::seal(context, Page::NewPassword, way, proven, &context.form_token(&secret));
    demanded(context, StatusCode::OK, token, String::new(), None)
}

/// Shows the page with an existing state (`token`).
pub(super) fn demanded(
    context: &Context,
    status: StatusCode,
    token: String,
    user: String,
    error: Option<Text>,
) -> Response {
    let action = "/login/password";
    show(context, status, Shown { action, token, why: DEMANDED, user, done: false, error })
}
