//! Open streams: their number is limited per caller and in total.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sojourn_model::limits::{STREAMS_MAX, STREAMS_OF_ONE_CALLER_MAX};

/// Number of open streams of this process, by caller.
#[derive(Debug, Default)]
pub struct Streams(Mutex<HashMap<String, usize>>);

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
