//! Filling a PostgreSQL database: the same rows by COPY, between dropping and making the indexes.

use std::fmt::Write as _;

use futures_util::SinkExt as _;
use tokio_postgres::{Client, NoTls};

use super::rows::Plan;

pub(super) async fn fill(url: &str, plan: &Plan) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("connects");
    let driver = tokio::spawn(connection);
    client
        .batch_execute("SET maintenance_work_mem = '2GB'; SET synchronous_commit = off")
        .await
        .expect("settings");
    let indexes = client
        .query(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN \
             ('account', 'session', 'participation', 'oauth_grant', 'role_member') \
             AND indexname NOT LIKE '%_pkey'",
            &[],
        )
        .await
        .expect("indexes");
    for row in &indexes {
        client.batch_execute(&format!("DROP INDEX {}", row.get::<_, &str>(0))).await.expect("gone");
    }
    accounts(&client, plan).await;
    const STEP: u64 = 500_000;
    for from in (0..plan.sessions).step_by(STEP as usize) {
        sessions(&client, plan, from, (from + STEP).min(plan.sessions)).await;
    }
    for row in &indexes {
        client.batch_execute(row.get::<_, &str>(1)).await.expect("made again");
    }
    client.batch_execute("VACUUM ANALYZE").await.expect("statistics");
    drop(client);
    let _ = driver.await;
}

fn hex(bytes: &[u8]) -> String {
    format!("\\\\x{}", sojourn_model::ids::hex(bytes))
}

async fn copy(client: &Client, sql: &str, rows: impl Iterator<Item = String>) {
    let sink = client.copy_in::<_, std::io::Cursor<Vec<u8>>>(sql).await.expect("copies");
    let mut sink = std::pin::pin!(sink);
    let mut buffer = String::new();
    for row in rows {
        buffer.push_str(&row);
        if buffer.len() > 1 << 20 {
            let chunk = std::mem::take(&mut buffer).into_bytes();
            sink.send(std::io::Cursor::new(chunk)).await.expect("sent");
        }
    }
    sink.send(std::io::Cursor::new(buffer.into_bytes())).await.expect("sent");
    sink.close().await.expect("copied");
}

async fn accounts(client: &Client, plan: &Plan) {
    let sql = "COPY account (tenant_id, id, username, username_key, display_name, email_verified, \
               state, epoch, event_count, created_at, display_key, keyed_version) FROM STDIN";
    let row = |n| {
        let id = hex(&plan.user(n));
        format!(
            "1\t{id}\tuser-{n}\tuser-{n}\tUser Number {n}\t0\t0\t0\t0\t{}\tuser number {n}\t1\n",
            plan.now
        )
    };
    copy(client, sql, (0..plan.users).map(row)).await;
    let sql = "COPY role_member (tenant_id, role_id, user_id) FROM STDIN";
    let row = |n| format!("1\t{}\t{}\n", hex(&plan.role), hex(&plan.user(n)));
    copy(client, sql, (0..plan.users).filter(|n| plan.is_member(*n)).map(row)).await;
}

async fn sessions(client: &Client, plan: &Plan, from: u64, to: u64) {
    let sql = "COPY session (tenant_id, id, user_id, secret_hash, signed_in_at, auth_time, amr, \
               remember, ip, user_agent, last_access, idle_timeout_ms, idle_deadline, ip_key) FROM STDIN";
    let rows = (from..to).map(|n| {
        let row = plan.session(n);
        let mut text = String::with_capacity(400);
        let at = row.signed_in_at;
        writeln!(
            text,
            "1\t{}\t{}\t{}\t{at}\t{at}\tpwd\t0\t{}\t{}\t{}\t86400000\t{}\t{}",
            hex(&row.id),
            hex(&row.user),
            hex(&row.secret_hash),
            row.ip,
            row.user_agent,
            row.last_access,
            row.idle_deadline,
            hex(&row.ip_key())
        )
        .expect("text");
        text
    });
    copy(client, sql, rows).await;
    let sql = "COPY participation (tenant_id, session_id, app_id, stay, sid, user_id, sub, \
               first_access, last_access, signed_in_at) FROM STDIN";
    let rows = (from..to).map(|n| {
        let row = plan.session(n);
        let (id, app, sid) = (hex(&row.id), hex(&plan.apps[row.app]), hex(&row.sid));
        let (user, at) = (hex(&row.user), row.signed_in_at);
        format!("1\t{id}\t{app}\t0\t{sid}\t{user}\tsub\t{at}\t{at}\t{at}\n")
    });
    copy(client, sql, rows).await;
    let sql = "COPY oauth_grant (tenant_id, id, user_id, app_id, session_id, sid, sub, kind, scopes, \
               offline, binding, auth_time, created_at, expires_at, code_state, token_number, \
               token_issued_at, refresh_generation, refresh_issued_at) FROM STDIN";
    let rows = (from..to).map(|n| {
        let row = plan.session(plan.session_of_grant(n));
        let (grant, app, sid) = (hex(&plan.grant_id(n)), hex(&plan.apps[row.app]), hex(&row.sid));
        let (id, user, at, until) = (hex(&row.id), hex(&row.user), row.signed_in_at, row.idle_deadline);
        format!(
            "1\t{grant}\t{user}\t{app}\t{id}\t{sid}\tsub\t1\topenid profile\t0\tsso-session\t{at}\t{at}\t\
             {until}\t2\t1\t{at}\t1\t{at}\n"
        )
    });
    copy(client, sql, rows).await;
}
