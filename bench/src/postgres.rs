//! PostgreSQL as the server's database: filled past the server, and asked past it.

use sojourn_crypto::sha256;

use crate::seed::{bytes, secret};

/// Users, each with a session.
pub(crate) const USERS: u64 = 100_000;
/// Rows of a statement.
const ROWS: u64 = 10_000;

/// A connection, driven in the background.
pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}

/// Fills an installed, empty database with the users and sessions that the operations work on, and looks at them as
/// PostgreSQL does by itself after a while.
pub(crate) async fn fill(url: &str) {
    let client = connect(url).await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64;
    for first in (0..USERS).step_by(ROWS as usize) {
        let numbers = first..first + ROWS;
        let users: Vec<Vec<u8>> =
            numbers.clone().map(|n| bytes::<16>("user", n).to_vec()).collect();
        let names: Vec<String> = numbers.clone().map(|n| format!("user-{n}")).collect();
        let sessions: Vec<Vec<u8>> =
            numbers.clone().map(|n| bytes::<32>("session", n).to_vec()).collect();
        let secrets: Vec<Vec<u8>> = numbers.map(|n| sha256(&secret(n)).to_vec()).collect();
        client
            .execute(
                "INSERT INTO account (tenant_id, id, username, username_key, email_verified, state, epoch, \
                 event_count, created_at, keyed_version) SELECT 1, id, name, name, 0, 0, 0, 0, $3::bigint, 1 \
                 FROM unnest($1::bytea[], $2::text[]) AS one (id, name)",
                &[&users, &names, &now],
            )
            .await
            .expect("users");
        client
            .execute(
                "INSERT INTO session (tenant_id, id, user_id, secret_hash, signed_in_at, auth_time, amr, \
                 remember, ip, user_agent, last_access, idle_timeout_ms, idle_deadline) \
                 SELECT 1, id, person, secret, $4::bigint, $4, 'pwd', 0, '127.0.0.1', 'Mozilla/5.0', $4, \
                 86400000, $4 + 86400000 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) \
                 AS one (id, person, secret)",
                &[&sessions, &users, &secrets, &now],
            )
            .await
            .expect("sessions");
    }
    client.batch_execute("ANALYZE").await.expect("statistics");
}
