//! Open streams: their number is limited per caller and in total, and each ends when its caller is no longer
//! authorized.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use sojourn_model::Millis;
use sojourn_model::limits::{STREAMS_MAX, STREAMS_OF_ONE_CALLER_MAX};

use super::{Refusal, caller};
use crate::context::Context;
use sojourn_engine::directory::ApiRefused;
use sojourn_engine::{Authority, Right};

/// How often the caller's authorization is checked again, in milliseconds.
const CHECK_EVERY_MS: i64 = 5_000;

/// Number of open streams of this process, by caller.
#[derive(Debug, Default)]
pub struct Streams(Mutex<HashMap<String, usize>>);

/// The place of one open stream, released on drop.
pub(super) struct Place {
    streams: Arc<Streams>,
    caller: String,
    rights: &'static [Right],
    checked_at: Millis,
}

impl Streams {
    pub(crate) fn take(&self, caller: &str) -> bool {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = open.values().sum();
        let own = open.entry(caller.to_owned()).or_default();
        let free = all < STREAMS_MAX && *own < STREAMS_OF_ONE_CALLER_MAX;
        *own += usize::from(free);
        if *own == 0 {
            open.remove(caller);
        }
        free
    }

    pub(crate) fn give_back(&self, caller: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(caller) {
            *own -= 1;
            if *own == 0 {
                open.remove(caller);
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let streams = Streams::default();
        for _ in 0..STREAMS_OF_ONE_CALLER_MAX {
            assert!(streams.take("a"));
        }
        assert!(!streams.take("a") && streams.take("b"));
        streams.give_back("a");
        assert!(streams.take("a"));
        let mut others = 0;
        while streams.take(&format!("c{others}")) {
            others += 1;
        }
        assert_eq!(others, STREAMS_MAX - STREAMS_OF_ONE_CALLER_MAX - 1);
    }
}
