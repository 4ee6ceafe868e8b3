//! Filters of SCIM and of searches for sessions.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sojourn_scim::filter::Filter;

fuzz_target!(|text: &str| {
    let Ok(filter) = Filter::parse(text) else { return };
    let _ = filter.attributes();
    let _ = filter.required();
    let _ = filter.comparisons();
});
