//! Tests of which policy applies.

use super::*;

#[test]
fn overrides_stand_over_the_tenant_and_the_strictest_of_them_wins() {
    let idle = |ms| SessionPolicy { idle_timeout_ms: Some(ms), ..SessionPolicy::default() };
    let nothing = SessionPolicy::default();
    let default = Lifetimes::default();
    for (tenant, others, want) in [
        (nothing, vec![], default.idle_ms),
        (idle(5), vec![], 5),
        (idle(5), vec![nothing], 5),
        (idle(5), vec![idle(9)], 9),
        (idle(5), vec![idle(9), idle(7), nothing], 7),
        (nothing, vec![idle(9)], 9),
    ] {
        let found = EffectivePolicy::of(&default, &tenant, &others, Millis(0));
        assert_eq!(found.idle_timeout_ms, want, "{tenant:?} {others:?}");
    }
    let limit = |max_sessions, at_limit| SessionPolicy {
        max_sessions: Some(max_sessions),
        at_limit: Some(at_limit),
        ..SessionPolicy::default()
    };
    let others = [limit(3, AtLimit::Ask), limit(2, AtLimit::EndOldest)];
    let found = EffectivePolicy::of(&default, &limit(9, AtLimit::Deny), &others, Millis(0));
    assert_eq!((found.max_sessions, found.at_limit), (Some(2), AtLimit::Ask));
    assert_eq!((found.absolute_lifetime_ms, found.on_role_change), (None, OnRoleChange::Nothing));
    assert_eq!(found.on_password_change, OnPasswordChange::All);
}

#[test]
fn what_is_not_known_is_refused() {
    let read = serde_json::from_str::<SessionPolicy>;
    assert!(read(r#"{"at_limit":"end_oldest","max_sessions":3}"#).is_ok());
    assert!(read(r#"{"at_limit":"explode"}"#).is_err());
    assert!(read(r#"{"idle":3}"#).is_err());
}

#[test]
fn a_grace_is_for_users_without_a_factor_and_ends() {
    let default = Lifetimes::default();
    let demand = |factor, before, since: i64, grace: i64| SessionPolicy {
        second_factor: Some(factor),
        second_factor_since: Some(Millis(since)),
        second_factor_before: Some(before),
        enrolment_grace_ms: Some(grace),
        ..SessionPolicy::default()
    };
    let at_once =
        |factor| SessionPolicy { second_factor: Some(factor), ..SessionPolicy::default() };
    use SecondFactor::{Optional, PhishingResistant as Strong, Required};
    for (tenant, others, now, all, without_one, until) in [
        (demand(Required, Optional, 100, 50), vec![], 149, Required, Optional, Some(150)),
        (demand(Required, Optional, 100, 50), vec![], 150, Required, Required, None),
        (at_once(Required), vec![], 1, Required, Required, None),
        // What was in force stays in force.
        (demand(Strong, Required, 100, 50), vec![], 120, Strong, Required, Some(150)),
        // Policies that override the tenant's do so during their grace as well, and after the tenant's.
        (
            at_once(Required),
            vec![demand(Strong, Optional, 100, 50)],
            120,
            Strong,
            Optional,
            Some(150),
        ),
        (
            demand(Required, Optional, 100, 20),
            vec![demand(Required, Optional, 100, 50)],
            130,
            Required,
            Optional,
            Some(150),
        ),
        (
            at_once(Strong),
            vec![demand(Required, Optional, 100, 50)],
            120,
            Required,
            Optional,
            Some(150),
        ),
        // A demand without a grace beside one with it.
        (demand(Strong, Optional, 100, 50), vec![at_once(Required)], 120, Required, Required, None),
        (
            SessionPolicy::default(),
            vec![at_once(Required), demand(Strong, Optional, 100, 50)],
            120,
            Strong,
            Required,
            Some(150),
        ),
    ] {
        let found = EffectivePolicy::of(&default, &tenant, &others, Millis(now));
        assert_eq!(found.second_factor, all, "{tenant:?} {others:?}");
        assert_eq!(found.second_factor_without_one, without_one, "{tenant:?} {others:?}");
        assert_eq!(found.grace_until, until.map(Millis), "{tenant:?} {others:?}");
    }
}

#[test]
fn a_grace_begins_once_and_suspends_nothing_that_is_in_force() {
    use SecondFactor::{Optional, PhishingResistant as Strong, Required};
    let with = |factor, grace| SessionPolicy {
        second_factor: Some(factor),
        enrolment_grace_ms: grace,
        ..SessionPolicy::default()
    };
    let record =
        |one: &SessionPolicy| (one.second_factor_since.map(|at| at.0), one.second_factor_before);
    let first = with(Required, Some(50)).replacing(&SessionPolicy::default(), Millis(100));
    assert_eq!(record(&first), (Some(100), Some(Optional)));
    let again = with(Required, Some(60)).replacing(&first, Millis(120));
    assert_eq!(record(&again), (Some(100), Some(Optional)));
    // Stricter during the grace, and after it.
    let stricter = with(Strong, Some(50)).replacing(&first, Millis(120));
    assert_eq!(record(&stricter), (Some(120), Some(Optional)));
    let stricter = with(Strong, Some(50)).replacing(&first, Millis(160));
    assert_eq!(record(&stricter), (Some(160), Some(Required)));
    // Weaker again: the time of the stricter one goes on.
    let weaker = with(Required, Some(50)).replacing(&stricter, Millis(170));
    assert_eq!(record(&weaker), (Some(160), Some(Required)));
    assert_eq!(weaker.grace_until(Millis(170)), None);
    // A grace for what has long been in force gives nothing.
    let late = with(Required, Some(50)).replacing(&with(Required, None), Millis(100));
    assert_eq!(late.grace_until(Millis(101)), None);
    assert_eq!(record(&with(Required, None).replacing(&first, Millis(120))), (None, None));
}
