//! Existing data: a hundred thousand users, as many sessions, a million grants. Written past the store,
//! in large transactions; the server then uses it as if it had made it.

use std::path::Path;

use rusqlite::{Connection, params};
use sojourn_crypto::sha256;

pub(crate) const USERS: u64 = 100_000;
pub(crate) const GRANTS: u64 = 1_000_000;

/// Bytes that are different for each number and spread like random ones.
pub(crate) fn bytes<const N: usize>(what: &str, number: u64) -> [u8; N] {
    let hash = sha256(format!("{what} {number}").as_bytes());
    hash[..N].try_into().expect("at most 32")
}

/// The cookie secret of a session.
pub(crate) fn secret(number: u64) -> [u8; 32] {
    bytes("secret", number)
}

/// As the server draws them: the time, here one millisecond for each, and then random bits.
fn grant_id(now: i64, number: u64) -> [u8; 16] {
    let mut id = bytes::<16>("grant", number);
    let drawn = now - (GRANTS - number) as i64;
    id[..6].copy_from_slice(&drawn.to_be_bytes()[2..]);
    id
}

/// Fills an installed, empty database.
pub(crate) fn fill(database: &Path, now: i64) {
    let mut connection = Connection::open(database).expect("opens");
    connection.pragma_update(None, "synchronous", "OFF").expect("a pragma");
    connection.pragma_update(None, "cache_size", "-400000").expect("a pragma");
    let transaction = connection.transaction().expect("begins");
    let app: Vec<u8> = transaction
        .query_row("SELECT id FROM application WHERE client_id = 'rs256'", [], |row| row.get(0))
        .expect("the application");
    {
        let mut account = transaction
            .prepare(
                "INSERT INTO account (tenant_id, id, username, username_key, email_verified, state, \
                 epoch, event_count, created_at, keyed_version) VALUES (1, ?1, ?2, ?2, 0, 0, 0, 0, ?3, 1)",
            )
            .expect("prepares");
        let mut session = transaction
            .prepare(
                "INSERT INTO session (tenant_id, id, user_id, secret_hash, signed_in_at, auth_time, \
                 amr, remember, ip, user_agent, last_access, idle_timeout_ms, idle_deadline) \
                 VALUES (1, ?1, ?2, ?3, ?4, ?4, 'pwd', 0, '127.0.0.1', 'Mozilla/5.0 (X11; Linux \
                 x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36', ?4, \
                 86400000, ?4 + 86400000)",
            )
            .expect("prepares");
        for n in 0..USERS {
            let user = bytes::<16>("user", n).to_vec();
            account.execute(params![user, format!("user-{n}"), now]).expect("a user");
            session
                .execute(params![
                    bytes::<32>("session", n).to_vec(),
                    user,
                    sha256(&secret(n)).to_vec(),
                    now
                ])
                .expect("a session");
        }
        let mut grant = transaction
            .prepare(
                "INSERT INTO oauth_grant (tenant_id, id, user_id, app_id, session_id, sid, sub, kind, \
                 scopes, offline, binding, auth_time, created_at, expires_at, code_state, \
                 token_number, token_issued_at, refresh_generation, refresh_issued_at) \
                 VALUES (1, ?1, ?2, ?3, ?4, ?5, '', 1, 'openid profile', 0, 'sso-session', ?6, ?6, \
                 ?6 + 86400000, 2, 1, ?6, 1, ?6)",
            )
            .expect("prepares");
        for n in 0..GRANTS {
            let owner = n % USERS;
            grant
                .execute(params![
                    grant_id(now, n).to_vec(),
                    bytes::<16>("user", owner).to_vec(),
                    app,
                    bytes::<32>("session", owner).to_vec(),
                    bytes::<16>("sid", n).to_vec(),
                    now
                ])
                .expect("a grant");
        }
    }
    transaction.commit().expect("committed");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
}

/// Members of the role in [`fill_members`].
pub(crate) const MEMBERS: u64 = 100_000;
/// Users beside them, on whose sessions others work.
const OTHERS: u64 = 100;

/// A user's id as text.
pub(crate) fn user_id(number: u64) -> String {
    let hex = sojourn_model::ids::hex(&bytes::<16>("user", number));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Fills an installed, empty database with people who have the role `staff`, each with a session, a stay in an
/// application and a grant; and some without it. Answers the role's id.
pub(crate) fn fill_members(database: &Path, now: i64) -> String {
    let mut connection = Connection::open(database).expect("opens");
    connection.pragma_update(None, "synchronous", "OFF").expect("a pragma");
    let transaction = connection.transaction().expect("begins");
    let one =
        |sql: &str| -> Vec<u8> { transaction.query_row(sql, [], |row| row.get(0)).expect("a row") };
    let app = one("SELECT id FROM application WHERE client_id = 'rs256'");
    let role = one("SELECT id FROM role WHERE name = 'staff'");
    for n in 0..MEMBERS + OTHERS {
        let user = bytes::<16>("user", n).to_vec();
        // As the engine makes them: half of the user's id, then what is random.
        let mut session = bytes::<32>("session", n);
        session[..8].copy_from_slice(&user[..8]);
        let sid = bytes::<16>("sid", n).to_vec();
        let execute = |sql: &str, params: &[&dyn rusqlite::ToSql]| {
            transaction.prepare_cached(sql).expect("prepares").execute(params).expect("a row");
        };
        execute(
            "INSERT INTO account (tenant_id, id, username, username_key, email_verified, state, epoch, \
             event_count, created_at, keyed_version) VALUES (1, ?1, ?2, ?2, 0, 0, 0, 0, ?3, 1)",
            &[&user, &format!("user-{n}"), &now],
        );
        execute(
            "INSERT INTO session (tenant_id, id, user_id, secret_hash, signed_in_at, auth_time, amr, \
             remember, ip, user_agent, last_access, idle_timeout_ms, idle_deadline) \
             VALUES (1, ?1, ?2, ?3, ?4, ?4, 'pwd', 0, '127.0.0.1', 'Mozilla/5.0', ?4, 86400000, \
             ?4 + 86400000)",
            &[&session.to_vec(), &user, &sha256(&secret(n)).to_vec(), &now],
        );
        if n >= MEMBERS {
            continue;
        }
        execute(
            "INSERT INTO role_member (tenant_id, role_id, user_id) VALUES (1, ?1, ?2)",
            &[&role, &user],
        );
        execute(
            "INSERT INTO participation (tenant_id, session_id, app_id, stay, sid, user_id, sub, \
             first_access, last_access, signed_in_at) VALUES (1, ?1, ?2, 0, ?3, ?4, 'sub', ?5, ?5, ?5)",
            &[&session.to_vec(), &app, &sid, &user, &now],
        );
        execute(
            "INSERT INTO oauth_grant (tenant_id, id, user_id, app_id, session_id, sid, sub, kind, \
             scopes, offline, binding, auth_time, created_at, expires_at, code_state, token_number, \
             token_issued_at, refresh_generation, refresh_issued_at) \
             VALUES (1, ?1, ?2, ?3, ?4, ?5, 'sub', 1, 'openid profile', 0, 'sso-session', ?6, ?6, \
             ?6 + 86400000, 2, 1, ?6, 1, ?6)",
            &[&grant_id(now, n).to_vec(), &user, &app, &session.to_vec(), &sid, &now],
        );
    }
    transaction.commit().expect("committed");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("a checkpoint");
    let hex = sojourn_model::ids::hex(&role);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
