//! Actions on an account, such as locking it: each one first shows what it does to the user's sessions.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use sojourn_engine::factors::rests_on_second_factor;
use sojourn_engine::session::SessionView;
use sojourn_engine::{Authority, EndPlan, EngineError, Right};
use sojourn_model::{Actor, EndReason, EndTarget, OnAccount, OnFactorRemoved, User, UserState};

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::respond;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};

/// The confirmation page of an action.
#[derive(Template)]
#[template(path = "console/user_act.html")]
struct Ask {
    frame: Frame,
    title: Text,
    text: &'static str,
    facts: Vec<Text>,
    action: String,
    button: &'static str,
    back: String,
    /// Whether the form has a field for a new password.
    password: bool,
    error: Option<Text>,
}

/// An action: its name in the path, the title, what it does, and the label of the button.
struct Act {
    name: &'static str,
    title: &'static str,
    text: &'static str,
    button: &'static str,
}

/// Returns the right that an action requires.
fn right_of(name: &str) -> Right {
    if name == "remove" { Right::UserDelete } else { Right::UserUpdate }
}

const ACTS: [Act; 10] = [
    Act {
        name: "invite",
        title: "Invite the person",
        text: "The person receives a mail with a link to set a passkey or a password. Opening it also confirms the mail address. The link is valid for one week.",
        button: "Invite",
    },
    Act {
        name: "lock",
        title: "Lock the account",
        text: "Nobody can sign in with it until it is unlocked.",
        button: "Lock account",
    },
    Act {
        name: "disable",
        title: "Switch off the account",
        text: "Nobody can sign in with it until it is switched on again.",
        button: "Switch off",
    },
    Act {
        name: "enable",
        title: "Enable the account",
        text: "The person can sign in again immediately.",
        button: "Enable",
    },
    Act {
        name: "password",
        title: "Set a new password",
        text: "Send it to the person through a secure channel.",
        button: "Set password",
    },
    Act {
        name: "expire-password",
        title: "Require a new password",
        text: "With the current password, the person can only choose a new one.",
        button: "Require new password",
    },
    Act {
        name: "reset-factors",
        title: "Remove all factors",
        text: "Use this if the person has lost them. Afterwards the password alone is enough to sign in. Make sure that the request comes from the person, who is notified by mail.",
        button: "Remove all",
    },
    Act {
        name: "end-wait",
        title: "End the waiting time",
        text: "The account was recovered, and a policy makes it wait before the password alone opens it. Make sure that the request comes from the person.",
        button: "End waiting time",
    },
    Act {
        name: "secure",
        title: "Secure the account",
        text: "Use this if someone else may have access to the account. All sessions and tokens end, including those for access while the person is away. Passkeys, second factors, recovery codes and trusted browsers are removed, and the password stops working. The person chooses a new one by mail, or you set one.",
        button: "Secure account",
    },
    Act {
        name: "remove",
        title: "Remove the account",
        text: "The account is deleted permanently, with its roles, groups and approvals. Ended sessions stay in the history.",
        button: "Remove account",
    },
];

