//! Uses of an application's secrets: one row for each secret that can still be valid.

use sojourn_model::{ChangeSet, Millis, Op};
use sojourn_testkit::store::{Engine, T, TestStore};

#[tokio::test]
async fn uses_of_replaced_secrets_do_not_pile_up() {
    for engine in Engine::BOTH {
        let test = TestStore::new(engine).await;
        let app = test.app("shop").await;
        let mut at = 0;
        let mut used = async |number: u8| {
            at += 1;
            let op = Op::NoteSecretUse { app, secret: [number; 8], at: Millis(at) };
            test.must(ChangeSet::of(T, op)).await;
            let mut uses = test.store.secret_uses(T, app).await.expect("read");
            uses.sort_unstable();
            uses.iter().map(|(secret, at)| (secret[0], at.0)).collect::<Vec<_>>()
        };
        assert_eq!(used(1).await, [(1, 1)], "{engine:?}");
        assert_eq!(used(1).await, [(1, 2)], "{engine:?}");
        assert_eq!(used(2).await, [(1, 2), (2, 3)], "{engine:?}");
        assert_eq!(used(1).await, [(1, 4), (2, 3)], "{engine:?}: both are valid");
        assert_eq!(used(3).await, [(1, 4), (3, 5)], "{engine:?}");
        assert_eq!(used(4).await, [(3, 5), (4, 6)], "{engine:?}");
    }
}
