//! Applications, to look at.

use axum::response::Response;
use http::StatusCode;
use sojourn_model::AppOwner;

use super::{APPLICATIONS, administrator};
use crate::context::Context;
use crate::web::pages::{ApplicationLine, ConsoleApplications};
use crate::web::{errors, render};

/// All of them.
pub(crate) async fn list(context: Context) -> Response {
    let visitor = match administrator(&context, "/console/applications", APPLICATIONS).await {
        Ok(visitor) => visitor,
        Err(elsewhere) => return *elsewhere,
    };
    let found = match context.engine().applications(context.tenant()).await {
        Ok(found) => found,
        Err(error) => return errors::failure(&context, &error),
    };
    let applications = found
        .into_iter()
        .map(|app| ApplicationLine {
            number: app.number,
            name: app.name,
            client_id: app.client_id,
            binding: app.settings.token_binding.as_str(),
            told_at: app.backchannel_logout_uri.unwrap_or_default(),
            owner: match app.owner {
                AppOwner::File => "deployment.toml",
                AppOwner::Database => "console",
                AppOwner::Program => "built in",
            },
        })
        .collect();
    let frame = visitor.frame(&context, "applications");
    render::page(StatusCode::OK, &ConsoleApplications { frame, applications })
}
