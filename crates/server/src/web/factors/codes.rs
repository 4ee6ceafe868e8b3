//! My Account: recovery codes, which are shown once and can be replaced.

use askama::Template;
use axum::body::Bytes;
use axum::response::Response;
use http::StatusCode;
use sojourn_engine::directory::MY_ACCOUNT;

use super::{SECURITY, refused};
use crate::context::Context;
use crate::web::my_account::{Visitor, genuine_form, visitor};
use crate::web::pages::{Confirm, Frame};
use crate::web::refusal::Answer;
use crate::web::{filters, render};

const PATH: &str = "/myaccount/factors/codes";

/// The page with new recovery codes, for the user to keep.
#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryCodes {
    frame: Frame,
    codes: Vec<String>,
    /// Value of `done` for the next page, which selects its notice.
    done: &'static str,
}

/// Shows codes that were just created; they can't be shown again.
pub(super) fn show(
    context: &Context,
    visitor: &Visitor,
    codes: Vec<String>,
    done: &'static str,
) -> Response {
    let frame = visitor.frame(context, "security");
    render::page(context, StatusCode::OK, &RecoveryCodes { frame, codes, done })
}

/// Serves `GET /myaccount/factors/codes`: asks for confirmation before the existing codes become invalid.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    let page = Confirm {
        title: "Generate new recovery codes?".into(),
        text: "Your current codes stop working. The new ones are shown only once.".into(),
        facts: Vec::new(),
        action: context.link(PATH),
        button: "Generate new codes".into(),
        back: context.link(SECURITY),
        frame: visitor.frame(&context, "security"),
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}

/// Serves `POST /myaccount/factors/codes`: creates new codes and shows them.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, _) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    match context.engine().renew_recovery_codes(context.tenant(), &visitor.session).await {
        Ok(codes) => Ok(show(&context, &visitor, codes, "")),
        Err(why) => refused(&context, &visitor, PATH, why).await,
    }
}
