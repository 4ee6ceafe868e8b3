//! One table row for each rule.

use sojourn_model::{
    AppId, AppKind, AppOwner, ApplicationSettings, ClientAuthMethod, OidcSettings, TenantId,
};

use super::*;

fn app(public: bool) -> Application {
    Application {
        tenant: TenantId::DEFAULT,
        id: AppId::from_slice(&[1; 16]).expect("id"),
        number: 1,
        version: 1,
        client_id: "app".into(),
        name: "App".into(),
        kind: AppKind::Client,
        owner: AppOwner::Database,
        enabled: true,
        epoch: 0,
        secret_hash: None,
        backchannel_logout_uri: None,
        settings: ApplicationSettings {
            oidc: OidcSettings {
                redirect_uris: vec!["https://app.test/cb".into(), "http://127.0.0.1/native".into()],
                token_endpoint_auth_method: if public {
                    ClientAuthMethod::None
                } else {
                    ClientAuthMethod::ClientSecretBasic
                },
                grant_types: vec![GrantType::AuthorizationCode, GrantType::Implicit],
                response_types: vec!["code".into(), "id_token".into()],
                ..OidcSettings::default()
            },
            ..ApplicationSettings::default()
        },
    }
}

#[test]
fn errors_travel_as_the_request_wanted_as_far_as_that_can_be_read() {
    use ResponseMode as M;
    for (query, want) in [
        ("response_type=code", M::Query),
        ("response_type=id_token", M::Fragment),
        ("response_type=id_token&response_mode=query", M::Fragment),
        ("response_type=id_token&response_mode=form_post", M::FormPost),
        ("response_type=what", M::Query),
        ("response_type=what&response_mode=fragment", M::Fragment),
        ("response_type=code&response_type=id_token", M::Query),
        ("", M::Query),
    ] {
        let params = Params::parse(query.as_bytes()).expect("parses");
        assert_eq!(reply_to(&params, "https://app.test/cb".into()).mode, want, "{query}");
    }
}

#[test]
fn only_registered_redirect_uris() {
    for (asked, good) in [
        ("https://app.test/cb", true),
        ("https://app.test/cb/", false),
        ("https://app.test/cb?x=1", false),
        ("https://APP.test/cb", false),
        ("http://app.test/cb", false),
        ("https://app.test.evil/cb", false),
        ("http://127.0.0.1:5432/native", true),
        ("http://127.0.0.1:/native", false),
        ("http://127.0.0.1:5432/other", false),
        ("http://127.0.0.1@evil/native", false),
        ("http://127.0.0.1:80@evil/native", false),
        ("http://localhost:5432/native", false),
        ("javascript:alert(1)", false),
    ] {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("redirect_uri", asked)
            .finish();
        let params = Params::parse(query.as_bytes()).expect("parses");
        assert_eq!(redirect_uri(&params, &app(false)).is_ok(), good, "{asked}");
    }
    let twice = Params::parse(b"redirect_uri=https://app.test/cb&redirect_uri=x").expect("parses");
    assert_eq!(redirect_uri(&twice, &app(false)), Err(RedirectRefused::Twice));
}

const BASE: &str = "response_type=code&scope=openid";
const CHALLENGE: &str = "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

#[test]
fn each_check_names_its_error() {
    let long_nonce = format!("{BASE}&nonce={}", "n".repeat(NONCE_BYTES_MAX + 1));
    let long_state = format!("{BASE}&state={}", "n".repeat(STATE_BYTES_MAX + 1));
    for (query, public, want) in [
        (BASE.to_owned(), false, None),
        (format!("{BASE}&state=1&state=2"), false, Some("invalid_request")),
        (format!("{BASE}&registration={{}}"), false, Some("registration_not_supported")),
        ("scope=openid".into(), false, Some("invalid_request")),
        ("scope=openid&response_type=token".into(), false, Some("unsupported_response_type")),
        ("scope=openid&response_type=code+id_token".into(), false, Some("unauthorized_client")),
        ("scope=openid&response_type=id_token".into(), false, Some("invalid_request")),
        ("scope=profile&response_type=id_token&nonce=n".into(), false, Some("invalid_request")),
        ("scope=openid&response_type=id_token&nonce=n".into(), true, None),
        (
            "scope=openid&response_type=id_token&nonce=n&response_mode=query".into(),
            false,
            Some("invalid_request"),
        ),
        (format!("{BASE}&response_mode=form_post"), false, None),
        (format!("{BASE}&response_mode=fragment"), false, None),
        (format!("{BASE}&response_mode=web_message"), false, Some("invalid_request")),
        (format!("{BASE}&claims=x"), false, Some("invalid_request")),
        (format!("{BASE}&claims={{}}"), false, None),
        (format!("{BASE}&response_mode=query"), false, None),
        ("response_type=code".into(), false, Some("invalid_scope")),
        ("response_type=code&scope=unknown".into(), false, Some("invalid_scope")),
        (format!("{BASE}&prompt=none+login"), false, Some("invalid_request")),
        (format!("{BASE}&prompt=create"), false, None),
        (format!("{BASE}&prompt=none+create"), false, Some("invalid_request")),
        (format!("{BASE}&prompt=login+consent"), false, None),
        (format!("{BASE}&max_age=-1"), false, Some("invalid_request")),
        (format!("{BASE}&max_age=soon"), false, Some("invalid_request")),
        (format!("{BASE}&max_age=0"), false, None),
        (long_nonce, false, Some("invalid_request")),
        (long_state, false, Some("invalid_request")),
        (format!("{BASE}&{CHALLENGE}"), false, Some("invalid_request")),
        (format!("{BASE}&{CHALLENGE}&code_challenge_method=plain"), false, Some("invalid_request")),
        (
            format!("{BASE}&code_challenge=x&code_challenge_method=S256"),
            false,
            Some("invalid_request"),
        ),
        (format!("{BASE}&code_challenge_method=S256"), false, Some("invalid_request")),
        (format!("{BASE}&{CHALLENGE}&code_challenge_method=S256"), false, None),
        (BASE.to_owned(), true, Some("invalid_request")),
        (format!("{BASE}&{CHALLENGE}&code_challenge_method=S256"), true, None),
    ] {
        let params = Params::parse(query.as_bytes()).expect("parses");
        let reply = reply_to(&params, "https://app.test/cb".into());
        let got = check(&params, &app(public), reply);
        assert_eq!(got.as_ref().err().map(|error| error.code), want, "{query}");
    }
}

