//! Parser and canonical form: what is parsed has a canonical form, and that of the form is the form itself. Every reader of
//! messages answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sojourn_model::Millis;
use sojourn_saml::AuthnRequest;
use sojourn_saml::logout::{LogoutRequest, LogoutResponse};
use sojourn_saml::metadata::ServiceProvider;
use sojourn_saml::signature::Trusted;
use sojourn_saml::xml::{Document, canonical};

fuzz_target!(|data: &[u8]| {
    let Ok(document) = Document::parse(data) else { return };
    let form = canonical(&document);
    assert!(!form.is_empty(), "an element has a form");
    let again = Document::parse(&form).expect("a canonical form is XML");
    assert_eq!(canonical(&again), form, "the form of a form is the form");
    let message = Trusted::unsigned(&document);
    let _ = AuthnRequest::read(message);
    let _ = LogoutRequest::read(message);
    let _ = LogoutResponse::read(message);
    let _ = ServiceProvider::read(message, None, Millis(0));
});
