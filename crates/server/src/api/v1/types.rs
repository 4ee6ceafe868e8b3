//! JSON types of the session service's responses. The OpenAPI description is generated from these types.

use serde::Serialize;
use sojourn_engine::session::{Browser, SessionView, StayView};
use sojourn_model::{Delivery, EndSummary, Grant, Level, Millis, SessionState, User};
use utoipa::ToSchema;

/// Formats a time according to RFC 3339, in UTC.
pub(super) fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// Whose session it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserJson {
    /// The user's id.
    #[schema(format = Uuid)]
    pub(crate) id: String,
    /// The login name.
    pub(crate) username: String,
    /// The name that is shown.
    pub(crate) display_name: String,
}

impl UserJson {
    pub(super) fn of(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            username: user.username.clone(),
            display_name: user.shown_name().to_owned(),
        }
    }
}

/// What the user agent says of itself; parts that aren't understood are empty.
#[derive(Serialize, ToSchema)]
pub(crate) struct BrowserJson {
    /// Such as `Chrome`.
    pub(crate) name: String,
    /// The system under it, such as `Windows 10`.
    pub(crate) system: String,
    /// `pc`, `smartphone`, `mobilephone`, `appliance`, `crawler`.
    pub(crate) device: String,
}

/// Where an address is, as the configured database has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaceJson {
    /// ISO 3166-1 code of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<String>,
    /// The city's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) city: Option<String>,
}

/// How the person proved who they are.
#[derive(Serialize, ToSchema)]
pub(crate) struct MethodJson {
    /// Name of RFC 8176.
    pub(crate) method: String,
    /// When it was last used.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// How a session ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndJson {
    /// Names the end: what ended together carries the same id.
    pub(crate) id: String,
    /// When it happened.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Why: `user`, `admin`, `rp_logout`, `idle_timeout`, `lifetime`, `role_changed` …
    pub(crate) reason: String,
    /// By whom: `system`, `operator`, `user:<id>` or `application:<id>`.
    pub(crate) by: String,
    /// What it took: `session`, `tokens`, `offline` (grants that outlive a sign-out), `consents`, `notify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effects: Option<Vec<String>>,
}

/// A stay in an application.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplicationJson {
    /// The application's id.
    #[schema(format = Uuid)]
    pub(crate) id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its `client_id`.
    pub(crate) client_id: String,
    /// What the application knows the stay by.
    pub(crate) sid: String,
    /// First access.
    #[schema(format = DateTime)]
    pub(crate) first_access: String,
    /// Last access.
    #[schema(format = DateTime)]
    pub(crate) last_access: String,
    /// When the stay ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) ended_at: Option<String>,
}

impl ApplicationJson {
    fn of(stay: &StayView) -> Self {
        let row = &stay.row;
        Self {
            id: stay.app.id.to_string(),
            name: stay.app.name.clone(),
            client_id: stay.app.client_id.clone(),
            sid: row.stay.sid.to_string(),
            first_access: time(row.stay.first_access),
            last_access: time(row.stay.last_access),
            ended_at: row.ended_at.map(time),
        }
    }
}

/// What an application was given.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantJson {
    /// The grant's id.
    pub(crate) id: String,
    /// To whom it was given.
    #[schema(format = Uuid)]
    pub(crate) application: String,
    /// What it allows.
    pub(crate) scopes: Vec<String>,
    /// Access token binding: `sso-session`, `cookie`, `none`.
    pub(crate) binding: String,
    /// Whether it outlives the session (`offline_access`).
    pub(crate) offline: bool,
    /// When it was given.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When its last token was issued.
    #[schema(format = DateTime)]
    pub(crate) last_use: String,
    /// When everything issued from it is dead.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
}

impl GrantJson {
    pub(super) fn of(grant: &Grant) -> Self {
        let used = grant.token_issued_at.max(grant.refresh_issued_at).max(grant.created_at);
        Self {
            id: grant.id.to_string(),
            application: grant.app.to_string(),
            scopes: grant.scopes.split_whitespace().map(str::to_owned).collect(),
            binding: grant.binding.as_str().to_owned(),
            offline: grant.offline,
            created_at: time(grant.created_at),
            last_use: time(used),
            expires_at: time(grant.expires_at),
        }
    }
}

/// What an application was told of an end.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryJson {
    /// The stay that ended.
    pub(crate) sid: String,
    /// The session that it belonged to.
    pub(crate) session: String,
    /// Whom to tell.
    #[schema(format = Uuid)]
    pub(crate) application: String,
    /// `pending`, `delivered`, `refused`, `dead` or `unreachable` (it has no address).
    pub(crate) state: String,
    /// Attempts so far.
    pub(crate) attempts: i64,
    /// When it was written.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// When the next attempt is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) due_at: Option<String>,
    /// HTTP status of the last answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_status: Option<i64>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    /// When the last attempt was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) last_attempt_at: Option<String>,
    /// `jti` of the last logout token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<String>,
}

impl DeliveryJson {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let waits = delivery.state == sojourn_model::DeliveryState::Pending;
        Self {
            sid: delivery.sid.to_string(),
            session: delivery.session.to_string(),
            application: delivery.app.to_string(),
            state: delivery.state.as_str().to_owned(),
            attempts: delivery.attempts,
            created_at: time(delivery.created_at),
            due_at: waits.then(|| time(delivery.due_at)),
            last_status: delivery.last_status,
            last_error: delivery.last_error.clone(),
            last_attempt_at: delivery.last_attempt_at.map(time),
            jti: delivery.last_jti.clone(),
        }
    }
}

