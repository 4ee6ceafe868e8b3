//! Bindings: queries, forms, envelopes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sojourn_crypto::Certificate;
use sojourn_saml::binding;

fuzz_target!(|data: &[u8]| {
    let _ = binding::from_envelope(data);
    let _ = Certificate::from_der(data);
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(carried) = binding::from_query(text) {
        assert!(carried.xml.len() <= 256 * 1024, "bounded");
    }
    let _ = binding::from_form(Some(text), None, None);
    let _ = Certificate::from_text(text);
});
