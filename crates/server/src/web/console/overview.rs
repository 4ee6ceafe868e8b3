//! The state of the tenant: current sessions, sign-ins and ends over time, and what is waiting.

use askama::Template;
use http::{StatusCode, Uri};
use sojourn_engine::session::REASONS_OF_LATEST;
use sojourn_engine::{EngineError, Right, Rights};
use sojourn_oidc::params::with_query;

use super::administrator;
use super::attention::{Matter, matters};
use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::request;
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

/// Number of bars in a chart.
const BARS: i64 = 24;

/// A bar of a chart: its position and height, the highest being 100, and its label.
struct Bar {
    x: i64,
    y: i64,
    height: i64,
    label: Text,
}

struct Chart {
    name: &'static str,
    total: i64,
    bars: Vec<Bar>,
}

struct Figure {
    name: &'static str,
    value: String,
    link: String,
    bad: bool,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    frame: Frame,
    found: Gathered,
    range: &'static str,
    ranges: Vec<(&'static str, &'static str)>,
    /// Time at which the charts begin.
    from: Text,
}

/// Ranges of time: value in the query, label, and length in milliseconds.
const RANGES: [(&str, &str, i64); 3] = [
    ("hour", "Last hour", 3_600_000),
    ("day", "Last day", 86_400_000),
    ("week", "Last week", 7 * 86_400_000),
];

fn chart(name: &'static str, counts: &[(i64, i64)], from: i64, step: i64) -> Chart {
    let highest = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let bars = (0..BARS)
        .map(|at| {
            let count = counts.iter().find(|(bar, _)| *bar == at).map_or(0, |(_, count)| *count);
            // Every count above zero has a visible bar.
            let height = if count == 0 { 0 } else { (count * 100 / highest).max(2) };
            let when = sojourn_model::Millis(from + at * step);
            let label = say("{0}: {1}", [words::moment(when), plain(count.to_string())]);
            Bar { x: at * 10, y: 100 - height, height, label }
        })
        .collect();
    let total = counts.iter().map(|(_, count)| *count).sum();
    Chart { name, total, bars }
}

/// Serves `GET /console`: figures, charts and reasons for ends in the selected range of time.
pub(crate) async fn get(context: Context, uri: Uri) -> Answer {
    let visitor = administrator(&context, "/console", Right::SessionView).await?;
    let asked = request::query(uri.query()).ok();
    let asked = asked.as_ref().and_then(|params| params.get("range")).unwrap_or("day");
    let (range, _, length) =
        RANGES.iter().find(|(word, _, _)| *word == asked).unwrap_or(&RANGES[1]);
    let found = gathered(&context, visitor.by.rights(), *length).await?;
    let frame = visitor.frame(&context, "overview");
    let ranges = RANGES.iter().map(|(word, name, _)| (*word, *name)).collect();
    let from = words::moment(context.engine().now().plus(-*length));
    let page = Overview { frame, found, range, ranges, from };
    Ok(render::page(&context, StatusCode::OK, &page))
}

struct Reason {
    said: Text,
    link: String,
    count: i64,
    share: i64,
}

struct Gathered {
    matters: Vec<Matter>,
    figures: Vec<Figure>,
    charts: Vec<Chart>,
    reasons: Vec<Reason>,
    /// Number of latest ends that were counted, if the limit was reached.
    of_the_latest: Option<i64>,
}

async fn gathered(
    context: &Context,
    rights: &Rights,
    length: i64,
) -> Result<Gathered, EngineError> {
    let standing = context.engine().standing(context.tenant(), length, BARS).await?;
    let figure = |name, value: i64, path: &str, bad| Figure {
        name,
        value: value.to_string(),
        link: context.link(path),
        bad,
    };
    let living = i64::try_from(standing.living).unwrap_or(i64::MAX);
    let (waiting, dead) = (standing.deliveries_waiting, standing.deliveries_dead);
    let (pending, parked) = (standing.tasks_waiting, standing.tasks_parked);
    let ending = context.engine().ending_certificates(context.tenant()).await?.len();
    let ending = i64::try_from(ending).unwrap_or(i64::MAX);
    let mut figures = vec![
        figure("active sessions", living, "/console/sessions", false),
        figure("deliveries waiting", waiting, "/console/deliveries?state=pending", false),
        figure("deliveries given up", dead, "/console/deliveries?state=dead", dead > 0),
        figure("handler tasks waiting", pending, "/console/handlers", false),
        figure("handler tasks parked", parked, "/console/handlers", parked > 0),
    ];
    if ending > 0 {
        figures.push(figure(
            "SAML certificates that expire soon",
            ending,
            "/console/applications",
            true,
        ));
    }
    let (from, step) = (standing.since.0, standing.step);
    let charts = vec![
        chart("Sign-ins", &standing.began, from, step),
        chart("Ended sessions", &standing.ended, from, step),
        chart("Failed sign-ins", &standing.failed, from, step),
    ];
    let all: i64 = standing.reasons.iter().map(|(_, count)| count).sum();
    let reasons = standing
        .reasons
        .iter()
        .map(|(reason, count)| {
            let filter = format!("end_reason eq \"{reason}\"");
            let link = with_query(&context.link("/console/ledger"), &[("q", &filter)]);
            Reason {
                said: words::reason(reason),
                link,
                count: *count,
                share: count * 100 / all.max(1),
            }
        })
        .collect();
    Ok(Gathered {
        matters: matters(context, rights, (dead, parked, ending)).await?,
        figures,
        charts,
        reasons,
        of_the_latest: (all == REASONS_OF_LATEST).then_some(REASONS_OF_LATEST),
    })
}
