//! What needs an administrator's attention, before the figures of the overview: applications that don't follow,
//! handlers that stopped, certificates that expire, a clock that is wrong.

use std::collections::BTreeMap;

use sojourn_engine::{EngineError, Right, Rights};
use sojourn_model::{AppId, Millis};
use sojourn_oidc::params::with_query;

use crate::context::Context;
use crate::language::{Text, plain, say};
use crate::web::words;

/// How far back a refusal matters, in milliseconds.
const DAY_MS: i64 = 24 * 3_600_000;
/// Difference from the database's clock that is worth a note, in milliseconds.
const CLOCK_MS: i64 = 5_000;

/// Something to look after, with the page where that is possible.
pub(super) struct Matter {
    pub(super) said: Text,
    pub(super) link: Option<String>,
}

/// What is known about the notices of an application.
#[derive(Default)]
struct Notices {
    waiting: u64,
    since: Option<Millis>,
    refused: u64,
    answer: Option<Text>,
}

/// Collects, by application, the notices that wait after a failed attempt and those that were refused lately.
async fn by_application(context: &Context) -> Result<BTreeMap<AppId, Notices>, EngineError> {
    let reads = context.engine().reads(context.tenant().id);
    let mut all: BTreeMap<AppId, Notices> = BTreeMap::new();
    for (app, waiting, since) in reads.deliveries_that_wait().await? {
        all.insert(app, Notices { waiting, since: Some(since), ..Notices::default() });
    }
    let since = context.engine().now().plus(-DAY_MS);
    for (app, refused, status) in reads.deliveries_refused_since(since).await? {
        let notices = all.entry(app).or_default();
        notices.refused = refused;
        notices.answer = status.map(|status| plain(status.to_string()));
    }
    Ok(all)
}

/// Returns what needs attention, the most urgent first; empty if nothing does.
pub(super) async fn matters(
    context: &Context,
    rights: &Rights,
    (given_up, parked, ending): (i64, i64, i64),
) -> Result<Vec<Matter>, EngineError> {
    let (engine, tenant) = (context.engine(), context.tenant());
    let mut all = Vec::new();
    let mut by_application: Vec<_> = by_application(context).await?.into_iter().collect();
    // What waits may still be mended; what was refused is over.
    by_application
        .sort_by_key(|(_, notices)| std::cmp::Reverse((notices.waiting, notices.refused)));
    for (id, notices) in by_application {
        let app = engine.application(tenant.id, id).await?;
        let name = app.map_or_else(|| plain(id), |app| plain(&app.name));
        let link = |state: &str| {
            let id = id.to_string();
            let pairs = [("application", &*id), ("state", state)];
            Some(with_query(&context.link("/console/deliveries"), &pairs))
        };
        if let (Some(since), waiting @ 1..) = (notices.since, notices.waiting) {
            let counted = words::count(waiting, words::Noun::Notice);
            let values = [name.clone(), words::moment(since), counted];
            let said = say("{0} doesn't accept notices: {2} waiting since {1}.", values);
            all.push(Matter { said, link: link("pending") });
        }
        if notices.refused > 0 {
            let counted = words::count(notices.refused, words::Noun::Notice);
            let answer = notices.answer.unwrap_or_else(|| plain("–"));
            let said = say(
                "{0} refused {1} in the last 24 hours, with status {2}.",
                [name, counted, answer],
            );
            all.push(Matter { said, link: link("refused") });
        }
    }
    let mut counted = |number: i64, phrase: &'static str, path: &str| {
        if number > 0 {
            let link = Some(context.link(path));
            all.push(Matter { said: say(phrase, [plain(number.to_string())]), link });
        }
    };
    let dead = "/console/deliveries?state=dead";
    counted(
        given_up,
        "Notices given up: {0}. The applications don't know that these sessions ended.",
        dead,
    );
    if rights.has(Right::EventHandlerView) {
        counted(parked, "Events that a handler couldn't process: {0}.", "/console/handlers");
    }
    counted(ending, "SAML certificates that expire soon: {0}.", "/console/applications");
    if let Some(ahead) = engine.clock_ahead_ms().await?.filter(|ms| ms.abs() > CLOCK_MS) {
        let seconds = plain((ahead / 1_000).to_string());
        let said =
            say("This server's clock differs from the database's by {0} seconds.", [seconds]);
        all.push(Matter { said, link: None });
    }
    Ok(all)
}
