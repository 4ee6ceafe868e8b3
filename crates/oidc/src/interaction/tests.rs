//! One table row for each reason.

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
            create: prompt == "create",
        },
        max_age,
        login_hint: None,
        id_token_hint: None,
        claims: ClaimsRequest::default(),
        acr_values: vec![],
        least_level: Level::One,
    }
}

/// A session with this authentication time, if any; `signed_in` says whether the user signed in for the
/// request.
fn situation(auth_time: Option<i64>, signed_in: bool) -> Situation {
    Situation {
        present: auth_time.map(|at| Present {
            auth_time: Millis(at),
            level: Level::One,
            reachable: Level::One,
            expected: true,
            signed_in,
            chosen: false,
            approved: false,
            consent: None,
        }),
        first_party: true,
        now: Millis(100_000),
    }
}

#[test]
fn core_3_1_2_3_reasons_to_sign_in() {
    use SignInReason as R;
    for (prompt, max_age, auth_time, signed_in, want) in [
        ("", None, None, false, Some(R::NoSession)),
        ("none", None, None, false, Some(R::NoSession)),
        ("", None, Some(0), false, None),
        ("login", None, Some(99_000), false, Some(R::Prompt)),
        ("login", None, Some(99_000), true, None),
        ("", Some(10), Some(90_000), false, None),
        ("", Some(10), Some(89_999), false, Some(R::TooOld)),
        ("", Some(0), Some(100_000), false, Some(R::TooOld)),
        ("", Some(0), Some(100_000), true, None),
    ] {
        let got = needs(&request(prompt, max_age), &situation(auth_time, signed_in));
        let label = format!("{prompt} {max_age:?} {auth_time:?} {signed_in}");
        assert_eq!(got, want.map(Needs::SignIn), "{label}");
    }
    let mut other = situation(Some(99_000), true);
    other.present.as_mut().expect("there").expected = false;
    assert_eq!(needs(&request("", None), &other), Some(Needs::SignIn(R::OtherPerson)));
}

#[test]
fn core_5_5_1_1_a_level_is_reached_where_the_person_has_a_way_to_it() {
    use Level::{One, Two};
    // `values` is `acr_values`, `claim` the values of the claim `acr`, and `essential` belongs to the claim.
    for (values, claim, essential, level, reachable, want, out_of_reach) in [
        ("", "", false, One, Two, false, false),
        ("2", "", false, One, Two, true, false),
        ("2", "", false, Two, Two, false, false),
        ("2", "", false, One, One, false, false),
        ("2 1", "", false, One, One, false, false),
        ("1 2", "", false, One, Two, false, false),
        ("other 2", "", false, One, Two, true, false),
        ("1", "2", true, One, Two, true, false),
        ("", "2", true, One, One, false, true),
        ("", "2", false, One, One, false, false),
        ("", "other", true, Two, Two, false, true),
        ("", "1 2", true, One, One, false, false),
    ] {
        let mut asked = request("", None);
        asked.acr_values = values.split_whitespace().map(str::to_owned).collect();
        if !claim.is_empty() {
            let claim: Vec<&str> = claim.split(' ').collect();
            let text =
                serde_json::json!({"id_token": {"acr": {"essential": essential, "values": claim}}});
            asked.claims = ClaimsRequest::parse(&text.to_string()).expect("claims");
        }
        let mut there = situation(Some(99_000), true);
        let present = there.present.as_mut().expect("there");
        (present.level, present.reachable) = (level, reachable);
        let label = format!("{values} {claim} {level:?} {reachable:?}");
        assert_eq!(matches!(needs(&asked, &there), Some(Needs::StepUp(_))), want, "{label}");
        assert_eq!(is_out_of_reach(&asked, reachable), out_of_reach, "{label}");
    }
}

#[test]
fn a_level_that_the_organisation_demands_is_reached_or_a_sign_in_leads_to_it() {
    use Level::{One, Two};
    for (least, level, reachable, want) in [
        (One, One, Two, None),
        (Two, Two, Two, None),
        (Two, One, Two, Some(Needs::StepUp(Two))),
        // A user without a second factor is asked to add one at the sign-in.
        (Two, One, One, Some(Needs::SignIn(SignInReason::Level))),
    ] {
        let asked = AuthorizeRequest { least_level: least, ..request("", None) };
        let mut there = situation(Some(99_000), true);
        let present = there.present.as_mut().expect("there");
        (present.level, present.reachable) = (level, reachable);
        assert_eq!(needs(&asked, &there), want, "{least:?} {level:?} {reachable:?}");
    }
}

#[test]
fn initiating_user_registration_4_until_somebody_is_there() {
    for nobody in [situation(None, false), situation(Some(99_000), false)] {
        assert_eq!(needs(&request("create", None), &nobody), Some(Needs::SignUp));
    }
    assert_eq!(needs(&request("create", None), &situation(Some(99_000), true)), None);
    let mut chosen = situation(Some(99_000), false);
    chosen.present.as_mut().expect("somebody").chosen = true;
    assert_eq!(needs(&request("create", None), &chosen), None);
    assert_eq!(Needs::SignUp.error().code, "login_required");
}

#[test]
fn core_3_1_2_1_select_account_until_one_is_chosen() {
    let mut asked = situation(Some(0), false);
    assert_eq!(needs(&request("select_account", None), &asked), Some(Needs::SelectAccount));
    asked.present.as_mut().expect("there").chosen = true;
    assert_eq!(needs(&request("select_account", None), &asked), None);
    let signed_in = situation(Some(99_000), true);
    assert_eq!(needs(&request("select_account", None), &signed_in), None);
}

#[test]
fn core_3_1_2_4_consent() {
    let third = |consent: Option<&str>, approved: bool| {
        let mut situation = situation(Some(0), false);
        situation.first_party = false;
        let present = situation.present.as_mut().expect("there");
        present.consent = consent.map(str::to_owned);
        present.approved = approved;
        situation
    };
    let plain = request("", None);
    assert_eq!(needs(&plain, &third(None, false)), Some(Needs::Consent));
    assert_eq!(needs(&plain, &third(Some("openid"), false)), Some(Needs::Consent));
    assert_eq!(needs(&plain, &third(Some("openid profile email"), false)), None);
    let mut named = plain;
    named.claims = ClaimsRequest::parse(r#"{"userinfo":{"phone_number":null}}"#).expect("fine");
    let all = "openid profile claim:phone_number";
    assert_eq!(needs(&named, &third(Some("openid profile"), false)), Some(Needs::Consent));
    assert_eq!(needs(&named, &third(Some(all), false)), None);
    let again = request("consent", None);
    assert_eq!(needs(&again, &third(Some("openid profile"), false)), Some(Needs::Consent));
    assert_eq!(needs(&again, &third(Some("openid profile"), true)), None);
    let less = third(Some("openid"), true);
    assert_eq!(needs(&again, &less), Some(Needs::Consent), "approved, but less than this");
    let own = situation(Some(0), false);
    assert_eq!(needs(&again, &own), Some(Needs::Consent), "asked for, even by an own application");
}
