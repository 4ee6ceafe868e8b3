//! Every component of the design system on one page, for developers of pages.

use askama::Template;
use http::StatusCode;
use sojourn_engine::Right;

use super::administrator;
use crate::context::Context;
use crate::web::filters;
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::render;

#[derive(Template)]
#[template(path = "console/design.html")]
struct DesignPage {
    frame: Frame,
    colours: [&'static str; 12],
    states: [&'static str; 8],
}

/// Serves `GET /console/design`: the page with all components.
pub(crate) async fn get(context: Context) -> Answer {
    let visitor = administrator(&context, "/console/design", Right::ConfigView).await?;
    let page = DesignPage {
        frame: visitor.frame(&context, "design"),
        colours: [
            "paper",
            "card",
            "ink",
            "soft",
            "line",
            "brand",
            "brand-ink",
            "bad",
            "bad-paper",
            "good",
            "good-paper",
            "note-paper",
        ],
        states: [
            "pending",
            "delivered",
            "done",
            "refused",
            "dead",
            "parked",
            "unreachable",
            "skipped",
        ],
    };
    Ok(render::page(&context, StatusCode::OK, &page))
}
