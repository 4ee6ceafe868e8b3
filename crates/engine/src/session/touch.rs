//! Last accesses: gathered in memory and written in batches, so that no request writes for them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::limits::TOUCHES_MAX;
use sojourn_model::operation::Touch;
use sojourn_model::{AppId, ChangeSet, Millis, Op, Outcome, SessionId, TenantId};

use crate::engine::Engine;
use crate::error::EngineError;

/// Touches written in one change set.
const BATCH: usize = 500;

type Key = (TenantId, SessionId, Option<AppId>);

#[derive(Default)]
pub(crate) struct Touches(Mutex<HashMap<Key, Millis>>);

impl Touches {
    fn note(&self, key: Key, at: Millis) {
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Beyond the limit a touch is lost rather than memory: the session only expires earlier.
        if map.len() < TOUCHES_MAX || map.contains_key(&key) {
            let kept = map.entry(key).or_insert(at);
            *kept = (*kept).max(at);
        }
    }

    /// The last access that isn't written yet.
    pub(crate) fn last(&self, tenant: TenantId, session: SessionId) -> Option<Millis> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.get(&(tenant, session, None)).copied()
    }

    fn take(&self) -> HashMap<Key, Millis> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Engine {
    /// Notes that a session was used, by way of an application or directly.
    pub fn touch(&self, tenant: TenantId, session: SessionId, app: Option<AppId>) {
        let now = self.now();
        self.touches.note((tenant, session, None), now);
        if app.is_some() {
            self.touches.note((tenant, session, app), now);
        }
    }

    /// Writes what was noted. Called from a timer and at the end of the program.
    ///
    /// # Errors
    /// [`EngineError::Store`]; what wasn't written is noted again.
    pub async fn flush_touches(&self) -> Result<(), EngineError> {
        let mut by_tenant: HashMap<TenantId, Vec<Touch>> = HashMap::new();
        for ((tenant, session, app), at) in self.touches.take() {
            by_tenant.entry(tenant).or_default().push(Touch { session, app, at });
        }
        for (tenant, mut touches) in by_tenant {
            // In one order on every node, and in that of ends: two flushes don't wait for each other.
            touches.sort_unstable_by_key(|touch| (touch.session, touch.app));
            for chunk in touches.chunks(BATCH) {
                let written = self.apply(ChangeSet::of(tenant, Op::Touch(chunk.to_vec()))).await;
                if !matches!(written, Ok(Outcome::Applied(_))) {
                    for touch in chunk {
                        self.touches.note((tenant, touch.session, touch.app), touch.at);
                    }
                    // A conflict: an end stood in the way. They are written with the next.
                    written?;
                }
            }
        }
        Ok(())
    }
}
