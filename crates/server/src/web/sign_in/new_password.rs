//! A step: choosing another password, where an administrator demands it.

use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::directory::PasswordRefused;
use sojourn_engine::sign_in::NewPasswordError;
use sojourn_oidc::Params;

use super::answer::answer;
use super::new_password_page;
use super::state::{Page, State, form_of, visit};
use crate::context::Context;
use crate::language::Text;
use crate::web::{errors, form, words};

const DIFFERENT: &str = "The two passwords are not the same. Type both again.";

/// Sets the password and continues the sign-in.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let params = match form::before_sign_in(&context, &body) {
        Ok(params) => params,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (way, proven) = match State::open(&context, Page::NewPassword, text("token")) {
        Ok(opened) => opened,
        Err(elsewhere) => return *elsewhere,
    };
    let again = |error: Text| {
        let (token, user) = (text("token").to_owned(), text("username").to_owned());
        new_password_page::demanded(&context, StatusCode::BAD_REQUEST, token, user, Some(error))
    };
    if text("new") != text("again") {
        return again(DIFFERENT.into());
    }
    let present = match context.session().await {
        Ok(present) => present,
        Err(error) => return errors::failure(&context, &error),
    };
    let name = form_of(&[params.get("token")]);
    let (visit, cookie) = visit(&context, &way, present, Some(name)).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    let outcome = match engine.sign_in_with_new_password(tenant, proven, &visit, text("new")).await
    {
        Ok(signed_in) => Ok(signed_in),
        Err(NewPasswordError::SignIn(refused)) => Err(refused),
        Err(NewPasswordError::Refused(PasswordRefused::Failed(error))) => {
            return errors::failure(&context, &error);
        }
        Err(NewPasswordError::Refused(refused)) => return again(words::refused_password(&refused)),
    };
    answer(&context, way, outcome, cookie, &Params::default()).await
}
