//! Requests of applications: parameters, claims, credentials.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sojourn_oidc::{ClaimsRequest, Params, client_auth};

fuzz_target!(|data: &[u8]| {
    let Ok(params) = Params::parse(data) else { return };
    let again = Params::parse(params.to_query().as_bytes()).expect("what is written is read");
    assert_eq!(again, params, "and is the same");
    let _ = params.no_doubles();
    let _ = client_auth::credentials(None, &params);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = ClaimsRequest::parse(text);
        let _ = client_auth::credentials(Some(text), &params);
        let _ = client_auth::basic(text);
    }
});
