//! Rules at their bounds: the largest value that is accepted, the smallest that isn't, and each word that means something.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

mod application;

use application::app;
use serde_json::{Map, Value, json};
use sojourn_model::limits::{NONCE_BYTES_MAX, SCOPES_MAX, STATE_BYTES_MAX};
use sojourn_model::{
    Application, ClientAuthMethod, GrantType, Level, Millis, TenantId, User, UserId,
};
use sojourn_oidc::authorize::{AuthorizeRequest, check, reply_to};
use sojourn_oidc::client_auth::{JWT_BEARER, credentials};
use sojourn_oidc::discovery::{Endpoints, SCOPES, discovery_document};
use sojourn_oidc::interaction::{Needs, Present, Situation, needs, to_approve};
use sojourn_oidc::introspection::Authentication;
use sojourn_oidc::{ClaimsRequest, OAuthError, Params, RedirectRules, registration, scope};

const CB: &str = "https://app.test/cb";

fn params(query: &str) -> Params {
    Params::parse(query.as_bytes()).expect("parameters")
}

fn asked_of(app: &Application, query: &str) -> Result<AuthorizeRequest, OAuthError> {
    let params = params(&format!("response_type=code&scope=openid&{query}"));
    check(&params, app, reply_to(&params, CB.into()))
}

fn asked(query: &str) -> AuthorizeRequest {
    asked_of(&app(), query).expect(query)
}

#[test]
fn prompts_are_read_word_by_word() {
    for word in ["none", "login", "select_account", "consent", "create"] {
        let prompt = asked(&format!("prompt={word}")).prompt;
        let found = [
            ("none", prompt.none),
            ("login", prompt.login),
            ("select_account", prompt.select_account),
            ("consent", prompt.consent),
            ("create", prompt.create),
        ];
        assert!(found.iter().all(|(name, set)| *set == (*name == word)), "{word} {found:?}");
    }
    assert!(asked_of(&app(), "prompt=login+none").is_err());
    assert!(asked("prompt=login+consent").prompt.consent);
}

#[test]
fn lengths_are_accepted_up_to_their_limit() {
    for (name, most) in [("nonce", NONCE_BYTES_MAX), ("state", STATE_BYTES_MAX)] {
        assert!(asked_of(&app(), &format!("{name}={}", "n".repeat(most))).is_ok(), "{name}");
        assert!(asked_of(&app(), &format!("{name}={}", "n".repeat(most + 1))).is_err(), "{name}");
    }
    let many = |count: usize| (0..count).map(|n| format!("s{n}")).collect::<Vec<_>>().join(" ");
    assert_eq!(scope::parse(&many(SCOPES_MAX)).map(|all| all.len()), Ok(SCOPES_MAX));
    assert!(scope::parse(&many(SCOPES_MAX + 1)).is_err());
}

#[test]
fn a_flow_needs_each_of_its_grant_types() {
    let mut app = app();
    let hybrid = |app: &Application| {
        let params = params("response_type=code+token&scope=openid&nonce=n");
        check(&params, app, reply_to(&params, CB.into())).is_ok()
    };
    assert!(hybrid(&app));
    app.settings.oidc.grant_types = vec![GrantType::AuthorizationCode];
    assert!(!hybrid(&app), "a token from the endpoint needs implicit");
    app.settings.oidc.grant_types = vec![GrantType::Implicit];
    assert!(!hybrid(&app), "a code needs authorization_code");
}

fn present() -> Present {
    Present {
        auth_time: Millis(0),
        level: Level::One,
        reachable: Level::One,
        expected: true,
        signed_in: false,
        chosen: false,
        approved: false,
        consent: None,
    }
}

fn needed(query: &str, first_party: bool, present: Present) -> Option<Needs> {
    let situation = Situation { present: Some(present), first_party, now: Millis(1) };
    needs(&asked(query), &situation)
}

#[test]
fn accounts_are_created_and_selected_once() {
    for (query, signed_in, chosen, want) in [
        ("prompt=create", false, false, Some(Needs::SignUp)),
        ("prompt=create", true, false, None),
        ("prompt=create", false, true, None),
        ("prompt=select_account", false, false, Some(Needs::SelectAccount)),
        ("prompt=select_account", true, false, None),
        ("prompt=select_account", false, true, None),
        ("", false, false, None),
    ] {
        let one = Present { signed_in, chosen, ..present() };
        assert_eq!(needed(query, true, one), want, "{query} {signed_in} {chosen}");
    }
}

