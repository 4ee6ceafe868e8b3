//! Last accesses, collected in memory and stored in batches, so that no request causes a write.

use std::collections::HashMap;

use sojourn_model::operation::Touch;
use sojourn_model::{AppId, ChangeSet, Op, Outcome, SessionId, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Accesses that are stored in one change set.
const BATCH: usize = 500;

impl Engine {
    /// Records that a session was used, directly or through an application.
    pub fn touch(&self, tenant: TenantId, session: SessionId, app: Option<AppId>) {
        let now = self.now();
        self.touches.note((tenant, session, None), now);
        if app.is_some() {
            self.touches.note((tenant, session, app), now);
        }
    }

    /// Stores the recorded accesses. Called by a timer and at shutdown.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the database fails; what wasn't stored is recorded again.
    pub async fn flush_touches(&self) -> Result<(), EngineError> {
        let mut by_tenant: HashMap<TenantId, Vec<Touch>> = HashMap::new();
        for ((tenant, session, app), at) in self.touches.take() {
            by_tenant.entry(tenant).or_default().push(Touch { session, app, at });
        }
        for (tenant, mut touches) in by_tenant {
            // Sorted on every node, in the order that ends use too: two flushes don't deadlock.
            touches.sort_unstable_by_key(|touch| (touch.session, touch.app));
            for chunk in touches.chunks(BATCH) {
                let written = self.apply(ChangeSet::of(tenant, Op::Touch(chunk.to_vec()))).await;
                if !matches!(written, Ok(Outcome::Applied(_))) {
                    for touch in chunk {
                        self.touches.note((tenant, touch.session, touch.app), touch.at);
                    }
                    // A conflict with an end: they are stored with the next flush.
                    written?;
                }
            }
        }
        Ok(())
    }
}
