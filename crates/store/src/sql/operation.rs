//! Keys, attempt counters, events, audit log, tenant erasure and cleaning.

use crate::dialect::statements;

/// Statements that remove the data of users: `$1` tenant, `$2` list of users.
pub(crate) static ERASURE_OF_USERS: &[&crate::dialect::Statement] = &[
    &crate::sql::saml::ERASE_SAML_NAMES,
    &ERASE_DELIVERIES,
    &ERASE_STAYS,
    &ERASE_LINKS,
    &ERASE_GRANTS,
    &ERASE_SHARED,
    &ERASE_SESSIONS,
    &ERASE_EVENTS,
    &ERASE_TASKS,
    &ERASE_ROLE_MEMBERS,
    &ERASE_GROUP_MEMBERS,
    &ERASE_CONSENTS,
    &ERASE_BROWSERS,
    &ERASE_HISTORY,
    &ERASE_FACTORS,
    &ERASE_CODES,
    &ERASE_TRUST,
    &ERASE_ADDRESSES,
    &ERASE_OTHER_ADDRESSES,
    &ERASE_TERMS,
    &ERASE_DELETIONS,
    &ERASE_ACCOUNTS,
];

/// Statements that remove the remaining data of a tenant without users: `$1` tenant.
pub(crate) static ERASURE_OF_TENANT: &[&crate::dialect::Statement] = &[
    &ERASE_ROLE_EVENTS,
    &ERASE_GROUP_EVENTS,
    &ERASE_APPLICATION_EVENTS,
    &ERASE_OTHER_TASKS,
    &ERASE_GROUP_ROLES,
    &ERASE_GROUPS,
    &ERASE_ROLES,
    &ERASE_ORIGINS,
    &ERASE_SIGN_UP_CODES,
    &ERASE_SECRET_USES,
    &ERASE_APPLICATIONS,
    &ERASE_POLICIES,
    &ERASE_KEYS,
    &crate::sql::saml::ERASE_SAML_KEYS,
    &ERASE_MAIL,
    &ERASE_AUDIT,
    &ERASE_TALLY,
    &crate::sql::directory::TENANT_LOGO_REMOVE,
];

macro_rules! erase_by_user {
    ($table:literal) => {
        concat!("DELETE FROM ", $table, " WHERE tenant_id = $1 AND user_id = ANY(MANY($2))")
    };
}

macro_rules! erase_by_session {
    ($table:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE +tenant_id = $1 AND session_id IN (SELECT id FROM session WHERE tenant_id = $1 \
             AND user_id = ANY(MANY($2)))"
        )
    };
}

macro_rules! erase_events_of {
    ($table:literal, $kind:literal) => {
        concat!(
            "DELETE FROM event WHERE +tenant_id = $1 AND subject_kind = ",
            $kind,
            " AND subject_id IN (SELECT id FROM ",
            $table,
            " WHERE tenant_id = $1)"
        )
    };
}

macro_rules! window_over {
    () => {
        "throttle.window_ends_at <= CAST($3 AS BIGINT) \
         OR throttle.window_ends_at > CAST($3 AS BIGINT) + CAST($4 AS BIGINT)"
    };
}

