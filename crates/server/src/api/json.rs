//! The JSON of WSO2's session API: every value is a string, and nulls are omitted.

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

/// The sessions of one user; `{}` if there are none.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionsJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<SessionJson>,
}

/// A page of the tenant's sessions.
#[derive(Serialize)]
pub(super) struct SearchJson {
    /// Link to the page with newer sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<String>,
    /// Link to the page with older sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    #[serde(rename = "Resources")]
    pub(super) resources: Vec<SessionJson>,
}

/// Returns a session as JSON; `None` if it has no stay in a client application.
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

/// Returns a user's sessions as JSON, without those that have no stay in a client application.
pub(super) fn sessions(user: &User, views: &[SessionView]) -> SessionsJson {
    let sessions: Vec<SessionJson> = views.iter().filter_map(|view| session(user, view)).collect();
    let user_id = (!sessions.is_empty()).then(|| user.id.to_string());
    SessionsJson { user_id, sessions }
}

/// Formats a time according to RFC 3339, in UTC.
pub(super) fn moment(at: sojourn_model::Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}