/// A session, living or ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionJson {
    /// The session's id: 64 hex digits.
    pub(crate) id: String,
    /// Whose it is.
    pub(crate) user: UserJson,
    /// `active`, `expired` (past a deadline, about to end) or `ended`.
    pub(crate) state: &'static str,
    /// The browser's address at sign-in; empty when it was removed after its time.
    pub(crate) ip: String,
    /// Where that is, if a database of places is configured and knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<PlaceJson>,
    /// The user agent at sign-in.
    pub(crate) user_agent: String,
    /// The same, read.
    pub(crate) browser: BrowserJson,
    /// When the person signed in first.
    #[schema(format = DateTime)]
    pub(crate) signed_in_at: String,
    /// Last access, up to the flush interval old.
    #[schema(format = DateTime)]
    pub(crate) last_access: String,
    /// When the person last proved who they are.
    #[schema(format = DateTime)]
    pub(crate) auth_time: String,
    /// How the person proved who they are.
    pub(crate) methods: Vec<MethodJson>,
    /// The authentication context class that the methods amount to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<&'static str>,
    /// Whether the person asked to stay signed in.
    pub(crate) remember: bool,
    /// When it ends if nobody uses it.
    #[schema(format = DateTime)]
    pub(crate) idle_deadline: String,
    /// When it ends in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) absolute_deadline: Option<String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<EndJson>,
    /// Its stays in applications.
    pub(crate) applications: Vec<ApplicationJson>,
    /// What it gave to applications and is alive; with one session, or where asked for by `include=grants`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grants: Option<Vec<GrantJson>>,
    /// What applications were told of its end; with one session alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deliveries: Option<Vec<DeliveryJson>>,
}

impl SessionJson {
    pub(super) fn of(user: &User, view: &SessionView, live: bool) -> Self {
        let session = &view.session;
        let (state, end) = match &session.state {
            SessionState::Living => (if live { "active" } else { "expired" }, None),
            SessionState::Ended { at, reason, actor, end, effects } => (
                "ended",
                Some(EndJson {
                    id: end.to_string(),
                    at: time(*at),
                    reason: reason.to_string(),
                    by: actor.to_string(),
                    effects: effects.map(|effects| effects.names().map(str::to_owned).collect()),
                }),
            ),
        };
        let Browser { name, system, device } = Browser::of(&session.user_agent);
        let methods = session
            .proofs
            .0
            .iter()
            .map(|proof| MethodJson { method: proof.method.name().to_owned(), at: time(proof.at) });
        Self {
            id: session.id.to_string(),
            user: UserJson::of(user),
            state,
            ip: session.ip.clone(),
            place: None,
            user_agent: session.user_agent.clone(),
            browser: BrowserJson { name, system, device },
            signed_in_at: time(session.signed_in_at),
            last_access: time(session.last_access),
            auth_time: time(session.auth_time),
            methods: methods.collect(),
            acr: Level::of(&session.amr).map(Level::acr),
            remember: session.remember,
            idle_deadline: time(session.idle_deadline),
            absolute_deadline: session.absolute_deadline.map(time),
            end,
            applications: view.stays.iter().map(ApplicationJson::of).collect(),
            grants: None,
            deliveries: None,
        }
    }
}

/// A page of sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct PageJson {
    /// The sessions, the latest first.
    pub(crate) items: Vec<SessionJson>,
    /// Leads to the page after this one. The page may be short: what stands beyond its budget of rows comes
    /// with the next.
    pub(crate) next: Option<String>,
    /// Leads to the page before this one.
    pub(crate) prior: Option<String>,
    /// Both in one: give it back as `results_token`, with `prior=true` for the page before.
    pub(crate) results_token: Option<String>,
    /// How many sessions pass the filter; where asked for by `total=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<TotalJson>,
    /// With `sort=last_access`: when the first page was read. Sessions used since are left out of the pages
    /// after it; the order is best effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) as_of: Option<String>,
}

/// How many sessions pass a filter.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotalJson {
    /// So many.
    pub(crate) sessions: u64,
    /// Pages of this size.
    pub(crate) pages: u64,
    /// Whether these are all; otherwise counting stopped at its budget, and there are more.
    pub(crate) exact: bool,
}

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemJson {
    /// Names the kind of problem.
    pub(crate) r#type: String,
    /// The status in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What to do about it.
    pub(crate) detail: String,
    /// The request.
    pub(crate) instance: String,
}

/// Returns a session as JSON, in the format of the session service.
#[must_use]
pub fn session_json(user: &User, view: &SessionView, live: bool) -> serde_json::Value {
    // Serialization of these types can't fail.
    serde_json::to_value(SessionJson::of(user, view, live)).unwrap_or_default()
}

/// What an end did, or would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct SummaryJson {
    /// Sessions ended.
    sessions: u64,
    /// Grants ended.
    grants: u64,
    /// Consents removed.
    consents: u64,
    /// Applications to be told.
    deliveries: u64,
}

impl From<EndSummary> for SummaryJson {
    fn from(from: EndSummary) -> Self {
        let EndSummary { sessions, grants, consents, deliveries } = from;
        Self { sessions, grants, consents, deliveries }
    }
}
