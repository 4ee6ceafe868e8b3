//! A database of the first schema is opened, brought up to date, and still says what it said.

use sojourn_model::network::address_key;
use sojourn_model::{ChangeSet, DeliveryState, Millis, Op, SessionState, Subject};
use sojourn_store::{Place, SessionRange, SqliteOptions, Store};
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
    // The schema then knew no key of an address, and kept a sign-in's time with the session alone.
    let unkeyed = store.unkeyed_sessions(9).await.expect("read");
    assert_eq!(unkeyed.len(), 2);
    let (from, to) = (Place::FIRST, Millis(i64::MAX));
    let all = store.sessions_from(T, &SessionRange::All, from, to, 9).await.expect("read");
    let keys = Op::KeyAddresses(
        all.iter().map(|session| (session.id, address_key(&session.ip))).collect(),
    );
    store.apply(ChangeSet::of(T, keys)).await.expect("applied");
    assert!(store.unkeyed_sessions(9).await.expect("read").is_empty());
    let range = SessionRange::Address(address_key(&all[0].ip));
    let there = store.sessions_from(T, &range, Place::FIRST, Millis(i64::MAX), 9).await;
    assert_eq!(there.expect("read"), all);
    let told = store.deliveries_of_session(T, ledger[0].id).await.expect("read");
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|delivery| delivery.state == DeliveryState::Delivered));
    assert!(!store.events(T, Subject::User(alex.id), 0, 99).await.expect("read").is_empty());
    assert_eq!(store.applications(T, 99).await.expect("read").len(), 4);
    assert_eq!(store.signing_keys(T).await.expect("read").len(), 2);
    // Who could have a password of eight characters still can; a new installation asks for longer ones.
    assert_eq!(store.meta("password_length_alone").await.expect("read"), None);
    let fresh = SqliteOptions::at(folder.0.join("fresh.db"));
    let fresh = Store::open_sqlite(&fresh).expect("opens");
    let length = fresh.meta("password_length_alone").await.expect("read");
    assert_eq!(length.as_deref(), Some("15"));
    assert!(store.prepare_all().await.is_ok(), "every statement fits the migrated schema");
}
