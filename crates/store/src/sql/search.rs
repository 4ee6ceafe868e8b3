//! Session search: ranges of an order, and batch reads of the rows that belong to a few sessions.
//!
//! A range: `$1` tenant, `$2` and `$3` a position in the order, `$4` the time at which it stops, `$5` maximum number of
//! rows.

use super::directory::{account_columns, role_columns};
use super::session::session_columns;
use crate::dialect::statements;

macro_rules! below {
    ($index:literal, $key:literal, $and:expr) => {
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM session s INDEXED BY ",
            $index,
            " WHERE s.tenant_id = $1 AND (",
            $key,
            ", s.id) < ($2, $3) AND ",
            $key,
            " >= $4",
            $and,
            " ORDER BY ",
            $key,
            " DESC, s.id DESC LIMIT $5"
        )
    };
}

macro_rules! from {
    ($index:literal, $key:literal, $and:expr) => {
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM session s INDEXED BY ",
            $index,
            " WHERE s.tenant_id = $1 AND (",
            $key,
            ", s.id) >= ($2, $3) AND ",
            $key,
            " <= $4",
            $and,
            " ORDER BY ",
            $key,
            ", s.id LIMIT $5"
        )
    };
}

// The default size of a page, so that one statement reads what belongs to all its rows. With fewer ids the last one is
// repeated.
macro_rules! batch {
    () => {
        "($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, \
         $22, $23, $24, $25, $26)"
    };
}

/// Number of ids that a batch statement takes.
pub(crate) const BATCH: usize = 25;

