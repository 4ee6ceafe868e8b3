//! Second factors and recovery codes, on both databases.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use sojourn_model::{
    ChangeSet, Factor, FactorChange, FactorId, FactorKind, Millis, Op, Outcome, TrustedBrowser,
    UserId,
};
use sojourn_testkit::store::{Engine, NOW, T, TestStore, bytes, session};

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
        assert!(applied(&test, FactorChange::Add(first.clone())).await);
        assert!(!applied(&test, FactorChange::Add(first.clone())).await, "it is there");
        assert!(applied(&test, FactorChange::Add(second.clone())).await);
        assert!(!applied(&test, FactorChange::Add(factor(session(alex).user, 1, NOW))).await);
        let codes = [bytes::<32>(), bytes()];
        let put = FactorChange::PutRecoveryCodes { user: alex, hashes: codes.to_vec(), at: NOW };
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
        let since = FactorChange::RemoveSince { user: alex, since: NOW.plus(6) };
        assert!(applied(&test, since).await);
        assert_eq!(counted(&test, alex).await.0, 1, "that one is older");
        let since = FactorChange::RemoveSince { user: alex, since: NOW.plus(5) };
        assert!(applied(&test, since).await);
        assert_eq!(counted(&test, alex).await, (0, 0, 3), "codes go with the last factor");
    }
}

#[tokio::test]
async fn a_code_is_used_by_one_of_many() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let alex = test.user("alex").await;
        let one = factor(alex, 1, NOW);
        let id = one.id;
        assert!(applied(&test, FactorChange::Add(one)).await);
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
        assert!(applied(&test, FactorChange::Add(factor(alex, 1, NOW))).await);
        let hashes = vec![bytes()];
        assert!(
            applied(&test, FactorChange::PutRecoveryCodes { user: alex, hashes, at: NOW }).await
        );
        test.must(ChangeSet::of(T, Op::DeleteUser { user: alex })).await;
        assert!(test.store.factors_of(T, alex).await.expect("read").is_empty());
        assert_eq!(test.store.recovery_codes_left(T, alex).await, Ok(0));
        assert!(!applied(&test, FactorChange::Add(factor(alex, 2, NOW))).await, "it is gone");
    }
}

#[tokio::test]
async fn a_browser_is_trusted_until_its_time_or_a_change_of_the_account() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let (alex, ben) = (test.user("alex").await, test.user("ben").await);
        let (browser, other) = (bytes::<32>(), bytes::<32>());
        let trust = |browser| {
            FactorChange::Trust(TrustedBrowser {
                user: alex,
                browser,
                user_agent: "a browser".into(),
                since: NOW,
                until: NOW.plus(100),
                used_at: None,
            })
        };
        let uses = |user, browser, ms| FactorChange::UseTrust { user, browser, at: NOW.plus(ms) };
        let listed = async || test.store.trusted_browsers(T, alex, NOW, 10).await.expect("read");
        assert!(applied(&test, trust(browser)).await && applied(&test, trust(other)).await);
        for (user, browser, ms, want) in [
            (alex, browser, 99, true),
            (alex, browser, 100, false),
            (ben, browser, 1, false),
            (alex, bytes(), 1, false),
        ] {
            assert_eq!(applied(&test, uses(user, browser, ms)).await, want, "{engine:?} {ms}");
            let is = test.store.is_trusted(T, user, browser, NOW.plus(ms)).await;
            assert_eq!(is, Ok(want), "{engine:?} {ms}");
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
        let hashes = vec![bytes()];
        for change in [
            FactorChange::Add(factor(alex, 1, NOW)),
            FactorChange::PutRecoveryCodes { user: alex, hashes, at: NOW },
            FactorChange::Remove { user: alex, factor: factor(alex, 1, NOW).id },
            untrust(None),
        ] {
            assert!(applied(&test, trust(other)).await && listed().await.len() == 1);
            assert!(applied(&test, change.clone()).await);
            assert!(listed().await.is_empty(), "{engine:?} {change:?}");
        }
        // A conflict takes everything with it that was to happen with the use.
        let change = ChangeSet::of(T, Op::Factor(uses(alex, other, 1)))
            .with(Op::Factor(FactorChange::Add(factor(alex, 9, NOW))));
        let outcome = test.store.apply(change).await.expect("applied");
        assert!(matches!(outcome, Outcome::Conflict), "{outcome:?}");
        assert!(test.store.factors_of(T, alex).await.expect("read").is_empty());
        assert!(applied(&test, trust(other)).await);
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
        assert!(applied(&test, FactorChange::Add(key.clone())).await);
        let taken = Factor { user: ben, ..key.clone() };
        assert!(!applied(&test, FactorChange::Add(taken)).await, "{engine:?}");
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
