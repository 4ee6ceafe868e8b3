//! The settings that a power loss is survived by, and the first migration, which never changes.

use sojourn_testkit::store::{Engine, TestStore};

#[tokio::test]
async fn sqlite_flushes_each_commit() {
    let test = TestStore::new(Engine::Sqlite).await;
    let (mode, level) = test.store.durability().expect("SQLite's own settings");
    assert_eq!((mode.as_str(), level), ("wal", 2), "write-ahead log, synchronous=FULL");
}

#[tokio::test]
async fn postgresql_is_not_told_otherwise() {
    let test = TestStore::new(Engine::Postgres).await;
    assert_eq!(test.postgres_setting("synchronous_commit").await, "on");
}

#[test]
fn migrations_are_only_appended() {
    let fixed = [
        (1, "5e4f9f7913cf45fcda23b2de137fffa582f940c732e17c4f7f3d40689703b1ae"),
        (2, "2d90a4c4c7a57d92978adcae2ecd2f762a9549a09b51d1d085c55eb011d938ab"),
        (3, "fca007e1fc74fdc9fe1b027db812219cd8a131bd5a9a03ae3f0771b306e32357"),
        (4, "d45a904d0f7467b557867f7dcbc06374ef8cee0be85584b8d71eadd2d709209f"),
        (5, "3475dfb18b4812f1f02ab09c1768fe4e6a3490a0ede7e0dc5ed53eda98f623f9"),
        (6, "01ebd952ecdcdf6f9c5002cd2b263911736c1ea610d3a3f6dc86cbd4a510899b"),
        (7, "d6834e42b33707fdff2e1d6bfe26b4c0b1f8a476876b85aeb77f1cfba2bd808e"),
        (8, "db144132ccfd7ec87d1d2af57b3115bcd65a985d6671225d25ec59de3e706d79"),
        (9, "b51c06d48f8666fda99c9f63f5878b41a62fd47e64dcb21323a5668738cb4a37"),
        (10, "78e0ec05817f7358833796c50c22f0ee8e277e24b7b29d1175365e8796cf677f"),
        (11, "8c6b433113243cebf8894fe4719ef03461e5adb5054bc1b03c8fd4473e8d9a80"),
        (12, "9f0466490c257293349bd1c7be80e03add2fe3ae3e408c3d9559d49c5d5e664b"),
        (13, "9c201bcdeb4c545040d9ef0fedec1132778c21d451e1b84f604625895e3ee898"),
        (14, "eb4959dcc6366497c1c752c101a7716948ceb0a44e07d0ed9915e3521a13d38f"),
        (15, "4c6752f46c6719f5b523c1c193a21d23e5e7aa1d31f2696933f8e18478296927"),
        (16, "7e9ea23ebf79109e3638b5188f7ba0d5c74a18647f4be2c6766d32c707e3e873"),
        (17, "9541a1b9b6c00d9ecda5a85745ae53617648a188039758f2bc8136a9e6e990ec"),
        (18, "3796360b9f2700eb8a3a0492393743429d8eb23e234d4bd69ad17c9325272954"),
        (19, "61bace2ddccbc773161125d4b6d0f5560a46278a57cbd60299fe2821d0868866"),
        (20, "83abafcbf527424d2317bf2908bb6ef7c6bb8683578b59ebc92e14a428eeedfc"),
    ];
    assert_eq!(fixed.len(), sojourn_store::MIGRATIONS.len(), "a new one has its hash here too");
    for (version, hash) in fixed {
        let migration = sojourn_store::MIGRATIONS
            .iter()
            .find(|migration| migration.version == version)
            .expect("it is never removed");
        let found = sojourn_model::ids::hex(&sojourn_crypto::sha256(migration.sql.as_bytes()));
        assert_eq!(found, hash, "migration {version} was changed: append another one instead");
    }
    let versions: Vec<i64> = sojourn_store::MIGRATIONS.iter().map(|m| m.version).collect();
    let counted: Vec<i64> = (1..=sojourn_store::SCHEMA_VERSION).collect();
    assert_eq!(versions, counted);
}
