//! Lists of deliveries to applications.

use sojourn_model::limits::{SESSION_LIST_MAX, SESSION_SCAN_MAX};
use sojourn_model::{AppId, Delivery, DeliveryState, Tenant, UserId};
use sojourn_store::Place;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// Rows read per query.
const CHUNK: i64 = 100;

/// Filter and page of a list of deliveries.
#[derive(Debug, Clone)]
pub struct DeliveryQuery<'a> {
    /// Only deliveries in this state.
    pub state: Option<DeliveryState>,
    /// Only deliveries to this application.
    pub app: Option<AppId>,
    /// Position before which the page starts; the order is newest first.
    pub before: Place,
    /// Maximum number of deliveries on the page.
    pub limit: i64,
    /// Rights of the caller, who doesn't see the deliveries of people with more rights.
    pub rights: &'a Rights,
}

impl Engine {
    /// Returns deliveries, newest first, and the position of the next page, if there may be one. The number of rows
    /// read per page is limited.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails.
    pub async fn search_deliveries(
        &self,
        tenant: &Tenant,
        query: &DeliveryQuery<'_>,
    ) -> Result<(Vec<Delivery>, Option<Place>), EngineError> {
        let failed = matches!(query.state, Some(DeliveryState::Dead | DeliveryState::Refused));
        let limit = usize::try_from(query.limit.clamp(1, SESSION_LIST_MAX)).unwrap_or(1);
        let mut place = query.before.clone();
        let (mut found, mut examined) = (Vec::new(), 0);
        loop {
            let chunk =
                self.store.deliveries_below(tenant.id, failed, place.clone(), CHUNK).await?;
            let exhausted = i64::try_from(chunk.len()).unwrap_or(0) < CHUNK;
            let mut users: Vec<UserId> = chunk.iter().map(|one| one.user).collect();
            users.sort_unstable();
            users.dedup();
            let covered = self.covered(tenant, query.rights, users).await?;
            for delivery in chunk {
                examined += 1;
                place = Place { at: delivery.created_at, id: delivery.sid.0.to_vec() };
                if query.state.is_none_or(|state| delivery.state == state)
                    && query.app.is_none_or(|app| delivery.app == app)
                    && covered.binary_search(&delivery.user).is_ok()
                {
                    found.push(delivery);
                    if found.len() >= limit {
                        return Ok((found, Some(place)));
                    }
                }
            }
            if exhausted {
                return Ok((found, None));
            }
            if examined >= SESSION_SCAN_MAX {
                return Ok((found, Some(place)));
            }
        }
    }
}
