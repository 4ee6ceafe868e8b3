//! My Account: changing the user's own password.

use askama::Template;
use axum::body::Bytes;
use http::StatusCode;
use sojourn_engine::directory::{MY_ACCOUNT, PasswordRefused};
use sojourn_model::OnPasswordChange;

use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::{Visitor, everything_ended, genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

/// The page on which the user changes the password.
#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    error: Option<Text>,
    consequence: &'static str,
    /// Minimum length of a new password, in characters.
    least: usize,
}

const PATH: &str = "/myaccount/password";

/// Serves `GET /myaccount/password`: the form for a new password.
pub(crate) async fn get(context: Context) -> Answer {
    match visitor(&context, PATH, MY_ACCOUNT).await {
        Ok(visitor) => show(&context, &visitor, StatusCode::OK, None).await,
        Err(elsewhere) => Err(elsewhere),
    }
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    status: StatusCode,
    error: Option<Text>,
) -> Answer {
    let policy = context.engine().policy(context.tenant(), visitor.user.id, None).await;
    let consequence = match policy.map(|policy| policy.on_password_change)? {
        OnPasswordChange::KeepCurrent => {
            "You will be signed out everywhere else. Here you stay signed in."
        }
        OnPasswordChange::All => "You will be signed out everywhere, including here.",
    };
    let least = context.engine().password_length(context.tenant(), &visitor.user).await?;
    let frame = visitor.frame(context, "security");
    Ok(render::own_script_page(context, status, &PasswordPage { frame, error, consequence, least }))
}

/// Serves `POST /myaccount/password`: changes the password; sessions end as the policy requires.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let text = |name: &str| params.get(name).unwrap_or_default();
    if text("new") != text("again") {
        let error = Some("The new passwords don't match. Enter both again.".into());
        return show(&context, &visitor, StatusCode::BAD_REQUEST, error).await;
    }
    let (engine, tenant) = (context.engine(), context.tenant());
    let ip = context.arrival.ip.to_string();
    let frames = engine.front_channel(tenant, &visitor.session).await?;
    let changed =
        engine.change_password(tenant, &visitor.session, text("current"), text("new"), &ip).await;
    let (status, error): (_, Text) = match changed {
        Ok(OnPasswordChange::KeepCurrent) => {
            return Ok(respond::see_other(&context.link("/myaccount/security?done=password")));
        }
        Ok(OnPasswordChange::All) => return everything_ended(&context, &visitor, frames).await,
        Err(PasswordRefused::Wrong) => {
            (StatusCode::FORBIDDEN, "The current password is incorrect. Enter it again.".into())
        }
        Err(PasswordRefused::TooMany) => {
            let text = "Too many attempts. Wait five minutes, then try again.";
            (StatusCode::TOO_MANY_REQUESTS, text.into())
        }
        Err(PasswordRefused::Failed(cause)) => return Err(cause.into()),
        Err(refused) => (StatusCode::BAD_REQUEST, words::refused_password(&refused)),
    };
    show(&context, &visitor, status, Some(error)).await
}