async fn facts(context: &Context, user: &User, act: &str) -> Result<Vec<Text>, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let policy = engine.policy(tenant, user.id, None).await?;
    let keeps = match act {
        "lock" => policy.on_lock == OnAccount::Keep,
        "disable" => policy.on_disable == OnAccount::Keep,
        "password" => policy.on_password_reset == OnAccount::Keep,
        "enable" | "end-wait" => return Ok(Vec::new()),
        "invite" => {
            let address = user.email.clone().unwrap_or_default();
            return Ok(vec![say("To {0}", [plain(address)])]);
        }
        "reset-factors" => {
            let views = engine.sessions_of_user(tenant, user.id).await?;
            let rests = |view: &&SessionView| match policy.on_factor_removed {
                OnFactorRemoved::Nothing => false,
                OnFactorRemoved::MadeWithIt => rests_on_second_factor(&view.session.proofs),
                OnFactorRemoved::All => true,
            };
            let going = views.iter().filter(rests).count() as u64;
            return Ok(vec![say(
                "{0} of {1} will end",
                [words::count(going, words::Noun::Session), plain(user.shown_name())],
            )]);
        }
        _ => false,
    };
    if keeps {
        return Ok(vec!["The tenant's policy keeps the sessions".into()]);
    }
    let plan = EndPlan::new(EndTarget::User(user.id), EndReason::AccountDeleted, Actor::System);
    let preview = engine.preview_end(tenant, plan, &Authority::system()).await?.summary;
    Ok(vec![
        say(
            "{0} of {1} will end",
            [words::count(preview.sessions, words::Noun::Session), plain(user.shown_name())],
        ),
        say("{0} will be notified", [words::count(preview.deliveries, words::Noun::Application)]),
    ])
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    user: &User,
    act: &Act,
    error: Option<Text>,
) -> Answer {
    let facts = facts(context, user, act.name).await?;
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Ask {
        frame: visitor.frame(context, "users"),
        title: say("{0}: {1}", [act.title.into(), plain(&user.username)]),
        text: act.text,
        facts,
        action: context.link(&format!("/console/users/{}/acts/{}", user.id, act.name)),
        button: act.button,
        back: context.link(&format!("/console/users/{}", user.id)),
        password: act.name == "password",
        error,
    };
    Ok(render::page(context, status, &page))
}

fn act_of(name: &str) -> Result<&'static Act, Refusal> {
    let found = ACTS.iter().find(|act| act.name == name);
    found.ok_or_else(|| Refusal::missing("There is no such act."))
}

/// Serves `GET /console/users/{user_id}/acts/{act}`: asks for confirmation before an action.
pub(crate) async fn ask(context: Context, Path((id, name)): Path<(String, String)>) -> Answer {
    let visitor = administrator(&context, "/console/users", right_of(&name)).await?;
    let act = act_of(&name)?;
    let user = super::user(&context, &visitor, &id).await?;
    show(&context, &visitor, &user, act, None).await
}

/// Serves `POST /console/users/{user_id}/acts/{act}`: performs an action.
pub(crate) async fn done(
    context: Context,
    Path((id, name)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/users", right_of(&name)).await?;
    let act = act_of(&name)?;
    let user = super::user(&context, &visitor, &id).await?;
    let (engine, tenant, by) = (context.engine(), context.tenant(), &visitor.by);
    let done = match act.name {
        "lock" => engine.set_user_state(tenant, &user, UserState::Locked, by).await,
        "disable" => engine.set_user_state(tenant, &user, UserState::Disabled, by).await,
        "enable" => engine.set_user_state(tenant, &user, UserState::Active, by).await,
        "expire-password" => engine.demand_new_password(tenant, &user, by).await,
        "invite" => engine.invite(tenant, &user, by).await,
        "reset-factors" => engine.reset_factors(tenant, &user, by).await,
        "end-wait" => engine.end_wait(tenant, &user, by).await,
        "secure" => engine.secure_account(tenant, &user, by).await,
        "remove" => engine.remove_user(tenant, &user, by).await,
        _ => {
            let new = params.get("new").unwrap_or_default();
            engine.reset_password(tenant, &user, new, by).await
        }
    };
    match done {
        Ok(()) if act.name == "remove" => Ok(respond::see_other(&context.link("/console/users"))),
        Ok(()) => {
            Ok(respond::see_other(&context.link(&format!("/console/users/{id}?done={}", act.name))))
        }
        Err(EngineError::Invalid(why)) => {
            show(&context, &visitor, &user, act, Some(words::sentence(why))).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the notice that the page of a user shows after an action.
pub(super) fn notice(name: &str) -> Option<&'static str> {
    Some(match name {
        "lock" => "The account is locked.",
        "profile" => "The profile is saved.",
        "disable" => "The account is switched off.",
        "enable" => "The account is enabled.",
        "password" => "The password is set.",
        "invite" => "The invitation is on its way.",
        "end-wait" => "The waiting time is over.",
        "reset-factors" => "All factors are removed.",
        "secure" => {
            "The account is secured: all sessions and tokens have ended, and new credentials are required."
        }
        "expire-password" => "A new password is required at the next sign-in.",
        _ => return None,
    })
}
