//! One table row for each reason.

use super::*;
use crate::authorize::Prompt;
use crate::authorize::Unmet;
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
        unmet: None,
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
    for (unmet, level, reachable, want) in [
        (None, One, Two, None),
        (None, Two, Two, None),
        (Some((Two, true)), One, Two, Some(Needs::StepUp(Two))),
        // The session has the level, but not by what the organisation counts.
        (Some((Two, true)), Two, Two, Some(Needs::StepUp(Two))),
        (Some((One, true)), One, One, Some(Needs::StepUp(One))),
        // A user without a second factor is asked to add one at the sign-in.
        (Some((Two, false)), One, One, Some(Needs::SignIn(SignInReason::Level))),
    ] {
        let unmet = unmet.map(|(level, in_reach)| Unmet { level, in_reach });
        let asked = AuthorizeRequest { unmet, ..request("", None) };
        let mut there = situation(Some(99_000), true);
        let present = there.present.as_mut().expect("there");
        (present.level, present.reachable) = (level, reachable);
        assert_eq!(needs(&asked, &there), want, "{unmet:?} {level:?} {reachable:?}");
    }
}
