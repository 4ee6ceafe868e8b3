//! Names and addresses are found without regard to case, width and form, in one way on both databases.

use sojourn_model::directory::text_key;
use sojourn_model::operation::KeyAccount;
use sojourn_model::{ChangeSet, Op, Outcome, User};
use sojourn_testkit::store::{Engine, T, TestStore, user};

async fn add(test: &TestStore, name: &str, email: &str, shown: &str) -> User {
    let mut new = user(name);
    new.email = Some(email.into());
    new.display_name = Some(shown.into());
    test.must(ChangeSet::of(T, Op::CreateUser(new.clone()))).await;
    new
}

fn keys(of: &User) -> KeyAccount {
    KeyAccount {
        user: of.id,
        version: of.version,
        username: Some(User::username_key(&of.username)),
        email: of.email.as_deref().map(text_key),
        display: of.display_name.as_deref().map(text_key),
    }
}

#[tokio::test]
async fn comparisons_know_more_than_ascii() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let elodie =
            add(&test, "\u{c9}lodie", "\u{c9}lodie@Example.ORG", "\u{c9}lodie \u{d1}").await;
        for name in ["\u{e9}LODIE", "E\u{301}lodie", "\u{c9}\u{ff2c}\u{ff4f}die"] {
            let found = test.store.user_by_name(T, name).await.expect("read");
            assert_eq!(found.map(|one| one.id), Some(elodie.id), "{engine:?} {name}");
        }
        let by_email = async |email: &str| {
            let found = test.store.users_by_email(T, email, 9).await.expect("read");
            found.iter().map(|one| one.id).collect::<Vec<_>>()
        };
        assert_eq!(by_email("\u{e9}LODIE@example.org").await, [elodie.id], "{engine:?}");
        let shown = test.store.users_of_shown_name(T, "\u{e9}LODIE \u{f1}", 9).await.expect("read");
        assert_eq!(shown.len(), 1, "{engine:?}");
        let shown = test.store.users_by_shown_name(T, "\u{e9}LOD", 9).await.expect("read");
        assert_eq!(shown.len(), 1, "{engine:?}");
        assert!(test.store.unkeyed_users(9).await.expect("read").is_empty(), "{engine:?}");
        // A program that knows no keys changes the address: the key that is there counts no longer.
        test.run("UPDATE account SET email = '\u{d1}and\u{fa}@example.org', version = version + 1")
            .await;
        assert!(by_email("\u{e9}LODIE@example.org").await.is_empty(), "{engine:?}");
        assert_eq!(by_email("\u{d1}and\u{fa}@Example.org").await, [elodie.id], "{engine:?}");
        let unkeyed = test.store.unkeyed_users(9).await.expect("read");
        let [changed] = &*unkeyed else { panic!("{engine:?}: {unkeyed:?}") };
        // What was read before another change writes nothing.
        let late = KeyAccount { version: changed.version - 1, ..keys(changed) };
        test.must(ChangeSet::of(T, Op::KeyAccount(late))).await;
        assert_eq!(test.store.unkeyed_users(9).await.expect("read").len(), 1);
        test.must(ChangeSet::of(T, Op::KeyAccount(keys(changed)))).await;
        assert!(test.store.unkeyed_users(9).await.expect("read").is_empty());
        assert_eq!(by_email("\u{f1}AND\u{da}@example.org").await, [elodie.id], "{engine:?}");
    }
}

#[tokio::test]
async fn names_that_clash_are_told_and_nothing_fails() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        add(&test, "zo\u{eb}", "zoe@example.org", "Zoe").await;
        let other = add(&test, "other", "other@example.org", "Other").await;
        test.run(
            "UPDATE account SET username = 'zoe\u{308}', username_key = 'zoe\u{308}', version = version + 1
             WHERE username = 'other'",
        )
        .await;
        let unkeyed = test.store.unkeyed_users(9).await.expect("read");
        assert_eq!(unkeyed.iter().map(|one| one.id).collect::<Vec<_>>(), [other.id]);
        let same = ChangeSet::of(T, Op::KeyAccount(keys(&unkeyed[0])));
        assert_eq!(test.store.apply(same).await, Ok(Outcome::Duplicate), "{engine:?}");
        let kept = KeyAccount { username: None, ..keys(&unkeyed[0]) };
        test.must(ChangeSet::of(T, Op::KeyAccount(kept))).await;
        let told = test.store.clashing_names(T, 9).await.expect("read");
        assert_eq!(told, ["zoe\u{308}"], "{engine:?}");
        assert!(test.store.unkeyed_users(9).await.expect("read").is_empty(), "{engine:?}");
        // Renamed, it clashes no longer.
        let renamed =
            User { username: "zora".into(), version: unkeyed[0].version + 1, ..unkeyed[0].clone() };
        test.must(ChangeSet::of(T, Op::UpdateUser { user: Box::new(renamed) })).await;
        assert!(test.store.clashing_names(T, 9).await.expect("read").is_empty(), "{engine:?}");
    }
}