#[test]
fn what_is_left_after_the_checks() {
    let query =
        format!("{BASE}+profile+made_up&state=s&nonce=n&prompt=login&max_age=60&login_hint=alex");
    let params = Params::parse(query.as_bytes()).expect("parses");
    let reply = reply_to(&params, "https://app.test/cb".into());
    let request = check(&params, &app(false), reply).expect("fine");
    assert_eq!(request.scopes, ["openid", "profile"]);
    assert!(request.prompt.login && !request.prompt.none);
    assert_eq!((request.max_age, request.reply.state.as_deref()), (Some(60), Some("s")));
    assert_eq!(request.login_hint.as_deref(), Some("alex"));
}

fn params(pairs: &[(&str, &str)]) -> Params {
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Params::parse(text.as_bytes()).expect("parses")
}

/// OpenID Connect Core 1.0 §11: without a code there is no refresh token.
#[test]
fn offline_access_needs_a_code() {
    let mut app = app(false);
    app.settings.oidc.response_types = ResponseType::SUPPORTED.map(str::to_owned).to_vec();
    app.settings.oidc.grant_types = GrantType::ALL.to_vec();
    for (response_type, kept) in [
        ("code", true),
        ("code id_token", true),
        ("code token", true),
        ("code id_token token", true),
        ("id_token", false),
        ("id_token token", false),
    ] {
        let pairs = [
            ("client_id", "app"),
            ("redirect_uri", "https://app.test/cb"),
            ("response_type", response_type),
            ("scope", "openid offline_access"),
            ("prompt", "consent"),
            ("nonce", "n"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ];
        let params = params(&pairs);
        let uri = redirect_uri(&params, &app).expect("a redirect URI");
        let request = check(&params, &app, reply_to(&params, uri));
        let scopes = request.expect("a request").scopes;
        let offline = scopes.iter().any(|scope| scope == "offline_access");
        assert_eq!(offline, kept, "{response_type}: {scopes:?}");
        assert!(scopes.iter().any(|scope| scope == "openid"), "{response_type}: {scopes:?}");
    }
}

/// RFC 8252 §7.3: only the port of a loopback address is free; the port of `localhost` only if the application
/// allows it.
#[test]
fn only_the_port_of_a_loopback_address_is_free() {
    for (registered, any, asked, good) in [
        ("https://app.test/cb", false, "https://app.test/cb", true),
        ("https://app.test/cb", false, "https://app.test:8443/cb", false),
        ("https://app.test/cb", false, "https://app.test/cb/", false),
        ("http://127.0.0.1/cb", false, "http://127.0.0.1:4711/cb", true),
        ("http://127.0.0.1:80/cb", false, "http://127.0.0.1:4711/cb", true),
        ("http://[::1]/cb", false, "http://[::1]:4711/cb", true),
        ("http://127.0.0.1/cb", false, "http://127.0.0.1:4711/other", false),
        ("http://127.0.0.1/cb", false, "http://[::1]:4711/cb", false),
        ("http://127.0.0.1/cb", false, "https://127.0.0.1:4711/cb", false),
        ("http://127.0.0.1/cb", false, "http://127.0.0.1:99999/cb", false),
        ("http://127.0.0.1/cb", false, "http://127.0.0.1:/cb", false),
        ("http://127.0.0.1/cb", false, "http://127.0.0.1:80@evil.test/cb", false),
        ("http://127.0.0.1/cb", false, "http://127.0.0.1.evil.test/cb", false),
        ("http://localhost:8080/cb", false, "http://localhost:8080/cb", true),
        ("http://localhost:8080/cb", false, "http://localhost:4711/cb", false),
        ("http://localhost:8080/cb", false, "http://127.0.0.1:8080/cb", false),
        ("http://localhost:8080/cb", true, "http://localhost:4711/cb", true),
        ("http://localhost:8080/cb", true, "http://127.0.0.1:8080/cb", false),
        ("http://localhost:8080/cb", true, "http://localhost.evil.test:8080/cb", false),
        ("http://app.test:8080/cb", true, "http://app.test:4711/cb", false),
    ] {
        let mut app = app(false);
        app.settings.oidc.redirect_uris = vec![registered.to_owned()];
        app.settings.oidc.any_localhost_port = any;
        let found = redirect_uri(&params(&[("redirect_uri", asked)]), &app);
        assert_eq!(found.is_ok(), good, "{registered} (any port: {any}), {asked}: {found:?}");
    }
}
