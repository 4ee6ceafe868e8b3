//! The JSON of WSO2's session API: every value is text, nulls are left out.

use serde::Serialize;
use sojourn_engine::session::SessionView;
use sojourn_model::User;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplicationJson {
    id: String,
    subject: String,
    app_name: String,
    app_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionJson {
    user_id: String,
    applications: Vec<ApplicationJson>,
    user_agent: String,
    ip: String,
    login_time: String,
    last_access_time: String,
    id: String,
}

/// A list of one user's sessions; without any it is `{}`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<SessionJson>,
}

/// A list of the tenant's sessions.
#[derive(Serialize)]
pub(super) struct SearchJson {
    /// Where newer ones are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<String>,
    /// Where older ones are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    #[serde(rename = "Resources")]
    pub(super) resources: Vec<SessionJson>,
}

/// A session; none when it is in no application of the outside.
pub(super) fn session(user: &User, view: &SessionView) -> Option<SessionJson> {
    let applications: Vec<ApplicationJson> = view
        .client_stays()
        .map(|stay| ApplicationJson {
            id: stay.app.id.to_string(),
            subject: user.username.clone(),
            app_name: stay.app.name.clone(),
            app_id: stay.app.number.to_string(),
        })
        .collect();
    if applications.is_empty() {
        return None;
    }
    let session = &view.session;
    Some(SessionJson {
        user_id: user.id.to_string(),
        applications,
        user_agent: session.user_agent.clone(),
        ip: session.ip.clone(),
        login_time: session.signed_in_at.0.to_string(),
        last_access_time: session.last_access.0.to_string(),
        id: session.id.to_string(),
    })
}

/// A user's sessions.
pub(super) fn sessions(user: &User, views: &[SessionView]) -> SessionsJson {
    let sessions: Vec<SessionJson> = views.iter().filter_map(|view| session(user, view)).collect();
    let user_id = (!sessions.is_empty()).then(|| user.id.to_string());
    SessionsJson { user_id, sessions }
}

/// A time as RFC 3339 has it.
pub(super) fn moment(at: sojourn_model::Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}
