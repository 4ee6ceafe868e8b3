//! An application's secrets: the valid ones, and creating another one after a confirmation.

use askama::Template;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use sojourn_engine::EngineError;
use sojourn_model::Application;
use sojourn_model::limits::SECRET_OVERLAP_MS;

use super::applications::{Fields, UPDATE, named, show};
use super::{administrator, form};
use crate::context::Context;
use crate::language::{Text, say};
use crate::respond;
use crate::web::my_account::Visitor;
use crate::web::pages::Frame;
use crate::web::refusal::Answer;
use crate::web::{filters, render, words};

const HOUR_MS: i64 = 3_600_000;
/// How long the previous secret stays valid as well: milliseconds, and the label.
const OVERLAPS: [(i64, &str); 5] = [
    (0, "Not at all (revoke now)"),
    (HOUR_MS, "1 hour"),
    (SECRET_OVERLAP_MS, "24 hours"),
    (7 * 24 * HOUR_MS, "7 days"),
    (30 * 24 * HOUR_MS, "30 days"),
];

/// A valid secret in the list.
struct SecretLine {
    ends_with: String,
    used: Text,
    until: Option<Text>,
}

#[derive(Template)]
#[template(path = "console/application_secret.html")]
struct SecretPage {
    frame: Frame,
    name: String,
    action: String,
    back: String,
    secrets: Vec<SecretLine>,
    overlaps: Vec<(i64, &'static str, bool)>,
    has_previous: bool,
    version: i64,
}

async fn ask(context: &Context, visitor: &Visitor, app: &Application) -> Answer {
    let secrets = context.engine().application_secrets(app).await?;
    let now = context.engine().now();
    let lines = secrets.iter().map(|secret| SecretLine {
        ends_with: secret.ends_with.clone().unwrap_or_default(),
        used: secret
            .last_used_at
            .map_or("never used".into(), |at| say("last used {0}", [words::ago(at, now)])),
        until: secret.valid_until.map(|at| say("valid until {0}", [words::moment(at)])),
    });
    let back = context.link(&format!("/console/applications/{}", app.id));
    let page = SecretPage {
        name: app.name.clone(),
        action: format!("{back}/secret"),
        back,
        has_previous: secrets.len() > 1,
        version: app.version,
        secrets: lines.collect(),
        overlaps: OVERLAPS
            .iter()
            .map(|(ms, text)| (*ms, *text, *ms == SECRET_OVERLAP_MS))
            .collect(),
        frame: visitor.frame(context, "applications"),
    };
    Ok(render::page(context, StatusCode::OK, &page))
}

/// Serves `GET /console/applications/{app_id}/secret`: the valid secrets, and the confirmation of a new one.
pub(crate) async fn get(context: Context, Path(id): Path<String>) -> Answer {
    let visitor = administrator(&context, "/console/applications", UPDATE).await?;
    let app = named(&context, &id).await?;
    ask(&context, &visitor, &app).await
}

/// Serves `POST /console/applications/{app_id}/secret`: creates another secret (`act=new`) or revokes the previous one
/// (`act=drop`).
pub(crate) async fn post(context: Context, Path(id): Path<String>, body: Bytes) -> Answer {
    let (visitor, params) = form(&context, &body, "/console/applications", UPDATE).await?;
    let app = named(&context, &id).await?;
    let (engine, tenant, by) = (context.engine(), context.tenant(), &visitor.by);
    let version = params.get("version").and_then(|text| text.parse::<i64>().ok()).unwrap_or(-1);
    if params.get("act") == Some("drop") {
        let done = engine.drop_previous_secret(tenant, (app.id, Some(version)), by).await;
        return match done {
            // The form was sent twice or from an outdated page: the current state is shown first.
            Ok(()) | Err(EngineError::NotFound(_) | EngineError::Stale) => {
                let next = format!("/console/applications/{id}/secret");
                Ok(respond::see_other(&context.link(&next)))
            }
            Err(error) => Err(error.into()),
        };
    }
    let asked = params.get("keep").and_then(|text| text.parse::<i64>().ok());
    let how = (asked.unwrap_or(SECRET_OVERLAP_MS), Some(version));
    let done = match engine.rotate_application_secret(tenant, app.id, how, by).await {
        Ok(new) => Ok(Some(new.secret)),
        // The form was sent twice: the second response shows the same secret as the first.
        Err(EngineError::Stale) => {
            let app = engine.application_to_manage(tenant, app.id).await;
            app.map(|app| engine.secret_just_made(&app, version))
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(Some(secret)) => {
            Ok(show(&context, &visitor, Some(&app), (Fields::of(&app), Some(secret)), None).await)
        }
        Ok(None) => ask(&context, &visitor, &app).await,
        Err(EngineError::Invalid(why)) => {
            let error = Some(words::sentence(why));
            Ok(show(&context, &visitor, Some(&app), (Fields::of(&app), None), error).await)
        }
        Err(error) => Err(error.into()),
    }
}
