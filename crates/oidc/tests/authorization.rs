//! Rules of the authorization request that a table shows best.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use sojourn_model::{
    AppId, AppKind, AppOwner, Application, ApplicationSettings, GrantType, TenantId,
};
use sojourn_oidc::{Params, ResponseType, authorize};

fn app(redirect_uris: &[&str], any_localhost_port: bool) -> Application {
    Application {
        tenant: TenantId::DEFAULT,
        id: AppId::from_slice(&[1; 16]).expect("an id"),
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
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            any_localhost_port,
            response_types: ResponseType::SUPPORTED.map(str::to_owned).to_vec(),
            grant_types: GrantType::ALL.to_vec(),
            ..ApplicationSettings::default()
        },
    }
}

fn params(pairs: &[(&str, &str)]) -> Params {
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Params::parse(text.as_bytes()).expect("parameters")
}

/// OpenID Connect Core 1.0 §11: without a code there is nothing that could be refreshed.
#[test]
fn offline_access_needs_a_code() {
    let app = app(&["https://app.test/cb"], false);
    for (response_type, kept) in [
        ("code", true),
        ("code id_token", true),
        ("code token", true),
        ("code id_token token", true),
        ("id_token", false),
        ("id_token token", false),
    ] {
        let params = params(&[
            ("client_id", "app"),
            ("redirect_uri", "https://app.test/cb"),
            ("response_type", response_type),
            ("scope", "openid offline_access"),
            ("prompt", "consent"),
            ("nonce", "n"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ]);
        let uri = authorize::redirect_uri(&params, &app).expect("a redirect URI");
        let request = authorize::check(&params, &app, authorize::reply_to(&params, uri));
        let scopes = request.expect("a request").scopes;
        let offline = scopes.iter().any(|scope| scope == "offline_access");
        assert_eq!(offline, kept, "{response_type}: {scopes:?}");
        assert!(scopes.iter().any(|scope| scope == "openid"), "{response_type}: {scopes:?}");
    }
}

/// RFC 8252 §7.3: only the port of a loopback address is free, and of `localhost` only where the application says so.
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
        let found =
            authorize::redirect_uri(&params(&[("redirect_uri", asked)]), &app(&[registered], any));
        assert_eq!(found.is_ok(), good, "{registered} (any port: {any}), {asked}: {found:?}");
    }
}
