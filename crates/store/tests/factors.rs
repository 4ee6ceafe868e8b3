//! Second factors and recovery codes, on both databases.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use sojourn_model::limits::FACTORS_MAX;
use sojourn_model::{
    ChangeSet, EndTarget, Factor, FactorChange, FactorId, FactorKind, Millis, Op, Outcome,
    TrustedBrowser, UserId,
};
use sojourn_testkit::store::{Engine, NOW, T, TestStore, bytes, end_of, session};

fn factor(user: UserId, id: u8, added_at: Millis) -> Factor {
    Factor {
        id: FactorId::from_slice(&[id; 16]).expect("an id"),
        user,
        kind: FactorKind::Totp,
        name: format!("phone {id}"),
        secret: vec![id; 40],
        step: 10,
        added_at,
        used_at: None,
    }
}

async fn applied(test: &TestStore, change: FactorChange) -> bool {
    let outcome = test.store.apply(ChangeSet::of(T, Op::Factor(change))).await.expect("applied");
    matches!(outcome, Outcome::Applied(_))
}

fn add(factor: Factor, epoch: i64) -> FactorChange {
    FactorChange::Add { factor, epoch, session: None }
}

async fn counted(test: &TestStore, user: UserId) -> (i64, i64, i64) {
    let account = test.store.user(T, user).await.expect("read").expect("there");
    let left = test.store.recovery_codes_left(T, user).await.expect("read");
    (account.factors, left, account.epoch)
}

#[tokio::test]
async fn factors_are_counted_used_once_and_go_with_their_codes() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let (alex, ben) = (test.user("alex").await, test.user("ben").await);
        let (first, second) = (factor(alex, 1, NOW), factor(alex, 2, NOW.plus(5)));
        assert!(applied(&test, add(first.clone(), 0)).await);
        assert!(!applied(&test, add(first.clone(), 0)).await, "it is there");
        assert!(applied(&test, add(second.clone(), 0)).await);
        assert!(!applied(&test, add(factor(session(alex).user, 1, NOW), 0)).await);
        let codes = [bytes::<32>(), bytes()];
        let put = FactorChange::PutRecoveryCodes {
            user: alex,
            hashes: codes.to_vec(),
            at: NOW,
            epoch: 0,
        };
        assert!(applied(&test, put).await);
        assert_eq!(counted(&test, alex).await, (2, 2, 0), "{engine:?}");
        assert_eq!(
            test.store.factors_of(T, alex).await.expect("read"),
            [first.clone(), second.clone()]
        );
        let uses = |user, step| {
            let at = NOW.plus(step);
            FactorChange::Use { user, factor: first.id, step, at }
        };
        for (user, step, want) in [
            (alex, 10, false),
            (alex, 11, true),
            (alex, 11, false),
            (alex, 9, false),
            (ben, 12, false),
        ] {
            assert_eq!(applied(&test, uses(user, step)).await, want, "{engine:?} {step}");
        }
        let used = test.store.factors_of(T, alex).await.expect("read");
        assert_eq!((used[0].step, used[0].used_at), (11, Some(NOW.plus(11))));
        let code = |user, hash| FactorChange::UseRecoveryCode { user, hash };
        assert!(!applied(&test, code(ben, codes[0])).await, "it is somebody else's");
        assert!(applied(&test, code(alex, codes[0])).await);
        assert!(!applied(&test, code(alex, codes[0])).await, "it is used up");
        assert!(!applied(&test, FactorChange::Remove { user: ben, factor: first.id }).await);
        assert!(applied(&test, FactorChange::Remove { user: alex, factor: first.id }).await);
        assert_eq!(counted(&test, alex).await, (1, 1, 1), "the epoch moves, the code stays");
        let since = FactorChange::RemoveSince { user: alex, since: NOW.plus(6), named: Vec::new() };
        assert!(applied(&test, since).await);
        assert_eq!(counted(&test, alex).await.0, 1, "that one is older");
        let since = FactorChange::RemoveSince { user: alex, since: NOW.plus(5), named: Vec::new() };
        assert!(applied(&test, since).await);
        assert_eq!(counted(&test, alex).await, (0, 0, 3), "codes go with the last factor");
    }
}

