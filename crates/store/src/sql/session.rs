//! Sessions and participations: creating, renewing, touching and reading them.

use crate::dialect::statements;

macro_rules! session_columns {
    () => {
        "s.tenant_id, s.id, s.user_id, s.secret_hash, s.signed_in_at, s.auth_time, s.amr, \
         s.remember, s.ip, s.user_agent, s.last_access, s.idle_timeout_ms, s.idle_deadline, \
         s.absolute_deadline, s.ended_at, s.end_reason, s.end_actor, s.end_id, s.end_effects, \
         s.sign_in_due, s.proofs"
    };
}

pub(crate) use session_columns;

statements! {
    // The epoch is the gate: an end by user, role or group increments it.
    SESSION_GATE = "UPDATE account SET event_count = event_count + 1 \
         WHERE tenant_id = $1 AND id = $2 AND epoch = $3 AND state = 0 \
         AND EXISTS (SELECT 1 FROM tenant t WHERE t.id = $1 AND t.enabled = 1)";
    // Runs after the gate, which locks the user's row, so that concurrent sign-ins count one after the other.
    SESSION_LIMIT = "SELECT id FROM account WHERE tenant_id = $1 AND id = $2 AND (\
         SELECT count(*) FROM session s WHERE s.tenant_id = $1 AND s.user_id = $2 \
         AND s.ended_at IS NULL AND s.idle_deadline > $4 \
         AND (s.absolute_deadline IS NULL OR s.absolute_deadline > $3)) < $5";
    SESSION_TIGHTEN = "UPDATE session SET \
         idle_deadline = CASE WHEN remember = 0 AND idle_deadline > last_access + $3 \
         THEN last_access + $3 ELSE idle_deadline END, \
         idle_timeout_ms = CASE WHEN idle_timeout_ms > $3 THEN $3 ELSE idle_timeout_ms END, \
         absolute_deadline = CASE WHEN CAST($4 AS BIGINT) IS NULL THEN absolute_deadline \
         WHEN absolute_deadline IS NULL OR absolute_deadline > $4 THEN $4 \
         ELSE absolute_deadline END \
         WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL";
    SESSION_CREATE = "INSERT INTO session (tenant_id, id, user_id, secret_hash, signed_in_at, \
         auth_time, amr, remember, ip, user_agent, last_access, idle_timeout_ms, idle_deadline, \
         absolute_deadline, ip_key, proofs) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    SESSION_RENEW = "UPDATE session SET secret_hash = $4, previous_secret_hash = $3, \
         previous_until = $5, sign_in_due = 0, auth_time = $6, amr = $7, remember = $8, last_access = $9, \
         idle_deadline = $10, ip = $11, user_agent = $12, ip_key = $13, proofs = $14 \
         WHERE tenant_id = $1 AND id = $2 AND secret_hash = $3 AND ended_at IS NULL";
    SESSION_TOUCH = "UPDATE session SET last_access = $3, idle_deadline = \
         CASE WHEN idle_deadline > $3 + idle_timeout_ms THEN idle_deadline \
         ELSE $3 + idle_timeout_ms END \
         WHERE tenant_id = $1 AND id = $2 AND last_access < $3 AND ended_at IS NULL";
    // $4 is the current time minus one flush interval, so that no expired session is revived.
    SESSION_EXTEND = "UPDATE session SET \
         last_access = CASE WHEN last_access > $3 THEN last_access ELSE $3 END, idle_deadline = \
         CASE WHEN idle_deadline > $3 + idle_timeout_ms THEN idle_deadline \
         ELSE $3 + idle_timeout_ms END \
         WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL AND idle_deadline > $4 \
         AND (absolute_deadline IS NULL OR absolute_deadline > $3)";
    PARTICIPATION_TOUCH = "UPDATE participation SET last_access = $4 \
         WHERE tenant_id = $1 AND session_id = $2 AND app_id = $3 AND last_access < $4 \
         AND ended_at IS NULL";

    // Sessions of a locked or disabled account can't be used.
    SESSION_BY_SECRET = concat!(
        "SELECT ", session_columns!(), " FROM session s \
         WHERE s.tenant_id = $1 AND s.secret_hash = $2 AND s.ended_at IS NULL \
         AND EXISTS (SELECT 1 FROM account a WHERE a.id = s.user_id AND a.tenant_id = s.tenant_id \
         AND a.state = 0)");
    // Everything that an authorization request needs about a browser, in one read.
    SESSION_AND_STAY = concat!(
        "SELECT ", session_columns!(), ", p.sid, p.sub, p.first_access, p.last_access, p.cut \
         FROM session s LEFT JOIN participation p ON p.tenant_id = s.tenant_id \
         AND p.session_id = s.id AND p.app_id = $3 AND p.ended_at IS NULL \
         WHERE s.tenant_id = $1 AND s.secret_hash = $2 AND s.ended_at IS NULL \
         AND EXISTS (SELECT 1 FROM account a WHERE a.id = s.user_id AND a.tenant_id = s.tenant_id \
         AND a.state = 0)");
    SESSION_BY_PREVIOUS = concat!(
        "SELECT ", session_columns!(), " FROM session s \
         WHERE s.tenant_id = $1 AND s.previous_secret_hash = $2 AND s.previous_until > $3 AND s.previous_until <= $3 + 60000 \
         AND s.ended_at IS NULL \
         AND EXISTS (SELECT 1 FROM account a WHERE a.id = s.user_id AND a.tenant_id = s.tenant_id \
         AND a.state = 0)");
    SESSION_BY_ID = concat!(
        "SELECT ", session_columns!(), " FROM session s WHERE s.tenant_id = $1 AND s.id = $2");
    // Living and not past a deadline: $3 is the current time, $4 the current time minus one flush interval.
    SESSIONS_OF_USER = concat!(
        "SELECT ", session_columns!(), " FROM session s \
         WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL \
         AND s.idle_deadline > $4 AND (s.absolute_deadline IS NULL OR s.absolute_deadline > $3) \
         ORDER BY s.signed_in_at DESC, s.id DESC LIMIT $5");
    LEDGER_OF_USER = concat!(
        "SELECT ", session_columns!(), " FROM session s \
         WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ended_at IS NOT NULL \
         ORDER BY s.ended_at DESC, s.id DESC LIMIT $3");
    SESSIONS_IDLE = "SELECT tenant_id, user_id, id FROM session \
         WHERE ended_at IS NULL AND idle_deadline <= $1 ORDER BY idle_deadline LIMIT $2";
    SESSIONS_OLD = "SELECT tenant_id, user_id, id FROM session \
         WHERE ended_at IS NULL AND absolute_deadline IS NOT NULL AND absolute_deadline <= $1 \
         ORDER BY absolute_deadline LIMIT $2";

    // A participation begins only in a living session and an enabled application, and only if there is none. Two that
    // begin at once count the same number, and the primary key rejects one of them.
    PARTICIPATION_ADD = "INSERT INTO participation (tenant_id, session_id, app_id, stay, sid, \
         user_id, sub, first_access, last_access, signed_in_at) \
         SELECT s.tenant_id, s.id, $3, \
         (SELECT count(*) FROM participation q WHERE q.tenant_id = s.tenant_id \
         AND q.session_id = s.id AND q.app_id = $3), \
         $4, s.user_id, $5, $6, $6, s.signed_in_at FROM session s \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL \
         AND EXISTS (SELECT 1 FROM application x JOIN tenant t ON t.id = x.tenant_id \
         WHERE x.tenant_id = $1 AND x.id = $3 AND x.enabled = 1 AND t.enabled = 1) \
         AND NOT EXISTS (SELECT 1 FROM participation q WHERE q.tenant_id = s.tenant_id \
         AND q.session_id = s.id AND q.app_id = $3 AND q.ended_at IS NULL) FOR SHARE OF s";
    PARTICIPATION_LIVING = "SELECT sid, sub, user_id, first_access, last_access, cut \
         FROM participation WHERE tenant_id = $1 AND session_id = $2 AND app_id = $3 \
         AND ended_at IS NULL";
    PARTICIPATIONS_OF_SESSION = "SELECT p.app_id, p.sid, p.sub, p.user_id, p.first_access, \
         p.last_access, p.ended_at FROM participation p \
         WHERE p.tenant_id = $1 AND p.session_id = $2 ORDER BY p.first_access, p.sid";
}
