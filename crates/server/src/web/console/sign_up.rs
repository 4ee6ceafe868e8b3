//! Who can create an account themselves, and the invitation codes that allow it.

use askama::Template;
use axum::body::Bytes;
use http::{StatusCode, Uri};
use sojourn_engine::sign_up::NewCode;
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Leaving, OpenTo, SignUp, SignUpCode, Tenant, Terms};
use sojourn_oidc::Params;

use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, say};
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

const PATH: &str = "/console/sign-up";
const DAY_MS: i64 = 24 * 3_600_000;
/// Who can sign up: value in the form, and label.
const CHOICES: [(&str, &str); 4] = [
    ("nobody", "Nobody: administrators create accounts"),
    ("everybody", "Everybody with a mail address"),
    ("domains", "Everybody with an address in these domains"),
    ("codes", "Everybody with an invitation code"),
];
/// Whether users can delete their own accounts: value in the form, and label.
const LEAVING: [(&str, &str); 4] = [
    ("never", "No: only administrators can"),
    ("at_once", "Yes, immediately"),
    ("after_days", "Yes, after a waiting period in which they can cancel"),
    ("by_approval", "Yes, after an administrator approves"),
];
/// Suggested number of days before an account is deleted.
const LEAVING_DAYS: u16 = 14;
/// Lifetimes of a code that can be selected, in days.
const DAYS: [i64; 5] = [1, 7, 30, 90, 365];

/// An existing invitation code in the list.
struct CodeLine {
    id: String,
    label: String,
    uses_left: i64,
    until: Text,
    /// Whether the code is used up or expired.
    over: bool,
}

#[derive(Template)]
#[template(path = "console/sign_up.html")]
struct SignUpPage {
    frame: Frame,
    choices: Vec<(&'static str, &'static str, bool)>,
    domains: String,
    terms_version: String,
    terms_url: String,
    proof_of_work: bool,
    /// Options for whether users can delete their own accounts: value, label, and whether it is selected.
    leaving: Vec<(&'static str, &'static str, bool)>,
    leaving_days: u16,
    codes: Vec<CodeLine>,
    days: Vec<(i64, Text, bool)>,
    /// A code that was just created, and the address of the sign-up page with it.
    made: Option<(String, String)>,
    /// Whether the server sends mail: without it, nobody can create an account.
    sends_mail: bool,
    may_change: bool,
    error: Option<Text>,
}

/// The outcome of a request, to show on the page.
#[derive(Default)]
struct News {
    notice: Option<Text>,
    error: Option<Text>,
    made: Option<String>,
    /// The settings that were typed, if they were rejected.
    typed: Option<SignUp>,
}

async fn show(context: &Context, visitor: &Visitor, tenant: &Tenant, news: News) -> Answer {
    let engine = context.engine();
    let codes = engine.sign_up_codes(tenant, &visitor.by).await?;
    let now = engine.now();
    let line = |code: SignUpCode| CodeLine {
        id: sojourn_model::ids::hex(&code.hash),
        over: code.uses_left <= 0 || code.expires_at <= now,
        uses_left: code.uses_left,
        until: words::moment(code.expires_at),
        label: code.label,
    };
    let rules = news.typed.unwrap_or_else(|| tenant.sign_up.clone());
    let chosen = rules.open_to.as_str();
    let domains = match &rules.open_to {
        OpenTo::Domains(domains) => domains.join(" "),
        _ => String::new(),
    };
    let page_of =
        |code: &String| format!("{}/sign-up?invitation={code}", engine.settings().address(tenant));
    let terms = rules.terms.clone();
    let status = if news.error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut frame = visitor.frame(context, "sign-up");
    frame.notice = news.notice;
    let page = SignUpPage {
        frame,
        choices: CHOICES.iter().map(|(key, text)| (*key, *text, *key == chosen)).collect(),
        domains,
        terms_version: terms.as_ref().map(|terms| terms.version.clone()).unwrap_or_default(),
        terms_url: terms.map(|terms| terms.url).unwrap_or_default(),
        proof_of_work: rules.proof_of_work,
        leaving: LEAVING
            .iter()
            .map(|(key, text)| (*key, *text, *key == rules.leaving.as_str()))
            .collect(),
        leaving_days: match rules.leaving {
            Leaving::AfterDays(days) => days,
            _ => LEAVING_DAYS,
        },
        codes: codes.into_iter().map(line).collect(),
        days: DAYS.iter().map(|days| (*days, day_words(*days), *days == 30)).collect(),
        made: news.made.map(|code| (code.clone(), page_of(&code))),
        sends_mail: engine.settings().resets_by_mail,
        may_change: visitor.by.may(Right::ConfigUpdate),
        error: news.error,
    };
    Ok(render::page(context, status, &page))
}