statements! {
    ERASE_DELIVERIES = erase_by_session!("delivery");
    ERASE_STAYS = erase_by_session!("participation");
    ERASE_LINKS = erase_by_session!("shared_token_session");
    // The purge removes ended grants later.
    ERASE_GRANTS = "DELETE FROM oauth_grant WHERE tenant_id = $1 AND user_id = ANY(MANY($2)) \
         AND ended_at IS NULL";
    ERASE_SHARED = erase_by_user!("shared_token");
    ERASE_SESSIONS = erase_by_user!("session");
    ERASE_EVENTS = "DELETE FROM event WHERE tenant_id = $1 AND subject_kind = 1 \
         AND subject_id = ANY(MANY($2))";
    ERASE_TASKS = "DELETE FROM handler_task WHERE +tenant_id = $1 AND subject_kind = 1 \
         AND subject_id = ANY(MANY($2))";
    ERASE_ROLE_MEMBERS = erase_by_user!("role_member");
    ERASE_GROUP_MEMBERS = erase_by_user!("group_member");
    ERASE_CONSENTS = erase_by_user!("consent");
    ERASE_BROWSERS = erase_by_user!("known_browser");
    ERASE_HISTORY = erase_by_user!("password_history");
    ERASE_FACTORS = erase_by_user!("factor");
    ERASE_CODES = erase_by_user!("recovery_code");
    ERASE_TRUST = erase_by_user!("trusted_browser");
    ERASE_ADDRESSES = erase_by_user!("address_before");
    ERASE_OTHER_ADDRESSES = erase_by_user!("account_address");
    ERASE_DELETIONS = erase_by_user!("account_deletion");
    ERASE_TERMS = erase_by_user!("terms_accepted");
    ERASE_ACCOUNTS = "DELETE FROM account WHERE tenant_id = $1 AND id = ANY(MANY($2))";
    ERASE_ROLE_EVENTS = erase_events_of!("role", "2");
    ERASE_GROUP_EVENTS = erase_events_of!("user_group", "3");
    ERASE_APPLICATION_EVENTS = erase_events_of!("application", "4");
    ERASE_OTHER_TASKS = "DELETE FROM handler_task WHERE tenant_id = $1";
    ERASE_GROUP_ROLES = "DELETE FROM group_role WHERE tenant_id = $1";
    ERASE_GROUPS = "DELETE FROM user_group WHERE tenant_id = $1";
    ERASE_ROLES = "DELETE FROM role WHERE tenant_id = $1";
    ERASE_APPLICATIONS = "DELETE FROM application WHERE tenant_id = $1";
    ERASE_SIGN_UP_CODES = "DELETE FROM sign_up_code WHERE tenant_id = $1";
    ERASE_ORIGINS = "DELETE FROM application_origin WHERE app_id IN (SELECT id FROM application \
         WHERE tenant_id = $1) AND tenant_id = $1";
    ERASE_SECRET_USES = "DELETE FROM application_secret_use WHERE app_id IN (SELECT id FROM application \
         WHERE tenant_id = $1) AND tenant_id = $1";
    ERASE_POLICIES = "DELETE FROM session_policy WHERE tenant_id = $1";
    ERASE_KEYS = "DELETE FROM signing_key WHERE tenant_id = $1";
    ERASE_MAIL = "DELETE FROM mail WHERE tenant_id = $1";
    ERASE_AUDIT = "DELETE FROM audit WHERE tenant_id = $1";
    ERASE_TALLY = "DELETE FROM tally WHERE tenant_id = $1";
    META_GET = "SELECT value FROM meta WHERE name = $1";
    META_SET = "INSERT INTO meta (name, value) VALUES ($1, $2)";
    // Everything that the previous key signed has expired once the new one has been in use for that long.
    KEY_RETIRE = "UPDATE signing_key SET retired_at = $4 \
         WHERE tenant_id = $1 AND alg = $2 AND generation = $3 \
         AND (retired_at IS NULL OR retired_at > $4)";
    KEY_ADD = "INSERT INTO signing_key (tenant_id, kid, alg, sealed_private, created_at, generation, \
         active_from) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    KEYS = "SELECT tenant_id, kid, alg, sealed_private, created_at, generation, active_from, \
         retired_at FROM signing_key WHERE tenant_id = $1 ORDER BY created_at, kid";
    AUDIT_ADD = "INSERT INTO audit (tenant_id, happened_at, id, actor, action, target, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    AUDIT_SINCE = "SELECT happened_at, id, actor, action, target, detail FROM audit \
         WHERE tenant_id = $1 AND (happened_at, id) > ($2, $3) ORDER BY happened_at, id LIMIT $4";
    AUDIT_BEFORE = "SELECT happened_at, id, actor, action, target, detail FROM audit \
         WHERE tenant_id = $1 AND (happened_at, id) < ($2, $3) \
         ORDER BY happened_at DESC, id DESC LIMIT $4";
    EVENTS_OF_SUBJECT = "SELECT n, name, happened_at, actor, session_id, data FROM event \
         WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 AND n > $4 \
         ORDER BY n LIMIT $5";
    TALLY = "INSERT INTO tally (tenant_id, name, minute, number) VALUES ($1, $2, $3, 1) \
         ON CONFLICT (tenant_id, name, minute) DO UPDATE SET number = tally.number + 1";
    TALLY_BY_TIME = "SELECT (minute * 60000 - $3) / CAST($4 AS BIGINT), CAST(sum(number) AS BIGINT) \
         FROM tally WHERE tenant_id = $1 AND name = $2 AND minute * 60000 >= $3 AND minute >= $5 \
         GROUP BY (minute * 60000 - $3) / CAST($4 AS BIGINT)";
    PURGE_TALLY = "DELETE FROM tally WHERE tenant_id = $1 AND name = $2 AND minute < $3";
    // A window that ends later than one that begins now was opened by a clock that has been set back since: it counts
    // as over.
    ATTEMPT_COUNT = concat!(
        "INSERT INTO throttle (tenant_id, counter_key, attempts, window_ends_at) \
         VALUES ($1, $2, 1, CAST($3 AS BIGINT) + CAST($4 AS BIGINT)) ON CONFLICT (tenant_id, counter_key) DO UPDATE SET \
         attempts = CASE WHEN ", window_over!(), " THEN 1 ELSE throttle.attempts + 1 END, \
         window_ends_at = CASE WHEN ", window_over!(), " THEN CAST($3 AS BIGINT) + CAST($4 AS BIGINT) \
         ELSE throttle.window_ends_at END RETURNING attempts");
    // $1 is the current time, $2 the latest time that another node's clock may show.
    RIGHT_DELIVERIES = "UPDATE delivery SET due_at = $1, leased = 0 WHERE state = 'pending' AND due_at > $2 \
         AND (created_at > $2 OR coalesce(last_attempt_at, 0) > $2 OR leased = 1)";
    RIGHT_TASKS = "UPDATE handler_task SET due_at = CASE WHEN created_at > $2 \
         THEN CAST($1 AS BIGINT) + due_at - created_at \
         WHEN coalesce(last_attempt_at, 0) > $2 THEN $1 ELSE due_at END, \
         lease_until = CASE WHEN lease_until > $2 THEN 0 ELSE lease_until END, \
         created_at = CASE WHEN created_at > $2 THEN $1 ELSE created_at END \
         WHERE state = 'pending' AND (lease_until > $2 OR created_at > $2 \
         OR (due_at > $2 AND coalesce(last_attempt_at, 0) > $2))";
    RIGHT_JOBS = "UPDATE job SET lease_until = 0, due_at = CASE WHEN due_at > $1 THEN $1 ELSE due_at END \
         WHERE state = 'pending' AND (due_at > $2 OR lease_until > $2)";
    RIGHT_MAIL = "UPDATE mail SET due_at = $1 WHERE due_at > $1 AND (created_at > $2 OR due_at > $3)";
    RIGHT_SESSIONS = "UPDATE session SET \
         idle_deadline = idle_deadline - (last_access - CAST($1 AS BIGINT)), \
         absolute_deadline = CASE WHEN signed_in_at > $2 \
         THEN absolute_deadline - (signed_in_at - CAST($1 AS BIGINT)) ELSE absolute_deadline END, \
         signed_in_at = CASE WHEN signed_in_at > $2 THEN $1 ELSE signed_in_at END, \
         auth_time = CASE WHEN auth_time > $2 THEN $1 ELSE auth_time END, last_access = $1 \
         WHERE tenant_id = $3 AND last_access > $2 AND ended_at IS NULL";
    PROBE = "UPDATE meta SET value = value WHERE name = 'schema_version'";
    ATTEMPT_TAKE_BACK = "UPDATE throttle SET attempts = attempts - 1 \
         WHERE tenant_id = $1 AND counter_key = $2 AND attempts > 0";
    ATTEMPT_CLEAR = "DELETE FROM throttle WHERE tenant_id = $1 AND counter_key = $2";
    ATTEMPT_GET = "SELECT attempts, window_ends_at FROM throttle \
         WHERE tenant_id = $1 AND counter_key = $2";

    REQUEST_KEEP = "INSERT INTO request_key (tenant_id, request_key, request_hash, answer, created_at) \
         VALUES ($1, $2, $3, $4, $5)";
    REQUEST_ANSWER = "UPDATE request_key SET answer = $3 WHERE tenant_id = $1 AND request_key = $2";
    REQUEST_KEPT = "SELECT request_hash, answer FROM request_key \
         WHERE tenant_id = $1 AND request_key = $2";

    MAIL_ADD = "INSERT INTO mail (tenant_id, id, recipient, subject, body, attempts, created_at, due_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6, $6)";
    MAIL_CLAIM = "UPDATE mail SET due_at = $2, attempts = attempts + 1 WHERE (tenant_id, id) IN (\
         SELECT tenant_id, id FROM mail WHERE due_at <= $1 ORDER BY due_at LIMIT $3 \
         FOR UPDATE SKIP LOCKED) \
         RETURNING tenant_id, id, recipient, subject, body, attempts, created_at";
    MAIL_SENT = "DELETE FROM mail WHERE tenant_id = $1 AND id = $2";
    MAIL_LATER = "UPDATE mail SET due_at = $3 WHERE tenant_id = $1 AND id = $2";

    PURGE_REQUESTS = "DELETE FROM request_key WHERE (tenant_id, request_key) IN (\
         SELECT tenant_id, request_key FROM request_key WHERE created_at < $1 LIMIT $2)";
    PURGE_JOBS = "DELETE FROM job WHERE tenant_id = $1 AND id IN (SELECT id FROM job \
         WHERE tenant_id = $1 AND created_at < $2 AND state <> 'pending' \
         ORDER BY created_at LIMIT $3)";
    PURGE_REVOKED = "DELETE FROM revoked_token WHERE (tenant_id, token_key) IN (\
         SELECT tenant_id, token_key FROM revoked_token WHERE expires_at <= $1 LIMIT $2)";
    PURGE_THROTTLE = "DELETE FROM throttle WHERE (tenant_id, counter_key) IN (\
         SELECT tenant_id, counter_key FROM throttle WHERE window_ends_at <= $1 LIMIT $2)";
    PURGE_DELIVERIES = "DELETE FROM delivery WHERE (tenant_id, created_at, sid) IN (\
         SELECT tenant_id, created_at, sid FROM delivery WHERE tenant_id = $1 AND created_at < $2 \
         AND state <> 'pending' ORDER BY created_at LIMIT $3)";
    PURGE_STAYS = "DELETE FROM participation WHERE tenant_id = $1 AND session_id IN (\
         SELECT id FROM session WHERE tenant_id = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
         ORDER BY ended_at, id LIMIT $3)";
    PURGE_LINKS = "DELETE FROM shared_token_session WHERE tenant_id = $1 AND session_id IN (\
         SELECT id FROM session WHERE tenant_id = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
         ORDER BY ended_at, id LIMIT $3)";
    // Only sessions without participations and links, which are found through their session. Another node may have
    // removed the sessions that the previous statements examined, and then these are others.
    PURGE_SESSIONS = "DELETE FROM session WHERE tenant_id = $1 AND id IN (\
         SELECT id FROM session WHERE tenant_id = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
         ORDER BY ended_at, id LIMIT $3) \
         AND NOT EXISTS (SELECT 1 FROM participation p WHERE p.session_id = session.id AND p.tenant_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM saml_name n WHERE n.session_id = session.id AND n.tenant_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM shared_token_session l WHERE l.session_id = session.id AND l.tenant_id = $1)";
    // An event that a handler hasn't processed stays.
    PURGE_EVENTS = "DELETE FROM event WHERE (subject_id, subject_kind, tenant_id, n) IN (\
         SELECT e.subject_id, e.subject_kind, e.tenant_id, e.n FROM event e WHERE e.happened_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM handler_task k WHERE k.subject_id = e.subject_id \
         AND k.subject_kind = e.subject_kind AND k.tenant_id = e.tenant_id AND k.n = e.n \
         AND k.state IN ('pending', 'parked')) ORDER BY e.happened_at LIMIT $2)";
    PURGE_AUDIT = "DELETE FROM audit WHERE (tenant_id, happened_at, id) IN (\
         SELECT tenant_id, happened_at, id FROM audit WHERE tenant_id = $1 AND happened_at < $2 \
         ORDER BY happened_at LIMIT $3)";
    // Rows of an older version have no time of last use: the first use counts.
    PURGE_BROWSERS = "DELETE FROM known_browser WHERE (user_id, browser_hash, tenant_id) IN (\
         SELECT user_id, browser_hash, tenant_id FROM known_browser \
         WHERE last_seen < $1 AND first_seen < $1 ORDER BY last_seen LIMIT $2)";
    // The oldest row of each kind with a limited retention.
    PURGE_OLDEST = "SELECT (SELECT min(happened_at) FROM event), \
         (SELECT min(expires_at) FROM revoked_token), \
         (SELECT min(window_ends_at) FROM throttle), \
         (SELECT min(created_at) FROM request_key), \
         (SELECT min(last_seen) FROM known_browser WHERE last_seen > 0), \
         (SELECT min((SELECT min(s.ended_at) FROM session s WHERE s.tenant_id = t.id \
         AND s.ended_at IS NOT NULL)) FROM tenant t), \
         (SELECT min((SELECT min(d.created_at) FROM delivery d WHERE d.tenant_id = t.id)) FROM tenant t), \
         (SELECT min((SELECT min(l.happened_at) FROM audit l WHERE l.tenant_id = t.id)) FROM tenant t)";
    // The caller scans the grants in the order of their ids, so no index by expiry is needed.
    PURGE_GRANT = "DELETE FROM oauth_grant WHERE tenant_id = $1 AND id = $2 AND expires_at < $3";
}