#[tokio::test]
async fn factors_are_added_in_living_sessions_and_as_many_as_may_be() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let alex = test.user("alex").await;
        let own = test.session(alex).await;
        let in_it = |id, session| FactorChange::Add {
            factor: factor(alex, id, NOW),
            epoch: 0,
            session: Some(session),
        };
        let other = session(alex).id;
        assert!(!applied(&test, in_it(1, other)).await, "{engine:?}: there is no such session");
        assert!(applied(&test, in_it(1, own)).await, "{engine:?}");
        let end = end_of(EndTarget::Session(alex, own));
        test.must(ChangeSet::of(T, Op::EndSessions(end))).await;
        assert!(!applied(&test, in_it(2, own)).await, "{engine:?}: it has ended");
        let adds = |id| applied(&test, add(factor(alex, id, NOW), 0));
        let all = futures_util::future::join_all((2..40).map(adds)).await;
        assert_eq!(all.iter().filter(|added| **added).count(), FACTORS_MAX - 1, "{engine:?}");
        let named = vec![factor(alex, 1, NOW).id, factor(alex, 200, NOW).id];
        let since = FactorChange::RemoveSince { user: alex, since: NOW.plus(1), named };
        assert!(applied(&test, since).await);
        let there = i64::try_from(FACTORS_MAX - 1).expect("few");
        assert_eq!(counted(&test, alex).await, (there, 0, 1), "{engine:?}: that one alone");
    }
}

#[tokio::test]
async fn a_code_is_used_by_one_of_many() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let alex = test.user("alex").await;
        let one = factor(alex, 1, NOW);
        let id = one.id;
        assert!(applied(&test, add(one, 0)).await);
        let uses =
            |_| applied(&test, FactorChange::Use { user: alex, factor: id, step: 11, at: NOW });
        let all = futures_util::future::join_all((0..16).map(uses)).await;
        assert_eq!(all.iter().filter(|used| **used).count(), 1, "{engine:?}");
        let removes = |_| applied(&test, FactorChange::Remove { user: alex, factor: id });
        let all = futures_util::future::join_all((0..8).map(removes)).await;
        assert_eq!(all.iter().filter(|removed| **removed).count(), 1, "{engine:?}");
        assert_eq!(counted(&test, alex).await.0, 0);
    }
}

#[tokio::test]
async fn an_account_takes_them_with_it() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let alex = test.user("alex").await;
        assert!(applied(&test, add(factor(alex, 1, NOW), 0)).await);
        let hashes = vec![bytes()];
        assert!(
            applied(
                &test,
                FactorChange::PutRecoveryCodes { user: alex, hashes, at: NOW, epoch: 0 }
            )
            .await
        );
        test.must(ChangeSet::of(T, Op::DeleteUser { user: alex })).await;
        assert!(test.store.factors_of(T, alex).await.expect("read").is_empty());
        assert_eq!(test.store.recovery_codes_left(T, alex).await, Ok(0));
        assert!(!applied(&test, add(factor(alex, 2, NOW), 0)).await, "it is gone");
    }
}

