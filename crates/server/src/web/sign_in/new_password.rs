//! A step: choosing another password, if an administrator requires it.

use axum::body::Bytes;
use http::StatusCode;
use sojourn_engine::directory::PasswordRefused;
use sojourn_engine::sign_in::NewPasswordError;
use sojourn_oidc::Params;

use super::answer::answer;
use super::new_password_page;
use super::state::{Page, State, form_of, visit};
use crate::context::Context;
use crate::language::Text;
use crate::web::refusal::Answer;
use crate::web::{form, words};

const DIFFERENT: &str = "The passwords don't match. Enter both again.";

/// Serves `POST /login/password`: sets the password and continues the sign-in.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let params = form::before_sign_in(&context, &body)?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    let (way, proven) = State::open(&context, Page::NewPassword, text("token"))?;
    let again = |error: Text| {
        let (token, user) = (text("token").to_owned(), text("username").to_owned());
        new_password_page::demanded(&context, StatusCode::BAD_REQUEST, token, user, Some(error))
    };
    if text("new") != text("again") {
        return Ok(again(DIFFERENT.into()));
    }
    let present = context.session().await?;
    let name = form_of(&[params.get("token")]);
    let (visit, cookie) = visit(&context, &way, present, Some(name)).await;
    let (engine, tenant) = (context.engine(), context.tenant());
    let outcome = match engine.sign_in_with_new_password(tenant, proven, &visit, text("new")).await
    {
        Ok(signed_in) => Ok(signed_in),
        Err(NewPasswordError::SignIn(refused)) => Err(refused),
        Err(NewPasswordError::Refused(PasswordRefused::Failed(error))) => {
            return Err(error.into());
        }
        Err(NewPasswordError::Refused(refused)) => {
            return Ok(again(words::refused_password(&refused)));
        }
    };
    answer(&context, way, outcome, cookie, &Params::default()).await
}
