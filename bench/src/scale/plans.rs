//! How PostgreSQL would find the rows of every statement of the program among so many: with statistics, and without,
//! as after a restore. Walking a table of millions is reported.

use std::fmt::Write as _;

use serde_json::Value;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Tables that grow with use.
const BIG: [&str; 13] = [
    "account",
    "session",
    "participation",
    "oauth_grant",
    "delivery",
    "event",
    "audit",
    "handler_task",
    "shared_token",
    "shared_token_session",
    "revoked_token",
    "known_browser",
    "consent",
];

/// The tables that the questions don't read, from the sessions that are there: a delivery, an event, a task and a row of
/// the audit log for each; a shared token, a revoked one, a browser and a consent for every fourth.
const MORE: &str = "
INSERT INTO delivery (tenant_id, sid, session_id, app_id, user_id, sub, issuer, uri, state, attempts, refusals,
    answer_lost, due_at, leased, created_at, expires_at)
  SELECT tenant_id, sid, session_id, app_id, user_id, sub, 'https://sso.test', 'https://app.test/logout',
    CASE WHEN get_byte(sid, 0) = 0 THEN 'pending' ELSE 'delivered' END, 1, 0, 0, first_access, 0, first_access,
    first_access + 86400000 FROM participation;
INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, actor, session_id, data)
  SELECT tenant_id, 1, user_id, row_number() OVER (PARTITION BY user_id), 'sessionCreate', signed_in_at,
    'user', id, '{}' FROM session;
INSERT INTO audit (tenant_id, happened_at, id, actor, action, target, detail)
  SELECT tenant_id, signed_in_at, substring(id from 1 for 16), 'user', 'session.create', 'session', '{}' FROM session;
INSERT INTO handler_task (tenant_id, subject_kind, subject_id, handler, n, state, attempts, created_at, due_at)
  SELECT tenant_id, subject_kind, subject_id, 'webhook', n,
    CASE WHEN get_byte(session_id, 9) = 0 THEN 'pending' ELSE 'done' END, 1, happened_at, happened_at FROM event;
INSERT INTO shared_token (tenant_id, user_id, app_id, scopes, id, number, issued_at, lifetime_ms)
  SELECT tenant_id, user_id, app_id, encode(sid, 'hex'), sid, 1, first_access, 3600000 FROM participation
    WHERE get_byte(sid, 0) < 64;
INSERT INTO shared_token_session (tenant_id, session_id, shared_id)
  SELECT tenant_id, session_id, sid FROM participation WHERE get_byte(sid, 0) < 64;
INSERT INTO revoked_token (tenant_id, token_key, expires_at)
  SELECT tenant_id, sid, first_access + 3600000 FROM participation WHERE get_byte(sid, 0) < 64;
INSERT INTO known_browser (tenant_id, user_id, browser_hash, first_seen, last_seen)
  SELECT tenant_id, user_id, sid, first_access, first_access FROM participation WHERE get_byte(sid, 0) < 64;
INSERT INTO consent (tenant_id, user_id, app_id, scopes, given_at)
  SELECT DISTINCT ON (user_id, app_id) tenant_id, user_id, app_id, 'openid', first_access FROM participation
    WHERE get_byte(sid, 0) < 64;
VACUUM ANALYZE";

/// Fills what is missing, looks at the plans, and prints what walks.
pub(super) async fn look(url: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connects");
    let driver = tokio::spawn(connection);
    for statement in MORE.split(";\n") {
        client.batch_execute(statement).await.expect("filled");
    }
    println!("with statistics\n{}", walks(&client).await);
    client.batch_execute("DELETE FROM pg_statistic").await.expect("forgotten");
    client.batch_execute("DISCARD PLANS").await.expect("planned again");
    println!("without statistics\n{}", walks(&client).await);
    drop(client);
    let _ = driver.await;
}

async fn walks(client: &Client) -> String {
    let (mut text, mut count) = (String::new(), 0);
    for statement in sojourn_store::sql::all() {
        let prepare = format!("PREPARE looked AS {}", statement.postgres());
        client.batch_execute(&prepare).await.expect(statement.name);
        let sql =
            "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'looked'";
        let types: Vec<String> = client.query_one(sql, &[]).await.expect("prepared").get(0);
        let values: Vec<&str> =
            types.iter().enumerate().map(|(at, kind)| given(statement.sql, at + 1, kind)).collect();
        let values =
            if values.is_empty() { String::new() } else { format!("({})", values.join(", ")) };
        let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE looked{values}");
        // From the sixth time on it may decide for one plan for all values, as it does for the program.
        for _ in 0..6 {
            client.simple_query(&explain).await.expect(statement.name);
        }
        let answer = client.simple_query(&explain).await.expect(statement.name);
        let plan: String = answer.iter().filter_map(line).collect();
        let plan: Value = serde_json::from_str(&plan).expect("a plan in JSON");
        let mut found = Vec::new();
        node(&plan[0]["Plan"], &mut found);
        for line in found {
            writeln!(text, "  {}: {line}", statement.name).expect("text");
        }
        client.batch_execute("DEALLOCATE looked").await.expect("gone");
        count += 1;
    }
    writeln!(text, "  {count} statements looked at").expect("text");
    text
}

/// What stands for a parameter: the tenant, an old time, a portion of a thousand rows, no id that is there.
fn given(sql: &str, number: usize, kind: &str) -> &'static str {
    let digit = |c: char| c.is_ascii_digit();
    let portion = format!("LIMIT ${number}");
    match kind {
        "bigint" if sql.split(&portion).skip(1).any(|rest| !rest.starts_with(digit)) => "1000",
        "bigint" => "1",
        "bytea" => "'\\x00'",
        "text" => "'[]'",
        _ => "NULL",
    }
}

fn line(message: &SimpleQueryMessage) -> Option<&str> {
    match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    }
}

/// Reports each node that reads a big table from its one end to the other, or all of a tenant.
fn node(plan: &Value, found: &mut Vec<String>) {
    let (kind, table) = (&plan["Node Type"], plan["Relation Name"].as_str().unwrap_or_default());
    if BIG.contains(&table) && kind != "ModifyTable" {
        let condition = plan["Index Cond"].as_str().unwrap_or_default();
        let by_tenant = condition.starts_with("(tenant_id = ") && !condition.contains(" AND ");
        if kind == "Seq Scan" || condition.is_empty() && kind != "Bitmap Heap Scan" || by_tenant {
            let index = plan["Index Name"].as_str().unwrap_or("no index");
            let rows = &plan["Plan Rows"];
            found.push(format!(
                "{} of {table} by {index} {condition}, {rows} rows",
                kind.as_str().unwrap_or("?")
            ));
        }
    }
    for one in plan["Plans"].as_array().into_iter().flatten() {
        node(one, found);
    }
}
