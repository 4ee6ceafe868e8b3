//! JSON types of the session service's responses. The OpenAPI description is generated from these types.

use serde::Serialize;
use sojourn_engine::session::{Browser, SessionView, StayView};
use sojourn_model::{Delivery, EndSummary, Grant, Level, Millis, SessionState, User};
use utoipa::ToSchema;

/// Formats a time according to RFC 3339, in UTC.
pub(super) fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// The user that a session belongs to.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserJson {
    /// Id of the user, as in the filter attribute `user_id`.
    #[schema(format = Uuid)]
    pub(crate) id: String,
    /// Login name, unique in the tenant.
    pub(crate) username: String,
    /// Name that is displayed for the user.
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

/// Details parsed from the `User-Agent` header; those that can't be recognized are empty.
#[derive(Serialize, ToSchema)]
pub(crate) struct BrowserJson {
    /// Name of the browser, such as `Chrome`.
    pub(crate) name: String,
    /// Operating system, such as `Windows` or `macOS`, with a version only if browsers reveal it.
    pub(crate) system: String,
    /// Kind of device: `pc`, `smartphone`, `mobilephone`, `appliance`, `crawler` or `misc`; empty if unknown.
    pub(crate) device: String,
}

/// Location of an IP address, from the configured location database.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaceJson {
    /// ISO 3166-1 code of the country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country: Option<String>,
    /// Name of the city, as the location database spells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) city: Option<String>,
}

/// An authentication method that was used in the session.
#[derive(Serialize, ToSchema)]
pub(crate) struct MethodJson {
    /// Name of the method, from RFC 8176.
    pub(crate) method: String,
    /// Time at which the method was last used in the session.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// The end of a session: time, reason, actor and effects.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndJson {
    /// Id of the end. All sessions that ended together have the same id.
    pub(crate) id: String,
    /// Time at which the session ended.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// Reason of the end, such as `user`, `admin`, `rp_logout`, `idle_timeout`, `lifetime` or `role_changed`;
    /// `policy:<name>` where an event handler ended it.
    pub(crate) reason: String,
    /// Actor who ended it: `system`, `operator`, `user:<id>` or `application:<id>`.
    pub(crate) by: String,
    /// Effects of the end: `session`, `tokens`, `offline` (grants that outlive a sign-out), `consents`, `notify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effects: Option<Vec<String>>,
}

/// The participation of a session in an application.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApplicationJson {
    /// Internal id of the application, not its `client_id`.
    #[schema(format = Uuid)]
    pub(crate) id: String,
    /// Display name of the application.
    pub(crate) name: String,
    /// `client_id` under which the application is registered.
    pub(crate) client_id: String,
    /// `sid` by which the application knows the session.
    pub(crate) sid: String,
    /// Time at which the session first accessed the application.
    #[schema(format = DateTime)]
    pub(crate) first_access: String,
    /// Time at which the session last accessed the application.
    #[schema(format = DateTime)]
    pub(crate) last_access: String,
    /// Time at which the participation ended; missing while it is active.
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