#[test]
fn consent_covers_what_is_asked_for() {
    let claims = "claims=%7B%22userinfo%22%3A%7B%22email%22%3Anull%2C%22sub%22%3Anull%7D%2C%22id_token%22%3A%7B%22email%22%3Anull%2C%22name%22%3Anull%7D%7D";
    assert_eq!(to_approve(&asked(claims)), "openid claim:email claim:name");
    for (query, first_party, consent, approved, want) in [
        ("", true, None, false, false),
        ("prompt=consent", true, None, false, true),
        ("", false, None, false, true),
        ("", false, Some("openid"), false, false),
        ("", false, Some("profile"), false, true),
        ("prompt=consent", false, Some("openid"), false, true),
        ("prompt=consent", false, Some("openid"), true, false),
        ("prompt=consent", false, None, true, true),
        (claims, false, Some("openid claim:email"), false, true),
        (claims, false, Some("openid claim:email claim:name"), false, false),
    ] {
        let one = Present { consent: consent.map(str::to_owned), approved, ..present() };
        let found = needed(query, first_party, one) == Some(Needs::Consent);
        assert_eq!(found, want, "{query} {first_party} {consent:?} {approved}");
    }
}

#[test]
fn parameters_are_merged_within_their_limits() {
    let before = params("a=1&b=2&c=3&b=4");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let merged = before.merged(&["c"], vec![pair("a", "9"), pair("d", "5")]).expect("merged");
    assert_eq!(merged.to_query(), "b=2&b=4&a=9&d=5");
    assert_eq!(merged.all("b").collect::<Vec<_>>(), ["2", "4"]);
    assert_eq!(merged.bytes(), "b=2&b=4&a=9&d=5&".len());
    // 20,000 bytes are within what a value may have; find the limit from both sides.
    let fits = |name: usize, value: usize| {
        let name = "n".repeat(name);
        let merged = before.merged(&[], vec![pair(&name, &"v".repeat(value))]).is_ok();
        let parsed = Params::parse(format!("{name}={}", "v".repeat(value)).as_bytes()).is_ok();
        assert_eq!(merged, parsed, "both have the same limits: {value}");
        merged
    };
    let most = (1..).map(|n| n * 1024).take_while(|size| fits(1, *size)).last().expect("a limit");
    assert!(fits(1, most) && !fits(1, most + 1), "the limit is a number of KiB: {most}");
    assert!(fits(256, 1) && !fits(257, 1));
    assert!(before.merged(&[], vec![pair("a", "\u{7}")]).is_err());
    let more = |count: usize| (0..count).map(|n| pair(&format!("n{n}"), "v")).collect::<Vec<_>>();
    let empty = Params::default();
    let most = (1..).take_while(|count| empty.merged(&[], more(*count)).is_ok()).last();
    let most = most.expect("a limit");
    let query = |count: usize| (0..count).map(|n| format!("n{n}=v")).collect::<Vec<_>>().join("&");
    assert!(Params::parse(query(most).as_bytes()).is_ok());
    assert!(Params::parse(query(most + 1).as_bytes()).is_err());
    assert!(params("a=1").merged(&[], more(most)).is_err(), "those that stay count as well");
}

#[test]
fn clients_authenticate_in_one_way() {
    let assertion = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhcHAifQ.c2ln";
    let kind = form_urlencoded::byte_serialize(JWT_BEARER.as_bytes()).collect::<String>();
    let good = format!("client_assertion={assertion}&client_assertion_type={kind}");
    let header = Some("Basic YXBwOnNlY3JldA==");
    for (header, query, want) in [
        (None, good.clone(), Some(ClientAuthMethod::PrivateKeyJwt)),
        (None, format!("{good}&client_id=app"), Some(ClientAuthMethod::PrivateKeyJwt)),
        (None, format!("{good}&client_id=other"), None),
        (None, format!("{good}&client_secret=s"), None),
        (header, good.clone(), None),
        (None, format!("client_assertion={assertion}&client_assertion_type=other"), None),
        (None, format!("client_assertion={assertion}&client_id=app"), None),
        (None, format!("client_assertion_type={kind}&client_id=app"), None),
        (header, String::new(), Some(ClientAuthMethod::ClientSecretBasic)),
        (None, "client_id=app".into(), Some(ClientAuthMethod::None)),
    ] {
        let found = credentials(header, &params(&query));
        assert_eq!(found.as_ref().ok().map(|one| one.method), want, "{query}");
        if let Ok(one) = found {
            assert_eq!(one.client_id, "app");
            assert!(format!("{one:?}").starts_with("ClientCredentials(app, "), "{one:?}");
            assert!(!format!("{one:?}").contains("secret,"), "no secret is printed");
        }
    }
}