statements! {
    LIVING_BELOW = below!("session_newest", "s.signed_in_at", " AND s.ended_at IS NULL");
    LIVING_FROM = from!("session_newest", "s.signed_in_at", " AND s.ended_at IS NULL");
    ALL_BELOW = below!("session_signed_in", "s.signed_in_at", "");
    ALL_FROM = from!("session_signed_in", "s.signed_in_at", "");
    ACCESSED_BELOW = below!("session_accessed", "s.last_access", "");
    ACCESSED_FROM = from!("session_accessed", "s.last_access", "");
    ENDED_BELOW = below!("session_ledger", "s.ended_at", " AND s.ended_at IS NOT NULL");
    ENDED_FROM = from!("session_ledger", "s.ended_at", " AND s.ended_at IS NOT NULL");
    // $6 is an address.
    ADDRESS_BELOW = below!("session_network", "s.signed_in_at", " AND s.ip_key = $6");
    ADDRESS_FROM = from!("session_network", "s.signed_in_at", " AND s.ip_key = $6");
    // $6 is an application. A session that occurs twice occurs twice in a row.
    IN_APPLICATION_BELOW = concat!(
        "SELECT ", session_columns!(), " FROM participation p JOIN session s \
         ON s.tenant_id = p.tenant_id AND s.id = p.session_id \
         WHERE p.tenant_id = $1 AND p.app_id = $6 AND p.ended_at IS NULL \
         AND (p.signed_in_at, p.session_id) < ($2, $3) AND p.signed_in_at >= $4 \
         ORDER BY p.signed_in_at DESC, p.session_id DESC LIMIT $5");
    IN_APPLICATION_FROM = concat!(
        "SELECT ", session_columns!(), " FROM participation p JOIN session s \
         ON s.tenant_id = p.tenant_id AND s.id = p.session_id \
         WHERE p.tenant_id = $1 AND p.app_id = $6 AND p.ended_at IS NULL \
         AND (p.signed_in_at, p.session_id) >= ($2, $3) AND p.signed_in_at <= $4 \
         ORDER BY p.signed_in_at, p.session_id LIMIT $5");
    // The index contains the ids, so that many are read at the cost of one row.
    NETWORK = "SELECT s.signed_in_at, s.id FROM session s INDEXED BY session_network \
         WHERE s.tenant_id = $1 AND s.ip_key >= $2 AND s.ip_key <= $3 LIMIT $4";
    LIVING_COUNT = "SELECT count(*) FROM session s INDEXED BY session_newest \
         WHERE s.tenant_id = $1 AND s.ended_at IS NULL AND s.signed_in_at >= $2 \
         AND s.signed_in_at <= $3";
    // Living sessions and open work of all tenants.
    OPEN_WORK = "SELECT (SELECT count(*) FROM session s INDEXED BY session_newest WHERE s.ended_at IS NULL), \
         (SELECT count(*) FROM mail), (SELECT count(*) FROM job WHERE state = 'pending')";
    // Numbers of sessions that began, and that ended, in equal intervals from $2 on; read from the index only.
    SIGN_INS_BY_TIME = "SELECT (s.signed_in_at - $2) / CAST($3 AS BIGINT), count(*) FROM session s \
         INDEXED BY session_signed_in WHERE s.tenant_id = $1 AND s.signed_in_at >= $2 \
         GROUP BY (s.signed_in_at - $2) / CAST($3 AS BIGINT)";
    ENDS_BY_TIME = "SELECT (s.ended_at - $2) / CAST($3 AS BIGINT), count(*) FROM session s \
         INDEXED BY session_ledger WHERE s.tenant_id = $1 AND s.ended_at IS NOT NULL \
         AND s.ended_at >= $2 GROUP BY (s.ended_at - $2) / CAST($3 AS BIGINT)";
    // Only the latest sessions, because a row of each is read.
    ENDS_BY_REASON = "SELECT e.end_reason, count(*) FROM (SELECT s.end_reason FROM session s \
         INDEXED BY session_ledger WHERE s.tenant_id = $1 AND s.ended_at IS NOT NULL \
         AND s.ended_at >= $2 ORDER BY s.ended_at DESC, s.id DESC LIMIT $3) e GROUP BY e.end_reason";
    SESSION_OF_SID = "SELECT session_id FROM participation WHERE sid = $2 AND tenant_id = $1";

    SESSIONS_AMONG = concat!(
        "SELECT ", session_columns!(), " FROM session s WHERE s.tenant_id = $1 AND s.id IN ", batch!());
    LIVING_OF_USERS = concat!(
        "SELECT ", session_columns!(), " FROM session s WHERE s.tenant_id = $1 AND s.user_id IN ",
        batch!(), " AND s.ended_at IS NULL LIMIT $27");
    ENDED_OF_USERS = concat!(
        "SELECT ", session_columns!(), " FROM session s WHERE s.tenant_id = $1 AND s.user_id IN ",
        batch!(), " AND s.ended_at IS NOT NULL ORDER BY s.ended_at DESC LIMIT $27");
    STAYS_AMONG = concat!(
        "SELECT p.session_id, p.app_id, p.sid, p.sub, p.user_id, p.first_access, p.last_access, \
         p.ended_at FROM participation p WHERE p.tenant_id = $1 AND p.session_id IN ", batch!());
    USERS_AMONG = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND id IN ", batch!());
    ROLES_AMONG = concat!(
        "SELECT m.user_id, ", role_columns!("r."), " FROM role_member m \
         JOIN role r ON r.tenant_id = m.tenant_id AND r.id = m.role_id \
         WHERE m.tenant_id = $1 AND m.user_id IN ", batch!(),
        " UNION SELECT m.user_id, ", role_columns!("r."), " FROM group_member m \
         JOIN group_role c ON c.tenant_id = m.tenant_id AND c.group_id = m.group_id \
         JOIN role r ON r.tenant_id = c.tenant_id AND r.id = c.role_id \
         WHERE m.tenant_id = $1 AND m.user_id IN ", batch!());
    OWN_ROLES_AMONG = concat!(
        "SELECT m.user_id, r.id, r.name FROM role_member m \
         JOIN role r ON r.tenant_id = m.tenant_id AND r.id = m.role_id \
         WHERE m.tenant_id = $1 AND m.user_id IN ", batch!());
    GROUPS_AMONG = concat!(
        "SELECT m.user_id, g.id, g.name FROM group_member m \
         JOIN user_group g ON +g.tenant_id = m.tenant_id AND g.id = m.group_id \
         WHERE m.tenant_id = $1 AND m.user_id IN ", batch!());
    ACCOUNT_OF_SHOWN_NAME = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND display_key = $3 \
         AND keyed_version = version UNION ALL ",
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND keyed_version < version \
         AND lower(display_name) = lower($2) LIMIT $4");
    // $3 and $5 are texts that follow every text that begins with $2 and $4.
    ACCOUNT_BY_SHOWN_NAME = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND display_key >= $4 \
         AND display_key < $5 AND keyed_version = version UNION ALL ",
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND keyed_version < version \
         AND lower(display_name) >= lower($2) AND lower(display_name) < lower($3) LIMIT $6");

    // Rows that were written before the schema had these two columns, or by a version that doesn't know them.
    SESSIONS_UNKEYED = "SELECT tenant_id, id, ip FROM session WHERE ip_key IS NULL LIMIT $1";
    SESSION_KEY = "UPDATE session SET ip_key = $3 WHERE tenant_id = $1 AND id = $2";
    SESSION_FORGET_ADDRESS = "UPDATE session SET ip = '', ip_key = $3 \
         WHERE tenant_id = $1 AND id = $2 AND ended_at IS NOT NULL";
    STAYS_PLACE = "UPDATE participation SET signed_in_at = coalesce((SELECT s.signed_in_at \
         FROM session s WHERE s.id = participation.session_id \
         AND s.tenant_id = participation.tenant_id), first_access) \
         WHERE signed_in_at = 0 AND session_id IN (SELECT session_id FROM participation \
         WHERE signed_in_at = 0 LIMIT $1)";
}