/// A grant: the access that an application has received.
#[derive(Serialize, ToSchema)]
pub(crate) struct GrantJson {
    /// Id of the grant, by which it can be ended.
    pub(crate) id: String,
    /// Id of the application that holds the grant.
    #[schema(format = Uuid)]
    pub(crate) application: String,
    /// Granted scopes, one per element.
    pub(crate) scopes: Vec<String>,
    /// What access tokens are bound to: `sso-session`, `cookie` or `none`.
    pub(crate) binding: String,
    /// Whether it outlives the session (`offline_access`).
    pub(crate) offline: bool,
    /// Time at which the grant was created.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// Time at which the last access or refresh token was issued; the time of creation if there is none.
    #[schema(format = DateTime)]
    pub(crate) last_use: String,
    /// Time at which the grant and everything issued from it expire.
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

/// A notification that informs an application of an end.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryJson {
    /// `sid` of the participation that ended. It also identifies the delivery.
    pub(crate) sid: String,
    /// Id of the session that the participation belonged to.
    pub(crate) session: String,
    /// Id of the application to notify.
    #[schema(format = Uuid)]
    pub(crate) application: String,
    /// `pending`, `delivered`, `refused`, `dead` (expired or given up) or `unreachable` (the application has no address
    /// for notifications).
    pub(crate) state: String,
    /// Number of delivery attempts so far.
    pub(crate) attempts: i64,
    /// Time at which the delivery was created.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
    /// Time at which the next attempt is due; missing unless the delivery is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) due_at: Option<String>,
    /// HTTP status of the application's last response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_status: Option<i64>,
    /// Description of the last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
    /// Time of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) last_attempt_at: Option<String>,
    /// `jti` of the last logout token that was sent.
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

/// A session, live or ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionJson {
    /// Id of the session: 64 hexadecimal digits.
    pub(crate) id: String,
    /// The user that the session belongs to.
    pub(crate) user: UserJson,
    /// `active`, `expired` (past a deadline, about to end) or `ended`.
    pub(crate) state: &'static str,
    /// IP address of the browser at sign-in; empty after its retention period.
    pub(crate) ip: String,
    /// Location of the address; missing unless a location database is configured and contains the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) place: Option<PlaceJson>,
    /// `User-Agent` header of the browser at sign-in.
    pub(crate) user_agent: String,
    /// Details parsed from `user_agent`.
    pub(crate) browser: BrowserJson,
    /// Time of the sign-in that started the session.
    #[schema(format = DateTime)]
    pub(crate) signed_in_at: String,
    /// Time of the last access. It may lag behind by the flush interval.
    #[schema(format = DateTime)]
    pub(crate) last_access: String,
    /// Time of the last authentication (`auth_time`).
    #[schema(format = DateTime)]
    pub(crate) auth_time: String,
    /// Authentication methods that were used in the session.
    pub(crate) methods: Vec<MethodJson>,
    /// Authentication context class (`acr`) that the methods reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) acr: Option<&'static str>,
    /// Whether the user asked to stay signed in.
    pub(crate) remember: bool,
    /// Time at which the session ends if it isn't used again.
    #[schema(format = DateTime)]
    pub(crate) idle_deadline: String,
    /// Time at which the session ends even if it is in use; missing if its lifetime is unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) absolute_deadline: Option<String>,
    /// The end of the session; missing unless `state` is `ended`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<EndJson>,
    /// Participations of the session in applications.
    pub(crate) applications: Vec<ApplicationJson>,
    /// Grants of the session that haven't ended. Present for a single session or if requested by `include=grants`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grants: Option<Vec<GrantJson>>,
    /// Notifications to applications about its end. Present for a single session only.
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

/// One page of a session search, with cursors to its neighbours.
#[derive(Serialize, ToSchema)]
pub(crate) struct PageJson {
    /// The sessions, latest first.
    pub(crate) items: Vec<SessionJson>,
    /// Cursor of the next page. A page can have fewer sessions than `limit` if the search reaches its budget of rows;
    /// the next page continues there.
    pub(crate) next: Option<String>,
    /// Cursor of the previous page.
    pub(crate) prior: Option<String>,
    /// Both cursors in one token. Send it as `results_token`; add `prior=true` to get the previous page.
    pub(crate) results_token: Option<String>,
    /// Number of sessions that match the filter. Present if requested by `total=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<TotalJson>,
    /// Time at which the first page was read; only with `sort=last_access`. Later pages omit sessions that have been
    /// used since; the order is best effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) as_of: Option<String>,
}

/// Number of sessions that match a filter.
#[derive(Serialize, ToSchema)]
pub(crate) struct TotalJson {
    /// Number of sessions that were counted.
    pub(crate) sessions: u64,
    /// Number of pages that these sessions fill with the requested `limit`.
    pub(crate) pages: u64,
    /// Whether the count is complete. If false, counting stopped at its budget and there are more sessions.
    pub(crate) exact: bool,
}

/// Problem details of a failed request (RFC 9457).
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemJson {
    /// Type of the problem: `about:blank`, because the status alone identifies it.
    pub(crate) r#type: String,
    /// Reason phrase of the HTTP status.
    pub(crate) title: String,
    /// HTTP status code, as in the response's status line.
    pub(crate) status: u16,
    /// Explanation of what went wrong or what to do.
    pub(crate) detail: String,
    /// URN of the request, which contains its id: `urn:request:<id>`.
    pub(crate) instance: String,
}

/// Returns a session as JSON, in the format of the session service.
#[must_use]
pub fn session_json(user: &User, view: &SessionView, live: bool) -> serde_json::Value {
    // Serialization of these types can't fail.
    serde_json::to_value(SessionJson::of(user, view, live)).unwrap_or_default()
}

/// Counts of what an end affected or would affect.
#[derive(Serialize, ToSchema)]
pub(crate) struct SummaryJson {
    /// Number of sessions that end.
    sessions: u64,
    /// Number of grants that end, with all their tokens.
    grants: u64,
    /// Number of consents that are removed.
    consents: u64,
    /// Number of notifications to applications.
    deliveries: u64,
}

impl From<EndSummary> for SummaryJson {
    fn from(from: EndSummary) -> Self {
        let EndSummary { sessions, grants, consents, deliveries } = from;
        Self { sessions, grants, consents, deliveries }
    }
}