#[test]
fn redirects_of_native_applications() {
    for (native, implicit, uri, good) in [
        (true, false, "https://app.test/cb", true),
        (true, true, "https://app.test/cb", false),
        (false, true, "https://app.test/cb", true),
        (true, true, "https://localhost/cb", true),
        (true, true, "app.test.native:/cb", true),
        (false, false, "app.test.native:/cb", false),
        (false, true, "http://localhost/cb", false),
        (true, true, "http://localhost/cb", true),
    ] {
        let found = RedirectRules { native, implicit }.check(uri).is_ok();
        assert_eq!(found, good, "{native} {implicit} {uri}");
    }
}

#[test]
fn discovery_says_what_there_is() {
    let endpoints = Endpoints {
        issuer: "https://id.test".into(),
        address: "https://id.test/t/one".into(),
        languages: vec!["en".into()],
    };
    let document = discovery_document(&endpoints, &["own"], (true, true));
    assert_eq!(document["token_endpoint"], "https://id.test/t/one/oauth2/token");
    assert_eq!(document["registration_endpoint"], "https://id.test/t/one/connect/register");
    let scopes: Vec<&str> = SCOPES.into_iter().chain(["own"]).collect();
    assert_eq!(document["scopes_supported"], json!(scopes));
    let has = |name: &str, value: &str| {
        document[name].as_array().is_some_and(|all| all.iter().any(|one| one == value))
    };
    assert!(has("token_endpoint_auth_methods_supported", "none"));
    assert!(has("token_endpoint_auth_methods_supported", "private_key_jwt"));
    assert!(has("introspection_endpoint_auth_methods_supported", "client_secret_basic"));
    assert!(!has("introspection_endpoint_auth_methods_supported", "none"));
    assert!(has("prompt_values_supported", "create"));
    let closed = discovery_document(&endpoints, &[], (false, false));
    assert!(closed.get("registration_endpoint").is_none());
    assert!(!closed["prompt_values_supported"].to_string().contains("create"));
}

#[test]
fn an_introspected_token_says_how_its_user_signed_in() {
    let found = Authentication::of("pwd otp mfa", 7);
    assert_eq!((found.auth_time, found.acr), (Some(7), Some("2")));
    assert_eq!(found.amr, ["pwd", "otp", "mfa"]);
    assert!(Authentication::of("", 7).amr.is_empty());
}

