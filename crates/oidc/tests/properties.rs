//! Whatever comes in, parsers answer: no panic, and nothing let through that the rules forbid.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod application;

use application::app;
use proptest::prelude::*;
use sojourn_oidc::{
    ClaimsRequest, Params, ResponseType, authorize, client_auth, registration, scope,
};

/// Names that mean something, so that values reach the checks behind them.
const NAMES: [&str; 14] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "claims",
    "code_challenge",
    "code_challenge_method",
    "acr_values",
    "id_token_hint",
];
const VALUES: [&str; 12] = [
    "code",
    "id_token token",
    "openid profile",
    "none",
    "login consent",
    "fragment",
    "query",
    "S256",
    "60",
    "{\"id_token\":{\"acr\":null}}",
    "https://app.test/cb",
    "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
];

fn pairs() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![
        4 => proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ];
    let value = prop_oneof![
        4 => proptest::sample::select(VALUES.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    proptest::collection::vec((name, value), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn authorization_requests(pairs in pairs()) {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let Ok(params) = Params::parse(text.as_bytes()) else { return Ok(()) };
        let app = app();
        let Ok(uri) = authorize::redirect_uri(&params, &app) else { return Ok(()) };
        prop_assert!(uri == "https://app.test/cb" || uri.starts_with("http://127.0.0.1"));
        let reply = authorize::reply_to(&params, uri);
        if let Ok(request) = authorize::check(&params, &app, reply) {
            prop_assert!(params.no_doubles().is_ok());
            prop_assert!(request.scopes.iter().all(|one| app.settings.oidc.scopes.contains(one)));
            prop_assert!(!request.response_type.id_token || request.nonce.is_some());
            let in_query = request.reply.mode == sojourn_oidc::ResponseMode::Query;
            prop_assert!(!in_query || request.response_type == ResponseType::CODE);
        }
    }

    #[test]
    fn form_bodies(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        if let Ok(params) = Params::parse(&bytes) {
            let again = Params::parse(params.to_query().as_bytes()).expect("what was read is written");
            prop_assert_eq!(again, params);
        }
    }

    #[test]
    fn authorization_headers_and_assertions(header in any::<String>(), assertion in any::<String>()) {
        let _ = client_auth::basic(&header);
        let _ = client_auth::basic(&format!("Basic {header}"));
        let text = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_assertion", &assertion)
            .append_pair("client_assertion_type", client_auth::JWT_BEARER)
            .finish();
        if let Ok(params) = Params::parse(text.as_bytes()) {
            let _ = client_auth::credentials(Some(&header), &params);
            let _ = client_auth::credentials(None, &params);
        }
    }

    #[test]
    fn scopes_and_claims(text in any::<String>()) {
        if let Ok(scopes) = scope::parse(&text) {
            let sorted = scopes.windows(2).all(|pair| pair.first() < pair.last());
            prop_assert!(sorted, "sorted and none twice");
        }
        let _ = ClaimsRequest::parse(&text);
        let _ = ResponseType::parse(&text);
    }

    #[test]
    fn registrations(uri in "\\PC{0,40}", name in any::<String>(), flag in any::<bool>()) {
        let document = serde_json::json!({
            "redirect_uris": [uri], "client_name": name, "application_type": if flag { "native" } else { "web" },
            "jwks_uri": uri, "require_auth_time": flag,
        });
        let document = document.as_object().expect("an object").clone();
        if let Ok(metadata) = registration::parse(&document) {
            let uri = metadata.settings.oidc.redirect_uris.first().expect("one");
            prop_assert!(!uri.contains('#') && !uri.to_ascii_lowercase().starts_with("javascript:"));
        }
    }
}
