//! The pages of a sign-up: a mail address first, then the code or link in a mail to it, then a passkey or a password.

pub(crate) mod account;
pub(crate) mod ask;

use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_engine::sign_up::SignUpRefused;
use sojourn_oidc::Params;

use crate::context::Context;
use crate::language::Text;
use crate::ticket::{Opened, Ticket};
use crate::web::refusal::Refusal;
use crate::web::words;

const CLOSED: &str = "Nobody can create an account here. Ask your administrator for one.";
const NO_ADDRESS: &str = "This is not a valid mail address. Check it and try again.";
const OTHER_DOMAIN: &str =
    "You can't create an account with this mail address. Use the address of your organisation.";
const WRONG_INVITATION: &str = "This invitation code is wrong, used up or expired.";
const TERMS: &str = "Please accept the terms of use.";
const WORK: &str = "Your browser didn't finish its check in time. Try again.";
const WRONG_CODE: &str = "This code doesn't match the one in the mail. Try again.";
const TOO_MANY: &str = "Too many attempts. Wait five minutes, then try again.";
const TOO_MANY_MAILS: &str = "Too many accounts were requested. Try again in an hour.";
const TOO_MANY_CODES: &str = "Too many attempts. Request a new mail.";
const TOO_OLD: &str = "This link has expired, has already been used, or is no longer valid. If you have an account, sign in; otherwise, start again.";

/// Returns where the user goes afterwards: to the place in the ticket, or to My Account if there is no ticket. `None`
/// if the ticket is invalid.
fn destination(context: &Context, params: &Params) -> Option<Ticket> {
    match params.get("ticket").filter(|text| !text.is_empty()) {
        None => Some(Ticket::to(context, "/myaccount")),
        Some(text) => Opened::of(context, text).map(Opened::ticket),
    }
}

/// Returns the status and text to show above the form, or a complete response if trying again is useless.
fn told(refused: SignUpRefused) -> Result<(StatusCode, Text), Refusal> {
    let status = match refused {
        SignUpRefused::TooMany | SignUpRefused::TooManyMails | SignUpRefused::TooManyCodes => {
            StatusCode::TOO_MANY_REQUESTS
        }
        _ => StatusCode::BAD_REQUEST,
    };
    let text = match refused {
        SignUpRefused::Closed => return Err(Refusal::missing(CLOSED)),
        SignUpRefused::Gone | SignUpRefused::Key(_) => {
            return Err(Refusal::bad_request(TOO_OLD));
        }
        SignUpRefused::NoAddress => NO_ADDRESS.into(),
        SignUpRefused::OtherDomain => OTHER_DOMAIN.into(),
        SignUpRefused::WrongInvitation => WRONG_INVITATION.into(),
        SignUpRefused::Terms => TERMS.into(),
        SignUpRefused::Work => WORK.into(),
        SignUpRefused::WrongCode => WRONG_CODE.into(),
        SignUpRefused::TooMany => TOO_MANY.into(),
        SignUpRefused::TooManyMails => TOO_MANY_MAILS.into(),
        SignUpRefused::TooManyCodes => TOO_MANY_CODES.into(),
        SignUpRefused::Password(refused) => words::refused_password(&refused),
        SignUpRefused::Failed(EngineError::Invalid(why)) => words::sentence(why),
        SignUpRefused::Failed(error) => return Err(error.into()),
    };
    Ok((status, text))
}
