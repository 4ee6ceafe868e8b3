//! A database of the first schema is opened, brought up to date, and still says what it said.

use sojourn_model::{DeliveryState, SessionState, Subject};
use sojourn_store::{SqliteOptions, Store};
use sojourn_testkit::store::{Folder, T};

#[tokio::test]
async fn a_database_of_the_first_schema_is_migrated_and_kept() {
    let folder = Folder::new();
    let path = folder.0.join("sojourn.db");
    let dump = include_str!("fixtures/0001.sql");
    sojourn_testkit::store::load_sqlite(&path, dump);
    let store = Store::open_sqlite(&SqliteOptions::at(&path)).expect("opens and migrates");
    let alex = store.user_by_name(T, "alex").await.expect("read").expect("alex");
    assert!(alex.password_hash.is_some_and(|hash| hash.starts_with("$argon2id$")));
    let roles = store.roles_of_user(T, alex.id).await.expect("read");
    assert_eq!(roles[0].name, "pickup-staff");
    let ledger = store.ledger_of_user(T, alex.id, 9).await.expect("read");
    assert_eq!(ledger.len(), 1);
    assert!(matches!(ledger[0].state, SessionState::Ended { .. }));
    let told = store.deliveries_of_session(T, ledger[0].id).await.expect("read");
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|delivery| delivery.state == DeliveryState::Delivered));
    assert!(!store.events(T, Subject::User(alex.id), 0, 99).await.expect("read").is_empty());
    assert_eq!(store.applications(T, 99).await.expect("read").len(), 4);
    assert_eq!(store.signing_keys(T).await.expect("read").len(), 2);
    assert!(store.prepare_all().await.is_ok(), "every statement fits the migrated schema");
}
