//! Preview of what an end would do.

use sojourn_model::limits::{FORECAST_TARGETS_MAX, INLINE_END_USERS_MAX};
use sojourn_model::{ChangeSet, EndSummary, Tenant};

use super::request::live_filter;
use super::request::{EndRequest, EndTargets};
use super::targets::Resolved;
use crate::authority::Authority;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Right;
use crate::session::{Position, SessionQuery, Sort, Total};

/// The effects that an end would have, limited to what the caller may end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forecast {
    /// Numbers of sessions, tokens and deliveries.
    pub summary: EndSummary,
    /// Whether the numbers are complete. If not, sessions were counted up to a limit only.
    pub exact: bool,
    /// Whether the end would be refused because it leaves tokens that are bound to the session.
    pub session_bound_tokens: bool,
}

impl Engine {
    /// Returns what a request would do, without doing it, and adds a row to the audit log.
    ///
    /// # Errors
    /// The same as [`Engine::end`].
    pub async fn preview(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<Forecast, EngineError> {
        request.by.must(tenant, Right::SessionDelete)?;
        if request.effects.is_empty() {
            return Err(EngineError::Invalid("specify at least one effect".into()));
        }
        let forecast = self.forecast(tenant, request).await?;
        let detail = serde_json::json!({
            "effects": request.effects,
            "targets": format!("{:?}", request.targets),
            "would_end": forecast.summary,
        });
        let row = self.audit_row(&request.by.actor(), "session.end_preview", tenant.id.0, &detail);
        let mut change = ChangeSet::new(tenant.id);
        change.audit.push(row);
        self.must_apply(change).await?;
        Ok(forecast)
    }

    /// The same as [`Engine::preview`], for confirmation pages: adds no row to the audit log.
    ///
    /// # Errors
    /// The same as [`Engine::end`].
    pub async fn forecast(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<Forecast, EngineError> {
        let targets = match self.resolve(tenant, request, FORECAST_TARGETS_MAX).await? {
            Resolved::All(targets) => targets,
            Resolved::Large => {
                let total = self.sessions_concerned(tenant, request).await?;
                let summary = EndSummary { sessions: total.count, ..EndSummary::default() };
                return Ok(Forecast { summary, exact: total.exact, session_bound_tokens: false });
            }
        };
        let mut forecast = Forecast { exact: true, ..Forecast::default() };
        for some in targets.chunks(INLINE_END_USERS_MAX) {
            let found = self.count_end(tenant, request.plan(some.to_vec())).await?;
            forecast.summary += found.summary;
            forecast.session_bound_tokens |= found.session_bound_tokens;
        }
        Ok(forecast)
    }

    /// Number of sessions that a large request affects.
    pub(super) async fn sessions_concerned(
        &self,
        tenant: &Tenant,
        request: &EndRequest,
    ) -> Result<Total, EngineError> {
        let text = match &request.targets {
            EndTargets::Named(_) => return Ok(Total { count: 0, exact: true }),
            EndTargets::Query(filter) => filter.clone(),
            EndTargets::Role(name) => {
                format!("role eq {}", serde_json::Value::String(name.clone()))
            }
            EndTargets::Group(name) => {
                format!("group eq {}", serde_json::Value::String(name.clone()))
            }
        };
        let filter = live_filter(&text)?;
        let query = SessionQuery {
            filter: &filter,
            sort: Sort::SignedIn,
            position: Position::Newest,
            limit: 1,
            rights: request.by.rights(),
            as_of: None,
        };
        Ok(self.count_sessions(tenant, &query).await?)
    }

    /// Number of active sessions with a stay in an application.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn sessions_in(
        &self,
        tenant: &Tenant,
        app: sojourn_model::AppId,
    ) -> Result<Total, EngineError> {
        let filter = format!("application_id eq \"{app}\"");
        let request = EndRequest::new(EndTargets::Query(filter), Authority::system());
        self.sessions_concerned(tenant, &request).await
    }
}
