//! Ending the sessions of a search, one session, or all sessions of a user: the preview, the selected effects, and the
//! responses of applications.

use askama::Template;
use std::time::Duration;

use axum::body::Bytes;
use http::{StatusCode, Uri};
use sojourn_engine::ending::{EndAnswer, EndRequest, EndTargets, Forecast, Named};
use sojourn_engine::{EngineError, Right};
use sojourn_model::{Effects, EndSummary, SessionId, UserId};
use sojourn_oidc::Params;

use super::deliveries::line;
use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::console::deliveries::DeliveryLine;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::{Answer, Refusal};
use crate::web::{filters, render, words};
use crate::{request, respond};

/// Maximum time to wait for the responses of applications before the page is shown without them.
const WAIT: Duration = Duration::from_secs(2);
/// Maximum number of deliveries on the page.
const SHOWN: usize = 200;

/// An effect in the form: name of the field, label, and whether it is selected.
type Choice = (&'static str, &'static str, bool);

#[derive(Template)]
#[template(path = "console/end.html")]
struct EndPage {
    frame: Frame,
    title: Text,
    /// The target: name and value of the form's field.
    what: (&'static str, String),
    /// If the administrator's own session is among those found: whether it is left out.
    spares: Option<bool>,
    /// Label of the button, with the number of sessions.
    button: Text,
    figures: Vec<(String, &'static str)>,
    exact: bool,
    refused: bool,
    choices: [Choice; 5],
    expected: u64,
    nothing: bool,
    error: Option<Text>,
    back: String,
}

#[derive(Template)]
#[template(path = "console/ended.html")]
struct EndedPage {
    frame: Frame,
    figures: Vec<(String, &'static str)>,
    deliveries: Vec<DeliveryLine>,
    waiting: bool,
}

/// The target that a request names.
enum What {
    Session(SessionId),
    User(UserId),
    Filter(String),
}

impl What {
    fn of(params: &Params) -> Option<Self> {
        let given = |name: &str| params.get(name).filter(|text| !text.is_empty());
        match (given("session"), given("user"), given("filter")) {
            (Some(id), None, None) => id.parse().ok().map(Self::Session),
            (None, Some(id), None) => id.parse().ok().map(Self::User),
            // It is a filter by itself, so that narrowing it can't be got around by its brackets.
            (None, None, Some(filter)) => {
                sojourn_scim::Filter::parse(filter).is_ok().then(|| Self::Filter(filter.to_owned()))
            }
            _ => None,
        }
    }

    /// The targets; of a search, without the session `spared`.
    fn targets(&self, spared: Option<SessionId>) -> EndTargets {
        match (self, spared) {
            (Self::Session(id), _) => EndTargets::Named(vec![Named::Session(*id)]),
            (Self::User(id), _) => EndTargets::Named(vec![Named::User(*id)]),
            (Self::Filter(filter), None) => EndTargets::Query(filter.clone()),
            (Self::Filter(filter), Some(own)) => {
                EndTargets::Query(format!("({filter}) and not (id eq \"{own}\")"))
            }
        }
    }

    /// Whether a search finds this session.
    async fn finds(
        &self,
        context: &Context,
        visitor: &Visitor,
        own: SessionId,
    ) -> Result<bool, EngineError> {
        let Self::Filter(filter) = self else { return Ok(false) };
        let query = EndTargets::Query(format!("({filter}) and id eq \"{own}\""));
        let request = EndRequest::new(query, visitor.by.clone());
        Ok(context.engine().forecast(context.tenant(), &request).await?.summary.sessions > 0)
    }

    fn field(&self) -> (&'static str, String) {
        match self {
            Self::Session(id) => ("session", id.to_string()),
            Self::User(id) => ("user", id.to_string()),
            Self::Filter(filter) => ("filter", filter.clone()),
        }
    }

    async fn title(&self, context: &Context) -> Result<Text, EngineError> {
        Ok(match self {
            Self::Session(_) => "End this session?".into(),
            Self::Filter(_) => "End all matching sessions?".into(),
            Self::User(id) => {
                let user = context.engine().reads(context.tenant().id).user(*id).await?;
                let name = user.ok_or(EngineError::NotFound("user"))?.username;
                say("End all sessions of {0}?", [plain(name)])
            }
        })
    }

    fn back(&self, context: &Context) -> String {
        context.link(&match self {
            Self::Session(id) => format!("/console/sessions/{id}"),
            Self::User(id) => format!("/console/users/{id}"),
            Self::Filter(filter) => {
                sojourn_oidc::params::with_query("/console/sessions", &[("q", filter)])
            }
        })
    }
}

/// Returns the selected effects, or [`Effects::END`] before the user has selected any.
fn effects(params: &Params) -> Effects {
    if params.get("chosen").is_none() {
        return Effects::END;
    }
    let on = |name: &str| params.get(name).is_some();
    Effects {
        session: on("sessions"),
        tokens: on("tokens"),
        notify: on("notify"),
        consents: on("consents"),
        offline: on("offline"),
    }
}

const fn choices(effects: Effects) -> [Choice; 5] {
    [
        ("sessions", "End the sessions: the person has to sign in again", effects.session),
        ("tokens", "Revoke the tokens of these sessions immediately", effects.tokens),
        ("notify", "Notify the applications, so that they sign the person out", effects.notify),
        ("offline", "Also revoke tokens for access while the person is away", effects.offline),
        ("consents", "Delete the person's approvals for applications", effects.consents),
    ]
}

fn figures(summary: &EndSummary) -> Vec<(String, &'static str)> {
    vec![
        (summary.sessions.to_string(), "sessions"),
        (summary.grants.to_string(), "grants, with all their tokens"),
        (summary.deliveries.to_string(), "notices to applications"),
        (summary.consents.to_string(), "approvals"),
    ]
}

/// Returns whether the administrator's own session is left out of a search, as it is before they chose otherwise.
fn spares(params: &Params) -> bool {
    params.get("chosen").is_none() || params.get("spare").is_some()
}

fn wanted(visitor: &Visitor, what: &What, params: &Params) -> EndRequest {
    let spared = spares(params).then_some(visitor.session.id);
    let targets = what.targets(spared);
    EndRequest { effects: effects(params), ..EndRequest::new(targets, visitor.by.clone()) }
}

const MALFORMED: &str = "Choose what to end: a session, a person or a search.";

/// Serves `GET /console/end`: previews what would end. It changes nothing.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console/sessions", Right::SessionDelete).await?;
    let params = request::query(uri.query())?;
    let what = What::of(&params).ok_or_else(|| Refusal::bad_request(MALFORMED))?;
    show(&context, &visitor, &what, &params, None).await
}

async fn show(
    context: &Context,
    visitor: &Visitor,
    what: &What,
    params: &Params,
    error: Option<Text>,
) -> Answer {
    // Not even the name of a user with more rights than the administrator is shown.
    if let What::User(id) = what
        && let Err(refused) = super::user(context, visitor, &id.to_string()).await
    {
        return Err(refused);
    }
    let request = wanted(visitor, what, params);
    let nothing = request.effects.is_empty();
    let read = async {
        let title = what.title(context).await?;
        let forecast = match nothing {
            true => Forecast { exact: true, ..Forecast::default() },
            false => context.engine().forecast(context.tenant(), &request).await?,
        };
        let own = what.finds(context, visitor, visitor.session.id).await?;
        Ok((title, forecast, own))
    };
    match read.await {
        Ok((title, forecast, own)) => {
            let status = if error.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
            let page = EndPage {
                frame: visitor.frame(context, "sessions"),
                title,
                what: what.field(),
                button: match forecast.summary.sessions {
                    0 => "End".into(),
                    sessions => say("End {0}", [words::count(sessions, words::Noun::Session)]),
                },
                figures: figures(&forecast.summary),
                exact: forecast.exact,
                refused: forecast.session_bound_tokens,
                choices: choices(request.effects),
                spares: own.then(|| spares(params)),
                expected: forecast.summary.sessions,
                nothing,
                error,
                back: what.back(context),
            };
            Ok(render::page(context, status, &page))
        }
        Err(EngineError::Invalid(why)) => Err(Refusal::bad_request(words::sentence(why))),
        Err(error) => Err(error.into()),
    }
}

/// Serves `POST /console/end`: ends the sessions, unless there are more than the preview showed.
pub(crate) async fn post(context: Context, body: Bytes) -> Answer {
    let (visitor, params) =
        form(&context, &body, "/console/sessions", Right::SessionDelete).await?;
    let what = What::of(&params).ok_or_else(|| Refusal::bad_request(MALFORMED))?;
    // If there were too many sessions to count, a job ends them and shows its progress.
    let counted = params.get("exact").is_some();
    let expected = params.get("expected").and_then(|text| text.parse::<u64>().ok());
    if counted && expected.is_none() {
        return Err(Refusal::bad_request(MALFORMED));
    }
    let request = EndRequest {
        expected_at_most: expected.filter(|_| counted),
        ..wanted(&visitor, &what, &params)
    };
    let engine = context.engine();
    let since = engine.now();
    match engine.end(context.tenant(), &request).await {
        Ok(EndAnswer::Ended { summary, concerned, .. }) => {
            let answered = engine.receipts(context.tenant(), &concerned, since);
            let receipts = match tokio::time::timeout(WAIT, answered).await {
                Ok(answered) => answered,
                Err(_) => engine.receipts_now(context.tenant(), &concerned, since).await,
            };
            ended(&context, &visitor, &summary, receipts).await
        }
        Ok(EndAnswer::Job(_) | EndAnswer::Again(_)) => {
            Ok(respond::see_other(&context.link("/console/jobs")))
        }
        Err(error @ EngineError::MoreThanExpected { .. }) => {
            let error = words::sentence(error);
            show(&context, &visitor, &what, &params, Some(error)).await
        }
        Err(EngineError::Invalid(why)) => Err(Refusal::bad_request(words::sentence(why))),
        Err(error) => Err(error.into()),
    }
}

async fn ended(
    context: &Context,
    visitor: &Visitor,
    summary: &EndSummary,
    receipts: Result<Vec<sojourn_model::Delivery>, EngineError>,
) -> Answer {
    let all = receipts?;
    let waiting = all.iter().any(|one| one.state == sojourn_model::DeliveryState::Pending);
    let mut lines = Vec::new();
    for delivery in all.iter().take(SHOWN) {
        lines.push(line(context, delivery).await?);
    }
    let page = EndedPage {
        frame: visitor.frame(context, "sessions"),
        figures: figures(summary),
        deliveries: lines,
        waiting,
    };
    Ok(render::page(context, StatusCode::OK, &page))
}
