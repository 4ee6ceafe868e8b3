//! The profile of a user, changed by an administrator.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use sojourn_engine::scim::{ScimFailure, UserEdit, Writing};
use sojourn_engine::{EngineError, Right};
use sojourn_model::User;
use sojourn_oidc::Params;

use super::{administrator, form};
use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::profile::{self, Field, Known, change, fields, resource};
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

/// The attributes that users can change themselves, and those that only administrators can change.
const FIELDS: [Known; 9] = {
    let [display, given, family, nick, mail, phone] = profile::FIELDS;
    [
        ("username", "userName", "Login name", "text", "off"),
        display,
        given,
        family,
        nick,
        mail,
        phone,
        ("title", "title", "Title", "text", "off"),
        ("locale", "locale", "Language, as a tag such as de or en-GB", "text", "off"),
    ]
};

#[derive(Template)]
#[template(path = "console/profile.html")]
struct ProfilePage {
    frame: Frame,
    id: String,
    username: String,
    fields: Vec<Field>,
    error: Option<Text>,
}

fn show(
    context: &Context,
    (visitor, user): (&Visitor, &User),
    resource: &Value,
    sent: Option<&Params>,
    error: Option<Text>,
) -> Response {
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = ProfilePage {
        frame: visitor.frame(context, "users"),
        id: user.id.to_string(),
        username: user.username.clone(),
        fields: fields(&FIELDS, resource, sent),
        error,
    };
    render::page(context, status, &page)
}

/// Serves `GET /console/users/{user_id}/profile`: the form with the user's profile.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, "/console/users", Right::UserUpdate).await?;
    let user = super::user(&context, &visitor, &id).await?;
    match resource(&context, user.id).await {
        Ok(resource) => Ok(show(&context, (&visitor, &user), &resource, None, None)),
        Err(failure) => Err(failure.into()),
    }
}

/// Serves `POST /console/users/{user_id}/profile`: saves the changed attributes.
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/users", Right::UserUpdate).await?;
    let user = super::user(&context, &visitor, &id).await?;
    let resource = match resource(&context, user.id).await {
        Ok(resource) => resource,
        Err(failure) => return Err(failure.into()),
    };
    let back = context.link(&format!("/console/users/{id}?done=profile"));
    let Some(change) = change(&FIELDS, &resource, &params) else {
        return Ok(respond::see_other(&back));
    };
    let writing = Writing { by: &visitor.by, own: false, fresh: false, if_match: None };
    let edit = UserEdit::Patch(&change);
    let why = match context.engine().edit_user(context.tenant(), user.id, edit, &writing).await {
        Ok(_) => return Ok(respond::see_other(&back)),
        Err(ScimFailure::Refused(error)) => words::sentence(&error.detail),
        Err(ScimFailure::Failed(error @ (EngineError::Invalid(_) | EngineError::Exists(_)))) => {
            words::sentence(error)
        }
        Err(failure) => return Err(failure.into()),
    };
    Ok(show(&context, (&visitor, &user), &resource, Some(&params), Some(why)))
}
