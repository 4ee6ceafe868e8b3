//! My Account: changing one's password.

use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::directory::{MY_ACCOUNT, PasswordRefused};
use sojourn_model::OnPasswordChange;

use crate::context::Context;
use crate::language::Text;
use crate::respond;
use crate::web::my_account::{Visitor, everything_ended, genuine_form, visitor};
use crate::web::pages::Password;
use crate::web::{errors, render, words};

const PATH: &str = "/myaccount/password";

/// Shows the form.
pub(crate) async fn get(context: Context) -> Response {
    match visitor(&context, PATH, MY_ACCOUNT).await {
        Ok(visitor) => show(&context, &visitor, StatusCode::OK, None).await,
        Err(elsewhere) => *elsewhere,
    }
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    status: StatusCode,
    error: Option<Text>,
) -> Response {
    let policy = context.engine().policy(context.tenant(), visitor.user.id, None).await;
    let consequence = match policy.map(|policy| policy.on_password_change) {
        Ok(OnPasswordChange::KeepCurrent) => {
            "Afterwards you are signed out everywhere else. Here you stay signed in."
        }
        Ok(OnPasswordChange::All) => "Afterwards you are signed out everywhere, here too.",
        Err(error) => return errors::failure(context, &error),
    };
    let least = match context.engine().password_length(context.tenant(), &visitor.user).await {
        Ok(least) => least,
        Err(error) => return errors::failure(context, &error),
    };
    let frame = visitor.frame(context, "security");
    render::own_script_page(context, status, &Password { frame, error, consequence, least })
}

/// Changes it.
pub(crate) async fn post(context: Context, body: Bytes) -> Response {
    let (visitor, params) = match genuine_form(&context, &body, PATH, MY_ACCOUNT).await {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let text = |name: &str| params.get(name).unwrap_or_default();
    if text("new") != text("again") {
        let error = Some("The two new passwords are not the same. Type both again.".into());
        return show(&context, &visitor, StatusCode::BAD_REQUEST, error).await;
    }
    let (engine, tenant) = (context.engine(), context.tenant());
    let ip = context.arrival.ip.to_string();
    let frames = match engine.front_channel(tenant, &visitor.session).await {
        Ok(frames) => frames,
        Err(error) => return errors::failure(&context, &error),
    };
    let changed =
        engine.change_password(tenant, &visitor.session, text("current"), text("new"), &ip).await;
    let (status, error): (_, Text) = match changed {
        Ok(OnPasswordChange::KeepCurrent) => {
            return respond::see_other(&context.link("/myaccount/security?done=password"));
        }
        Ok(OnPasswordChange::All) => return everything_ended(&context, &visitor, frames).await,
        Err(PasswordRefused::Wrong) => {
            (StatusCode::FORBIDDEN, "The current password is not right. Type it again.".into())
        }
        Err(PasswordRefused::TooMany) => {
            let text = "Too many attempts. Wait five minutes, then try again.";
            (StatusCode::TOO_MANY_REQUESTS, text.into())
        }
        Err(PasswordRefused::Failed(cause)) => return errors::failure(&context, &cause),
        Err(refused) => (StatusCode::BAD_REQUEST, words::refused_password(&refused)),
    };
    show(&context, &visitor, status, Some(error)).await
}
