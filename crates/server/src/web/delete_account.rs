//! My Account: deleting the user's own account, if the tenant allows it.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, header};
use sojourn_engine::EngineError;
use sojourn_engine::directory::MY_ACCOUNT;
use sojourn_engine::factors::FactorRefused;
use sojourn_engine::sign_up::Left;
use sojourn_model::Leaving;

use crate::context::Context;
use crate::language::{Text, say};
use crate::respond;
use crate::web::factors::refused;
use crate::web::my_account::{genuine_form, visitor};
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{errors, filters, render, words};

const PATH: &str = "/myaccount/delete";
const CLOSED: &str = "Only administrators can delete accounts here. Ask an administrator.";

#[derive(Template)]
#[template(path = "delete_account.html")]
struct DeletePage {
    frame: Frame,
    /// What happens to the account, and when.
    what: Text,
    /// Whether the deletion has been requested already.
    asked: bool,
}

/// Returns the sentence that says what the button does under the tenant's setting.
fn promise(leaving: Leaving) -> Text {
    match leaving {
        Leaving::Never => CLOSED.into(),
        Leaving::AtOnce => "The account is deleted immediately and can't be restored.".into(),
        Leaving::AfterDays(days) => say(
            "The account is deleted after {0}. Until then you can cancel here.",
            [Text::Counted("{0} day", "{0} days", u64::from(days))],
        ),
        Leaving::ByApproval => "An administrator decides. Until then you can cancel here.".into(),
    }
}

/// Serves `GET /myaccount/delete`: asks for confirmation, or shows the pending request with a way to withdraw it.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    let asked = engine.reads(tenant.id).deletion_of(visitor.user.id).await?;
    if let Some(asked) = asked {
        let what = match asked.due {
            Some(due) => say("Your account is deleted on {0}.", [words::moment(due)]),
            None => "An administrator decides about deleting your account.".into(),
        };
        let page = DeletePage { frame: visitor.frame(&context, "profile"), what, asked: true };
        return Ok(render::page(&context, StatusCode::OK, &page));
    }
    if tenant.sign_up.leaving == Leaving::Never {
        return Err(Refusal::missing(CLOSED));
    }
    match engine.is_fresh(tenant, &visitor.session).await? {
        true => {
            let what = promise(tenant.sign_up.leaving);
            let page = DeletePage { frame: visitor.frame(&context, "profile"), what, asked: false };
            Ok(render::page(&context, StatusCode::OK, &page))
        }
        false => refused(&context, &visitor, PATH, FactorRefused::NotFresh).await,
    }
}

/// Serves `POST /myaccount/delete`: deletes the account, stores the request for deletion, or withdraws the request
/// (`act=keep`).
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = genuine_form(&context, &body, PATH, MY_ACCOUNT).await?;
    let (engine, tenant) = (context.engine(), context.tenant());
    if params.get("act") == Some("keep") {
        return match engine.stay(tenant, &visitor.session).await {
            // The form was sent twice: the account stays in either case.
            Ok(()) | Err(EngineError::NotFound(_)) => {
                Ok(respond::see_other(&context.link("/myaccount/profile?done=kept")))
            }
            Err(error) => Err(error.into()),
        };
    }
    match engine.leave(tenant, &visitor.session).await {
        Ok(Left::Gone) => {
            let text =
                "You are signed out everywhere, and all data in the account has been deleted.";
            let response = errors::page(&context, StatusCode::OK, "Your account is deleted", text);
            Ok(respond::with(response, header::SET_COOKIE, &context.no_session_cookie()))
        }
        // The page shows the stored request. `Gone` below: it was stored already, or the tenant doesn't allow deletion.
        Ok(Left::Waits) => Ok(respond::see_other(&context.link(PATH))),
        Err(FactorRefused::Gone) if tenant.sign_up.leaving == Leaving::Never => {
            Err(Refusal::missing(CLOSED))
        }
        Err(FactorRefused::Gone) => Ok(respond::see_other(&context.link(PATH))),
        Err(FactorRefused::Failed(EngineError::Protected(_))) => Err(Refusal::bad_request(
            "You are the last administrator. Assign the role to someone else first.",
        )),
        Err(why) => refused(&context, &visitor, PATH, why).await,
    }
}
