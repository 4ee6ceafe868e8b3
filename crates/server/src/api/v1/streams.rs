//! The place of an open stream, which ends when its caller is no longer authorized.

use std::sync::Arc;

use http::StatusCode;
use sojourn_model::Millis;

use super::{Refusal, caller};
use crate::context::Context;
use crate::streams::Streams;
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::{Authority, Right};

/// How often the caller's authorization is checked again, in milliseconds.
const CHECK_EVERY_MS: i64 = 5_000;

/// The place of one open stream, released on drop.
pub(super) struct Place {
    streams: Arc<Streams>,
    caller: String,
    rights: &'static [Right],
    checked_at: Millis,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.streams.give_back(&self.caller);
    }
}

impl Place {
    /// Takes a place for a caller that was authorized with these rights; fails if too many streams are open.
    pub(super) fn take(
        context: &Context,
        who: &Authority,
        rights: &'static [Right],
    ) -> Result<Self, Refusal> {
        let streams = Arc::clone(&context.state.streams);
        let caller = format!("{}/{}", context.tenant().id.0, who.actor());
        if !streams.take(&caller) {
            let detail = "Too many streams are open. Close one, or try again in a moment.";
            return Err(Refusal::Problem(StatusCode::SERVICE_UNAVAILABLE, detail.into()));
        }
        Ok(Self { streams, caller, rights, checked_at: context.engine().now() })
    }

    /// Whether the stream may continue. Checks the caller's authorization again every `CHECK_EVERY_MS`.
    pub(super) async fn goes_on(&mut self, context: &Context) -> bool {
        let now = context.engine().now();
        if now.since(self.checked_at) < CHECK_EVERY_MS {
            return true;
        }
        self.checked_at = now;
        match caller(context, self.rights).await {
            Ok(_) => true,
            // Too many callers, or a database that doesn't respond, say nothing about this caller.
            Err(Refusal::Denied(ApiRefused::TooMany | ApiRefused::Failed(_))) => true,
            Err(Refusal::Failed(_)) => true,
            Err(Refusal::Denied(_) | Refusal::Problem(..)) => false,
        }
    }
}
