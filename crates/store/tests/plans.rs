//! No statement walks a big table: each finds its rows by an index.

use sojourn_testkit::store::{Engine, TestStore};

/// Tables that grow with use.
const BIG: [&str; 9] = [
    "account",
    "session",
    "participation",
    "oauth_grant",
    "delivery",
    "event",
    "audit",
    "revoked_token",
    "shared_token",
];

/// Statements that read a big table by its tenant alone: lists in the order of an index, with a limit, and
/// the walk of the purge.
const BY_TENANT: [&str; 4] =
    ["AUDIT_NEWEST", "DELIVERIES_NEWEST", "SESSIONS_NEWEST", "PURGE_GRANTS"];

#[tokio::test]
async fn every_statement_finds_its_rows_by_an_index() {
    let test = TestStore::new(Engine::Sqlite).await;
    let mut problems = Vec::new();
    for statement in sojourn_store::sql::all() {
        for line in test.sqlite_plan(statement) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let walks = words.first() == Some(&"SCAN") && !line.contains("INDEX delivery_due");
            let by_tenant_alone =
                line.contains("(tenant_id=?)") && !BY_TENANT.contains(&statement.name);
            let table = words.get(1).copied().unwrap_or_default();
            let table = match table {
                "g" => "oauth_grant",
                "s" => "session",
                "p" => "participation",
                "a" if line.contains("application") => "application",
                "a" => "account",
                other => other,
            };
            if BIG.contains(&table) && (walks || by_tenant_alone) {
                problems.push(format!("{}: {line}", statement.name));
            }
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
    let total = sojourn_store::sql::all().count();
    assert!(total > 80, "all of {total} were looked at");
}
