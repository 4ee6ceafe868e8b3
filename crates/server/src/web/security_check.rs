//! My Account: the security check, which shows what is known about the account's security and what to do next.

use askama::Template;
use http::StatusCode;
use sojourn_engine::directory::{Advice, MY_ACCOUNT, SecurityCheck};

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::my_account::visitor;
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

const PATH: &str = "/myaccount/check";

/// A finding of the security check.
struct Item {
    /// Whether the user should do something about it.
    due: bool,
    name: &'static str,
    found: Text,
    /// Link to where the user can do or see it: path and label.
    way: (&'static str, &'static str),
}

#[derive(Template)]
#[template(path = "security_check.html")]
struct SecurityCheckPage {
    frame: Frame,
    due: usize,
    items: Vec<Item>,
}

fn sign_in(check: &SecurityCheck, advice: &[Advice]) -> Item {
    let due = advice.contains(&Advice::AddFactor);
    let ways = match (check.passkeys, check.second_factors, check.password) {
        (0, 0, _) => {
            "Your password alone is enough to sign in. Anyone who learns it can sign in as you."
                .into()
        }
        (0, _, _) => "You sign in with your password and a second factor.".into(),
        (_, 0, true) => "You can sign in with a passkey or with your password alone.".into(),
        (_, 0, false) => "You can sign in only with a passkey.".into(),
        _ => "You sign in with a passkey, or with your password and a second factor.".into(),
    };
    let found = match check.factor_due {
        Some(from) => say("From {0}, signing in requires a second factor.", [words::moment(from)]),
        None => ways,
    };
    let way = match due {
        true => ("/myaccount/security#factors", "Add a passkey or a second factor"),
        false => ("/myaccount/security#factors", "See your ways to sign in"),
    };
    Item { due, name: "Signing in", found, way }
}

fn address(check: &SecurityCheck) -> Item {
    let (due, found, words) = match &check.address {
        Some((address, true)) => (
            false,
            say("{0} is confirmed. You can set a new password by mail.", [plain(address)]),
            "Change it",
        ),
        Some((address, false)) => {
            (true, say("{0} is not confirmed yet.", [plain(address)]), "Confirm it")
        }
        None => (true, "Your account has no mail address.".into(), "Add one"),
    };
    Item { due, name: "Mail address", found, way: ("/myaccount/address", words) }
}

fn items(check: &SecurityCheck) -> Vec<Item> {
    let advice = check.advice();
    let mut all = vec![sign_in(check, &advice)];
    if check.passkeys + check.second_factors > 0 {
        let left = u64::try_from(check.recovery_codes).unwrap_or_default();
        all.push(Item {
            due: advice.contains(&Advice::RenewRecoveryCodes),
            name: "Recovery codes",
            found: Text::Counted("{0} recovery code left", "{0} recovery codes left", left),
            way: ("/myaccount/factors/codes", "Generate new codes"),
        });
    }
    if check.confirms_addresses {
        all.push(address(check));
    }
    all.push(Item {
        due: false,
        name: "Sessions",
        found: say(
            "You have {0}.",
            [words::count(check.sessions as u64, words::Noun::ActiveSession)],
        ),
        way: ("/myaccount/security", "Check that you know them"),
    });
    if check.trusted_browsers > 0 {
        let many = check.trusted_browsers as u64;
        all.push(Item {
            due: false,
            name: "Trusted browsers",
            found: Text::Counted(
                "In {0} browser your password alone is enough to sign in.",
                "In {0} browsers your password alone is enough to sign in.",
                many,
            ),
            way: ("/myaccount/security#trusted", "See them"),
        });
    }
    if check.offline_applications > 0 {
        let many = check.offline_applications as u64;
        all.push(Item {
            due: false,
            name: "Applications",
            found: Text::Counted(
                "{0} application has access while you are away.",
                "{0} applications have access while you are away.",
                many,
            ),
            way: ("/myaccount/connections", "See your applications"),
        });
    }
    // Due findings come first; the sort is stable, so the order above is kept otherwise.
    all.sort_by_key(|item| !item.due);
    all
}

/// Serves `GET /myaccount/check`: the findings of the security check.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = visitor(&context, PATH, MY_ACCOUNT).await?;
    let check = context.engine().security_check(context.tenant(), visitor.user.id).await?;
    let items = items(&check);
    let due = items.iter().filter(|item| item.due).count();
    let page = SecurityCheckPage { frame: visitor.frame(&context, "security"), due, items };
    Ok(render::page(&context, StatusCode::OK, &page))
}
