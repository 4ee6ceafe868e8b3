//! Second factors and recovery codes, on both databases.

#![expect(clippy::expect_used, reason = "a test fails loudly")]

use sojourn_model::{
    ChangeSet, Factor, FactorChange, FactorId, FactorKind, Millis, Op, Outcome, UserId,
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