#[tokio::test]
async fn a_browser_is_trusted_until_its_time_or_a_change_of_the_account() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let (alex, ben) = (test.user("alex").await, test.user("ben").await);
        let (browser, other) = (bytes::<32>(), bytes::<32>());
        let trust = |browser, epoch| {
            let trusted = TrustedBrowser {
                user: alex,
                browser,
                user_agent: "a browser".into(),
                since: NOW,
                until: NOW.plus(100),
                used_at: None,
            };
            FactorChange::Trust { trusted, epoch }
        };
        let uses = |user, browser, ms| FactorChange::UseTrust { user, browser, at: NOW.plus(ms) };
        let listed = async || test.store.trusted_browsers(T, alex, NOW, 10).await.expect("read");
        assert!(applied(&test, trust(browser, 0)).await && applied(&test, trust(other, 0)).await);
        for (user, browser, ms, want) in [
            (alex, browser, 99, true),
            (alex, browser, 100, false),
            (ben, browser, 1, false),
            (alex, bytes(), 1, false),
        ] {
            assert_eq!(applied(&test, uses(user, browser, ms)).await, want, "{engine:?} {ms}");
            let times = |after, until| (NOW.plus(ms), NOW.plus(after), NOW.plus(until));
            let is = async |times| test.store.is_trusted(T, user, browser, times).await;
            assert_eq!(is(times(-1, 0)).await, Ok(want), "{engine:?} {ms}");
            // For a shorter time by now, or by a clock that was ahead.
            assert_eq!(is(times(0, 0)).await, Ok(false), "{engine:?} {ms}");
            assert_eq!(is(times(-1, -1)).await, Ok(false), "{engine:?} {ms}");
        }
        let used = listed().await.into_iter().find(|one| one.browser == browser);
        assert_eq!(used.and_then(|one| one.used_at), Some(NOW.plus(99)));
        let untrust = |browser| FactorChange::Untrust { user: alex, browser };
        assert!(applied(&test, untrust(Some(browser))).await);
        assert!(!applied(&test, uses(alex, browser, 1)).await, "{engine:?}: no longer");
        assert_eq!(listed().await.len(), 1);
        // What happens to the account makes it void: a password, a factor, recovery codes.
        let due = Op::DuePassword { user: alex, due: sojourn_model::PasswordDue::AtSignIn };
        test.must(ChangeSet::of(T, due)).await;
        assert!(!applied(&test, uses(alex, other, 1)).await && listed().await.is_empty());
        assert!(!applied(&test, trust(other, 0)).await, "{engine:?}: something happened since");
        assert!(!applied(&test, add(factor(alex, 1, NOW), 0)).await, "{engine:?}: the same");
        let hashes = vec![bytes()];
        let put = |epoch| FactorChange::PutRecoveryCodes {
            user: alex,
            hashes: hashes.clone(),
            at: NOW,
            epoch,
        };
        assert!(!applied(&test, put(0)).await, "{engine:?}: the same");
        for (epoch, change) in [
            (1, add(factor(alex, 1, NOW), 1)),
            (1, put(1)),
            (1, FactorChange::Remove { user: alex, factor: factor(alex, 1, NOW).id }),
            (2, untrust(None)),
        ] {
            assert!(applied(&test, trust(other, epoch)).await && listed().await.len() == 1);
            assert!(applied(&test, change.clone()).await);
            assert!(listed().await.is_empty(), "{engine:?} {change:?}");
        }
        // A conflict takes everything with it that was to happen with the use.
        let change = ChangeSet::of(T, Op::Factor(uses(alex, other, 1)))
            .with(Op::Factor(add(factor(alex, 9, NOW), 2)));
        let outcome = test.store.apply(change).await.expect("applied");
        assert!(matches!(outcome, Outcome::Conflict), "{outcome:?}");
        assert!(test.store.factors_of(T, alex).await.expect("read").is_empty());
        assert!(applied(&test, trust(other, 2)).await);
        test.must(ChangeSet::of(T, Op::DeleteUser { user: alex })).await;
        assert_eq!(test.count("trusted_browser").await, 0, "{engine:?}");
    }
}

#[tokio::test]
async fn a_credential_belongs_to_one_account() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let (alex, ben) = (test.user("alex").await, test.user("ben").await);
        let key = Factor { kind: FactorKind::Passkey, ..factor(alex, 1, NOW) };
        assert!(applied(&test, add(key.clone(), 0)).await);
        let taken = Factor { user: ben, ..key.clone() };
        assert!(!applied(&test, add(taken, 0)).await, "{engine:?}");
        assert_eq!(test.store.factor(T, key.id).await, Ok(Some(key.clone())));
        assert_eq!(counted(&test, alex).await.0, 0, "a passkey isn't asked for after a password");
        let uses = |user, counter, secret| FactorChange::UseKey {
            user,
            factor: key.id,
            counter,
            at: NOW,
            secret,
        };
        assert!(!applied(&test, uses(ben, 5, None)).await, "{engine:?}: somebody else's");
        assert!(applied(&test, uses(alex, 5, None)).await);
        assert!(applied(&test, uses(alex, 3, Some(vec![9]))).await, "wherever it stands");
        let name = "Laptop".to_owned();
        assert!(applied(&test, FactorChange::Rename { user: alex, factor: key.id, name }).await);
        let now = test.store.factor(T, key.id).await.expect("read").expect("there");
        assert_eq!((now.step, &*now.secret, &*now.name), (3, &[9][..], "Laptop"));
        assert!(applied(&test, FactorChange::Remove { user: alex, factor: key.id }).await);
        assert_eq!(test.store.factor(T, key.id).await, Ok(None));
    }
}
