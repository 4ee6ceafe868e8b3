//! One row for each reason.

use super::*;
use crate::authorize::Prompt;
use crate::claims_request::ClaimsRequest;
use crate::response::{ReplyTo, ResponseMode, ResponseType};

fn request(prompt: &str, max_age: Option<i64>) -> AuthorizeRequest {
    AuthorizeRequest {
        reply: ReplyTo { redirect_uri: String::new(), mode: ResponseMode::Query, state: None },
        response_type: ResponseType::CODE,
        scopes: vec!["openid".into(), "profile".into()],
        nonce: None,
        challenge: None,
        prompt: Prompt {
            none: prompt == "none",
            login: prompt == "login",
            consent: prompt == "consent",
            select_account: prompt == "select_account",
        },
        max_age,
        login_hint: None,
        id_token_hint: None,
        claims: ClaimsRequest::default(),
        acr_values: vec![],
    }
}

fn situation(auth_time: Option<i64>, asked_at: Option<i64>) -> Situation {
    Situation {
        present: auth_time.map(|at| Present {
            auth_time: Millis(at),
            expected: true,
            chosen: false,
            consent: None,
        }),
        asked_at: asked_at.map(Millis),
        first_party: true,
        now: Millis(100_000),
    }
}

#[test]
fn core_3_1_2_3_reasons_to_sign_in() {
    use SignInReason as R;
    for (prompt, max_age, auth_time, asked_at, want) in [
        ("", None, None, None, Some(R::NoSession)),
        ("none", None, None, None, Some(R::NoSession)),
        ("", None, Some(0), None, None),
        ("login", None, Some(99_000), None, Some(R::Prompt)),
        ("login", None, Some(99_000), Some(98_000), None),
        ("login", None, Some(97_000), Some(98_000), Some(R::Prompt)),
        ("", Some(10), Some(90_000), None, None),
        ("", Some(10), Some(89_999), None, Some(R::TooOld)),
        ("", Some(0), Some(100_000), None, Some(R::TooOld)),
        ("", Some(0), Some(100_000), Some(100_000), None),
    ] {
        let got = needs(&request(prompt, max_age), &situation(auth_time, asked_at));
        let label = format!("{prompt} {max_age:?} {auth_time:?} {asked_at:?}");
        assert_eq!(got, want.map(Needs::SignIn), "{label}");
    }
    let mut other = situation(Some(99_000), Some(98_000));
    other.present.as_mut().expect("there").expected = false;
    assert_eq!(needs(&request("", None), &other), Some(Needs::SignIn(R::OtherPerson)));
}

#[test]
fn core_3_1_2_1_select_account_until_one_is_chosen() {
    let mut asked = situation(Some(0), Some(98_000));
    assert_eq!(needs(&request("select_account", None), &asked), Some(Needs::SelectAccount));
    asked.present.as_mut().expect("there").chosen = true;
    assert_eq!(needs(&request("select_account", None), &asked), None);
    let signed_in = situation(Some(99_000), Some(98_000));
    assert_eq!(needs(&request("select_account", None), &signed_in), None);
}

#[test]
fn core_3_1_2_4_consent() {
    let third = |consent: Option<(&str, i64)>| {
        let mut situation = situation(Some(0), Some(98_000));
        situation.first_party = false;
        situation.present.as_mut().expect("there").consent =
            consent.map(|(scopes, at)| (scopes.to_owned(), Millis(at)));
        situation
    };
    let plain = request("", None);
    assert_eq!(needs(&plain, &third(None)), Some(Needs::Consent));
    assert_eq!(needs(&plain, &third(Some(("openid", 0)))), Some(Needs::Consent));
    assert_eq!(needs(&plain, &third(Some(("openid profile email", 0)))), None);
    let mut named = plain;
    named.claims = ClaimsRequest::parse(r#"{"userinfo":{"phone_number":null}}"#).expect("fine");
    let all = "openid profile claim:phone_number";
    assert_eq!(needs(&named, &third(Some(("openid profile", 0)))), Some(Needs::Consent));
    assert_eq!(needs(&named, &third(Some((all, 0)))), None);
    let again = request("consent", None);
    let approved = |at| third(Some(("openid profile", at)));
    assert_eq!(needs(&again, &approved(97_000)), Some(Needs::Consent));
    assert_eq!(needs(&again, &approved(98_000)), None);
    let own = situation(Some(0), None);
    assert_eq!(needs(&again, &own), Some(Needs::Consent), "asked for, even by an own application");
}