fn day_words(days: i64) -> Text {
    match days {
        1 => "1 day".into(),
        days => say("{0} days", [crate::language::plain(days.to_string())]),
    }
}

/// Serves `GET /console/sign-up`: the settings and the invitation codes.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    match administrator(&context, PATH, Right::ConfigView).await {
        Ok(visitor) => {
            let params = request::query(uri.query()).ok();
            let done = params.as_ref().and_then(|params| params.get("done"));
            let notice = match done {
                Some("save") => Some("Saved. It takes effect at once.".into()),
                Some("remove") => {
                    Some("The code is removed. Accounts that were created with it stay.".into())
                }
                _ => None,
            };
            let news = News { notice, ..News::default() };
            show(&context, &visitor, context.tenant(), news).await
        }
        Err(elsewhere) => Err(elsewhere),
    }
}

/// Converts the form to settings.
fn rules(params: &Params) -> SignUp {
    let text = |name: &str| params.get(name).unwrap_or_default().trim();
    let open_to = match text("open_to") {
        "everybody" => OpenTo::Everybody,
        "codes" => OpenTo::Codes,
        "domains" => {
            let separated = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
            let domains = text("domains").split(separated).filter(|one| !one.is_empty());
            OpenTo::Domains(domains.map(str::to_owned).collect())
        }
        _ => OpenTo::Nobody,
    };
    let (version, url) = (text("terms_version").to_owned(), text("terms_url").to_owned());
    let terms = !(version.is_empty() && url.is_empty());
    SignUp {
        open_to,
        terms: terms.then_some(Terms { version, url }),
        proof_of_work: params.get("proof_of_work").is_some(),
        leaving: match text("leaving") {
            "at_once" => Leaving::AtOnce,
            "after_days" => Leaving::AfterDays(text("leaving_days").parse().unwrap_or(0)),
            "by_approval" => Leaving::ByApproval,
            _ => Leaving::Never,
        },
    }
}

/// Parses the hash of a code, in hexadecimal digits; `None` if it is malformed.
fn named_code(text: &str) -> Option<[u8; 32]> {
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

/// Serves `POST /console/sign-up`: adds a code (`act=code`), removes one (`act=remove`), or saves the settings.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, PATH, Right::ConfigUpdate).await?;
    let (engine, tenant, by) = (context.engine(), context.tenant(), &visitor.by);
    let text = |name: &str| params.get(name).unwrap_or_default();
    let number = |name: &str| text(name).trim().parse::<i64>().unwrap_or(-1);
    let mut typed = None;
    let done = match text("act") {
        "code" => {
            let (label, uses) = (text("label").to_owned(), number("uses"));
            let lifetime_ms = number("days").saturating_mul(DAY_MS);
            let new = NewCode { label, uses, lifetime_ms };
            match engine.add_sign_up_code(tenant, new, by).await {
                Ok((code, _)) => {
                    let news = News { made: Some(code), ..News::default() };
                    return show(&context, &visitor, tenant, news).await;
                }
                Err(error) => Err(error),
            }
        }
        "remove" => match named_code(text("code")) {
            // The form was sent twice: the code is gone in either case.
            Some(hash) => match engine.remove_sign_up_code(tenant, hash, by).await {
                Ok(()) | Err(EngineError::NotFound(_)) => Ok("remove"),
                Err(error) => Err(error),
            },
            None => return Err(Refusal::missing("There is no such code.")),
        },
        _ => {
            typed = Some(rules(&params));
            engine.set_sign_up(tenant, rules(&params), by).await.map(|_| "save")
        }
    };
    match done {
        Ok(done) => Ok(respond::see_other(&context.link(&format!("{PATH}?done={done}")))),
        Err(EngineError::Invalid(why)) => {
            let news = News { error: Some(words::sentence(why)), typed, ..News::default() };
            show(&context, &visitor, tenant, news).await
        }
        Err(error) => Err(error.into()),
    }
}
