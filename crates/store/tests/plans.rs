//! No statement walks a big table: each finds its rows by an index.

use sojourn_testkit::program::eventually;
use sojourn_testkit::store::{Engine, TestStore};

/// Tables that grow with use.
const BIG: [&str; 11] = [
    "account",
    "session",
    "participation",
    "oauth_grant",
    "delivery",
    "event",
    "audit",
    "revoked_token",
    "shared_token",
    "user_group",
    "handler_task",
];

/// Statements that read a big table by its tenant alone: lists in the order of an index, with a limit, and
/// the walk of the purge.
const BY_TENANT: [&str; 12] = [
    "DELIVERIES_NEWEST",
    "PURGE_GRANTS",
    // A place by its number: the index alone is walked, up to that place.
    "ACCOUNT_AT_AGE",
    "ACCOUNT_AT_AGE_DOWN",
    "ACCOUNT_AT_NAME",
    "ACCOUNT_AT_NAME_DOWN",
    "GROUP_AT_NAME",
    "GROUP_NUMBER",
    // A tenant that is deleted.
    "ERASE_AUDIT",
    "ERASE_GROUPS",
    "ERASE_GROUP_EVENTS",
    "ERASE_OTHER_TASKS",
];

/// Statements that count as many rows as there are.
const COUNTS: [&str; 6] = [
    "OPEN_WORK",
    "LIVING_COUNT",
    "SIGN_INS_BY_TIME",
    "ENDS_BY_TIME",
    "DELIVERIES_WAITING_OF",
    "DELIVERIES_DEAD_OF",
];

/// Indexes that hold only what is still to be done.
const OF_WHAT_IS_OPEN: [&str; 9] = [
    "INDEX account_unkeyed",
    "INDEX account_clash",
    "INDEX delivery_due",
    "INDEX delivery_dead",
    "INDEX session_unkeyed",
    "INDEX participation_unplaced",
    "INDEX handler_task_due",
    "INDEX handler_task_open",
    "INDEX handler_task_parked",
];

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let test = TestStore::new(Engine::Sqlite).await;
    let mut problems = Vec::new();
    for statement in sojourn_store::sql::all() {
        for line in test.sqlite_plan(statement) {
            let words: Vec<&str> = line.split_whitespace().collect();
            // What counts everything walks an index, and nothing else.
            let counts = COUNTS.contains(&statement.name) && line.contains("COVERING INDEX");
            let walks = words.first() == Some(&"SCAN")
                && !counts
                && !OF_WHAT_IS_OPEN.iter().any(|index| line.contains(index));
            // Everything that lives in an application: only what lists that may look at it.
            let by_application_alone = line.contains("(app_id=? AND tenant_id=?)");
            let by_tenant_alone = line.contains("(tenant_id=?)")
                && !BY_TENANT.contains(&statement.name)
                && !OF_WHAT_IS_OPEN.iter().any(|index| line.contains(index));
            let table = words.get(1).copied().unwrap_or_default();
            let table = match table {
                "g" if line.contains("user_group") => "user_group",
                "g" => "oauth_grant",
                "s" => "session",
                "p" => "participation",
                "a" if line.contains("application") => "application",
                "a" => "account",
                other => other,
            };
            if BIG.contains(&table) && (walks || by_tenant_alone || by_application_alone) {
                problems.push(format!("{}: {line}", statement.name));
            }
        }
    }
    // What counts many rows finds all that it needs in an index.
    for name in COUNTS {
        let statement = sojourn_store::sql::all().find(|one| one.name == name);
        let plan = test.sqlite_plan(statement.expect(name));
        if !plan.iter().any(|line| line.contains("COVERING INDEX")) {
            problems.push(format!("{name} reads rows: {plan:?}"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let total = sojourn_store::sql::all().count();
    assert!(total > 80, "all of {total} were looked at");
}

/// A database that was just filled has statistics before autovacuum comes by, and is left alone from then on.
#[tokio::test]
async fn a_table_with_rows_and_without_statistics_is_analyzed_once() {
    let test = TestStore::new(Engine::Postgres).await;
    assert_eq!(test.store.learn_statistics().await, Ok(Vec::new()), "an empty one needs none");
    for n in 0..500 {
        test.user(&format!("user-{n}")).await;
    }
    let learned = eventually("statistics", || async {
        // The database counts rows a moment after they are written.
        let learned = test.store.learn_statistics().await.expect("analyzed");
        learned.contains(&"account".to_owned()).then_some(learned)
    })
    .await;
    assert!(!learned.contains(&"session".to_owned()), "it has no rows: {learned:?}");
    let again = test.store.learn_statistics().await.expect("looked at");
    assert!(!again.contains(&"account".to_owned()), "{again:?}");
}