#[test]
fn claims_follow_their_scopes() {
    let none = ClaimsRequest::parse("{}").expect("claims");
    let named = |text: &str| ClaimsRequest::parse(text).expect(text);
    assert!(none.is_empty());
    assert!(!named(r#"{"userinfo":{"email":null}}"#).is_empty());
    assert!(!named(r#"{"id_token":{"email":null}}"#).is_empty());
    let mut user = User::deleted(TenantId::DEFAULT, UserId::from_slice(&[7; 16]).expect("an id"));
    user.family_name = Some("Green".into());
    user.given_name = Some("Alex".into());
    user.email = Some("alex@example.test".into());
    user.profile = r#"{"address":{"country":"NZ"},"phone_number":"+64"}"#.into();
    let claims = |scopes: &str, asked: &ClaimsRequest| -> Map<String, Value> {
        sojourn_oidc::claims::of_user(&user, scopes, &asked.userinfo)
    };
    for (scopes, name, value) in [
        ("profile", "family_name", json!("Green")),
        ("profile", "given_name", json!("Alex")),
        ("email", "email", json!("alex@example.test")),
        ("email", "email_verified", json!(false)),
        ("address", "address", json!({"country": "NZ"})),
        ("phone", "phone_number", json!("+64")),
    ] {
        assert_eq!(claims(scopes, &none).get(name), Some(&value), "{name}");
        let others: Vec<&str> = ["profile", "email", "address", "phone"]
            .into_iter()
            .filter(|one| *one != scopes)
            .collect();
        assert_eq!(claims(&others.join(" "), &none).get(name), None, "{name}");
        let asked = named(&json!({"userinfo": {name: null}}).to_string());
        assert_eq!(claims("openid", &asked).get(name), Some(&value), "{name} by its name");
    }
}

fn registered(more: &Value) -> Result<Map<String, Value>, OAuthError> {
    let mut document = json!({"redirect_uris": [CB]});
    if let (Some(document), Some(more)) = (document.as_object_mut(), more.as_object()) {
        document.extend(more.clone());
    }
    let parsed = registration::parse(document.as_object().expect("an object"))?;
    let mut app = app();
    app.settings = parsed.settings;
    app.backchannel_logout_uri = parsed.backchannel_logout_uri;
    Ok(registration::in_force(&app))
}

#[test]
fn registrations_at_their_bounds() {
    let text = |length: usize| "n".repeat(length);
    let longest = (1..)
        .map(|n| n * 8)
        .take_while(|length| registered(&json!({"client_name": text(*length)})).is_ok())
        .last()
        .expect("a limit");
    assert!(registered(&json!({"client_name": text(longest + 1)})).is_err(), "{longest}");
    assert!(registered(&json!({"contacts": [text(longest)]})).is_ok());
    assert!(registered(&json!({"contacts": [text(longest + 1)]})).is_err());
    let list = |count: usize| json!({"contacts": vec!["a"; count]});
    let most = (1..).take_while(|count| registered(&list(*count)).is_ok()).last().expect("one");
    assert!(registered(&list(most + 1)).is_err() && most >= 10, "{most}");
    let keys = json!({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]});
    for (more, good) in [
        (json!({"default_max_age": 0}), true),
        (json!({"default_max_age": 5}), true),
        (json!({"default_max_age": -1}), false),
        (json!({"logo_uri": "https://app.test/a"}), true),
        (json!({"logo_uri": "http://app.test/a"}), true),
        (json!({"logo_uri": "mailto:a@app.test"}), false),
        (json!({"jwks_uri": "http://localhost/keys"}), true),
        (json!({"jwks_uri": "http://app.test/keys"}), false),
        (json!({"jwks_uri": "https://app.test/keys"}), true),
        (json!({"redirect_uris": [], "grant_types": ["client_credentials"]}), true),
        (json!({"redirect_uris": [], "grant_types": ["implicit"]}), false),
        (json!({"redirect_uris": [], "grant_types": ["authorization_code"]}), false),
        (json!({"redirect_uris": []}), false),
        (json!({"redirect_uris": [], "grant_types": []}), false),
        (
            json!({"subject_type": "pairwise", "redirect_uris": [CB, "https://app.test/other"]}),
            true,
        ),
        (json!({"subject_type": "pairwise", "redirect_uris": [CB, "https://b.test/cb"]}), false),
        (
            json!({
                "subject_type": "pairwise", "redirect_uris": [CB, "https://b.test/cb"],
                "sector_identifier_uri": "https://app.test/sector",
            }),
            true,
        ),
        (json!({"redirect_uris": [CB, "https://b.test/cb"]}), true),
        (json!({"request_object_signing_alg": "ES256"}), true),
        (json!({"request_object_signing_alg": "HS256"}), true),
        (json!({"request_object_signing_alg": "none"}), true),
        (json!({"request_object_signing_alg": "HS1"}), false),
        (json!({"token_endpoint_auth_signing_alg": "none"}), false),
        (json!({"token_endpoint_auth_signing_alg": "ES256"}), true),
        (
            json!({
                "token_endpoint_auth_method": "private_key_jwt", "jwks": keys,
                "token_endpoint_auth_signing_alg": "ES256",
            }),
            true,
        ),
        (
            json!({
                "token_endpoint_auth_method": "private_key_jwt", "jwks": keys,
                "token_endpoint_auth_signing_alg": "HS256",
            }),
            false,
        ),
        (
            json!({
                "token_endpoint_auth_method": "client_secret_jwt",
                "token_endpoint_auth_signing_alg": "HS256",
            }),
            true,
        ),
    ] {
        assert_eq!(registered(&more).is_ok(), good, "{more}");
    }
}

#[test]
fn a_registration_shows_what_is_in_force() {
    for (more, types, grants) in [
        (json!({}), json!(["code"]), json!(["authorization_code"])),
        (
            json!({"response_types": ["id_token"]}),
            json!(["id_token"]),
            json!(["authorization_code", "implicit"]),
        ),
        (
            json!({"response_types": ["code token"], "grant_types": ["refresh_token"]}),
            json!(["code token"]),
            json!(["refresh_token", "authorization_code", "implicit"]),
        ),
        (
            json!({"response_types": ["code"], "grant_types": ["refresh_token"]}),
            json!(["code"]),
            json!(["refresh_token", "authorization_code"]),
        ),
        (
            json!({"grant_types": ["implicit"]}),
            json!(["code"]),
            json!(["implicit", "authorization_code"]),
        ),
    ] {
        let found = registered(&more).expect("registered");
        assert_eq!((&found["response_types"], &found["grant_types"]), (&types, &grants), "{more}");
        assert_eq!(found["client_id"], "app");
        assert_eq!(found["redirect_uris"], json!([CB]));
        assert!(!found.contains_key("contacts") && !found.contains_key("logo_uri"), "{found:?}");
    }
    // Without a browser there is no response type; left out, it would mean `code`.
    let found = registered(&json!({"redirect_uris": [], "grant_types": ["client_credentials"]}));
    assert_eq!(found.expect("registered")["response_types"], json!([]));
}
