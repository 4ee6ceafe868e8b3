//! Lists of deliveries.

use sojourn_model::limits::{SESSION_LIST_MAX, SESSION_SCAN_MAX};
use sojourn_model::{AppId, Delivery, DeliveryState, Tenant, UserId};
use sojourn_store::Place;

use crate::engine::Engine;
use crate::error::EngineError;
use crate::rights::Rights;

/// Rows read at a time.
const CHUNK: i64 = 100;

/// Which deliveries are asked for.
#[derive(Debug, Clone)]
pub struct DeliveryQuery<'a> {
    /// In which state.
    pub state: Option<DeliveryState>,
    /// To which application.
    pub app: Option<AppId>,
    /// Those before this place, newest first.
    pub before: Place,
    /// So many at most.
    pub limit: i64,
    /// The caller's: what became of sessions of people above isn't told.
    pub rights: &'a Rights,
}

impl Engine {
    /// Deliveries, newest first, and the place at which the next page begins, if there may be one. A page has
    /// a budget of rows.
    ///
    /// # Errors
    /// [`EngineError::Store`]
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
