//! Filling a file: indexes are taken away, rows written in the order of their keys, indexes made again.

use std::path::Path;

use rusqlite::{Connection, params};

use super::rows::Plan;

pub(super) fn fill(path: &Path, plan: &Plan) {
    let mut connection = Connection::open(path).expect("opens");
    for (name, value) in
        [("synchronous", "OFF"), ("cache_size", "-2000000"), ("temp_store", "FILE")]
    {
        connection.pragma_update(None, name, value).expect("a pragma");
    }
    let indexes = indexes(&connection);
    for (name, _) in &indexes {
        connection.execute_batch(&format!("DROP INDEX {name}")).expect("dropped");
    }
    accounts(&mut connection, plan);
    const STEP: u64 = 500_000;
    for from in (0..plan.sessions).step_by(STEP as usize) {
        sessions(&mut connection, plan, from, (from + STEP).min(plan.sessions));
    }
    for (_, sql) in &indexes {
        connection.execute_batch(sql).expect("made again");
    }
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
}

fn indexes(connection: &Connection) -> Vec<(String, String)> {
    let sql = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND \
               tbl_name IN ('account', 'session', 'participation', 'oauth_grant', 'role_member')";
    let mut statement = connection.prepare(sql).expect("prepares");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("runs");
    rows.collect::<Result<_, _>>().expect("rows")
}

fn accounts(connection: &mut Connection, plan: &Plan) {
    let transaction = connection.transaction().expect("begins");
    {
        let mut account = transaction
            .prepare(
                "INSERT INTO account (tenant_id, id, username, username_key, display_name, \
                 email_verified, state, epoch, event_count, created_at, display_key, keyed_version) \
                 VALUES (1, ?1, ?2, ?2, ?3, 0, 0, 0, 0, ?4, lower(?3), 1)",
            )
            .expect("prepares");
        let mut member = transaction
            .prepare("INSERT INTO role_member (tenant_id, role_id, user_id) VALUES (1, ?1, ?2)")
            .expect("prepares");
        for n in 0..plan.users {
            let user = plan.user(n);
            let name = format!("user-{n}");
            account
                .execute(params![user, name, format!("User Number {n}"), plan.now])
                .expect("a user");
            if plan.is_member(n) {
                member.execute(params![plan.role, user]).expect("a member");
            }
        }
    }
    transaction.commit().expect("committed");
}

fn sessions(connection: &mut Connection, plan: &Plan, from: u64, to: u64) {
    let transaction = connection.transaction().expect("begins");
    {
        let mut session = transaction
            .prepare(
                "INSERT INTO session (tenant_id, id, user_id, secret_hash, signed_in_at, auth_time, \
                 amr, remember, ip, user_agent, last_access, idle_timeout_ms, idle_deadline, ip_key) \
                 VALUES (1, ?1, ?2, ?3, ?4, ?4, 'pwd', 0, ?5, ?6, ?7, 86400000, ?8, ?9)",
            )
            .expect("prepares");
        let mut stay = transaction
            .prepare(
                "INSERT INTO participation (tenant_id, session_id, app_id, stay, sid, user_id, sub, \
                 first_access, last_access, signed_in_at) VALUES (1, ?1, ?2, 0, ?3, ?4, 'sub', ?5, ?5, ?5)",
            )
            .expect("prepares");
        let mut grant = transaction
            .prepare(
                "INSERT INTO oauth_grant (tenant_id, id, user_id, app_id, session_id, sid, sub, kind, \
                 scopes, offline, binding, auth_time, created_at, expires_at, code_state, \
                 token_number, token_issued_at, refresh_generation, refresh_issued_at) \
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, 'sub', 1, 'openid profile', 0, 'sso-session', ?6, ?6, \
                 ?7, 2, 1, ?6, 1, ?6)",
            )
            .expect("prepares");
        for n in from..to {
            let row = plan.session(n);
            session
                .execute(params![
                    row.id,
                    row.user,
                    row.secret_hash,
                    row.signed_in_at,
                    row.ip,
                    row.user_agent,
                    row.last_access,
                    row.idle_deadline,
                    row.ip_key()
                ])
                .expect("a session");
            let app = &plan.apps[row.app];
            stay.execute(params![row.id, app, row.sid, row.user, row.signed_in_at])
                .expect("a stay");
            let row = plan.session(plan.session_of_grant(n));
            let app = &plan.apps[row.app];
            grant
                .execute(params![
                    plan.grant_id(n),
                    row.user,
                    app,
                    row.id,
                    row.sid,
                    row.signed_in_at,
                    row.idle_deadline
                ])
                .expect("a grant");
        }
    }
    transaction.commit().expect("committed");
}
