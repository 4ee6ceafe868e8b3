//! One table row for each rule.

use super::*;

fn parsed(text: &str) -> Result<Metadata, OAuthError> {
    parse(&serde_json::from_str(text).expect("JSON"))
}

fn with(more: &str) -> String {
    format!(r#"{{"redirect_uris":["https://app.test/cb"]{more}}}"#)
}

#[test]
fn registration_2_each_rule_names_its_error() {
    let key = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}"#;
    for (more, want) in [
        (String::new(), None),
        (r#","response_types":["id_token token"]"#.into(), None),
        (r#","response_types":["token"]"#.into(), Some("invalid_client_metadata")),
        (r#","response_types":"code""#.into(), Some("invalid_client_metadata")),
        (r#","grant_types":["password"]"#.into(), Some("invalid_client_metadata")),
        (r#","grant_types":["magic"]"#.into(), Some("invalid_client_metadata")),
        (r#","application_type":"car""#.into(), Some("invalid_client_metadata")),
        (r#","subject_type":"secret""#.into(), Some("invalid_client_metadata")),
        (r#","client_name":7"#.into(), Some("invalid_client_metadata")),
        (r#","logo_uri":"javascript:alert(1)""#.into(), Some("invalid_client_metadata")),
        (r#","logo_uri":"https://app.test/logo""#.into(), None),
        (r#","initiate_login_uri":"http://localhost/x""#.into(), Some("invalid_client_metadata")),
        (r#","initiate_login_uri":"https://app.test/x""#.into(), None),
        (r#","jwks_uri":"http://app.test/keys""#.into(), Some("invalid_client_metadata")),
        (format!(r#","jwks":{key}"#), None),
        (r#","jwks":{"keys":7}"#.into(), Some("invalid_client_metadata")),
        (
            format!(r#","jwks":{key},"jwks_uri":"https://app.test/keys""#),
            Some("invalid_client_metadata"),
        ),
        (r#","token_endpoint_auth_method":"tls""#.into(), Some("invalid_client_metadata")),
        (r#","token_endpoint_auth_method":"private_key_jwt""#.into(), Some("invalid_client_metadata")),
        (format!(r#","token_endpoint_auth_method":"private_key_jwt","jwks":{key}"#), None),
        (
            r#","token_endpoint_auth_method":"client_secret_jwt","token_endpoint_auth_signing_alg":"RS256""#
                .into(),
            Some("invalid_client_metadata"),
        ),
        (r#","id_token_signed_response_alg":"HS256""#.into(), Some("invalid_client_metadata")),
        (r#","id_token_signed_response_alg":"none""#.into(), None),
        (
            r#","id_token_signed_response_alg":"none","response_types":["code id_token"]"#.into(),
            Some("invalid_client_metadata"),
        ),
        (r#","id_token_encrypted_response_alg":"dir""#.into(), Some("invalid_client_metadata")),
        (r#","request_object_signing_alg":"none""#.into(), None),
        (r#","request_object_signing_alg":"XS256""#.into(), Some("invalid_client_metadata")),
        (r#","request_uris":["ftp://x"]"#.into(), Some("invalid_client_metadata")),
        (r#","default_max_age":-1"#.into(), Some("invalid_client_metadata")),
        (r#","require_auth_time":"yes""#.into(), Some("invalid_client_metadata")),
        (r#","post_logout_redirect_uris":["x"]"#.into(), Some("invalid_client_metadata")),
        (r#","backchannel_logout_uri":"https://app.test/x#y""#.into(), Some("invalid_client_metadata")),
        (r#","unknown_member":{"a":1}"#.into(), None),
    ] {
        let got = parsed(&with(&more)).err().map(|error| error.code);
        assert_eq!(got, want, "{more}");
    }
}

#[test]
fn registration_2_and_rfc_8252_7_redirect_uris() {
    for (uri, native, implicit, good) in [
        ("https://app.test/cb", false, false, true),
        ("https://app.test/cb", false, true, true),
        ("https://app.test/cb#x", false, false, false),
        ("http://app.test/cb", false, false, false),
        ("http://localhost/cb", false, false, true),
        ("http://localhost/cb", false, true, false),
        ("http://127.0.0.1/cb", true, false, true),
        ("com.example.app:/cb", true, false, true),
        ("com.example.app:/cb", false, false, false),
        ("myapp:/cb", true, false, false),
        ("javascript:alert(1)", true, false, false),
        ("/cb", false, false, false),
    ] {
        assert_eq!(
            RedirectRules { native, implicit }.check(uri).is_ok(),
            good,
            "{uri} {native} {implicit}"
        );
    }
    assert_eq!(parsed("{}").err().map(|error| error.code), Some("invalid_redirect_uri"));
    let machine =
        r#"{"redirect_uris":[],"response_types":[],"grant_types":["client_credentials"]}"#;
    assert!(parsed(machine).is_ok());
    let sectors =
        r#"{"redirect_uris":["https://a.test/","https://b.test/"],"subject_type":"pairwise"}"#;
    assert_eq!(parsed(sectors).err().map(|error| error.code), Some("invalid_client_metadata"));
}

#[test]
fn rfc_7591_2_1_grant_types_follow_response_types() {
    let metadata = parsed(&with(r#","response_types":["token id_token"]"#)).expect("fine");
    assert_eq!(metadata.settings.oidc.response_types, ["id_token token"]);
    assert!(metadata.settings.oidc.grant_types.contains(&GrantType::Implicit));
    assert!(!metadata.settings.first_party, "whoever registers itself is a stranger");
}
