//! Keys, throttles, events, audit and what keeps the house clean.

use crate::dialect::statements;

statements! {
    META_GET = "SELECT value FROM meta WHERE name = $1";
    META_SET = "INSERT INTO meta (name, value) VALUES ($1, $2)";
    // What the key before has signed is dead when the new one has been in use for that long.
    KEY_RETIRE = "UPDATE signing_key SET retired_at = $4 \
         WHERE tenant_id = $1 AND alg = $2 AND generation = $3 AND retired_at IS NULL";
    KEY_ADD = "INSERT INTO signing_key (tenant_id, kid, alg, sealed_private, created_at, generation, \
         active_from) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    KEYS = "SELECT tenant_id, kid, alg, sealed_private, created_at, generation, active_from, \
         retired_at FROM signing_key WHERE tenant_id = $1 ORDER BY created_at, kid";
    AUDIT_ADD = "INSERT INTO audit (tenant_id, happened_at, id, actor, action, target, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    AUDIT_NEWEST = "SELECT happened_at, id, actor, action, target, detail FROM audit \
         WHERE tenant_id = $1 ORDER BY happened_at DESC, id DESC LIMIT $2";
    EVENTS_OF_SUBJECT = "SELECT n, name, happened_at, actor, session_id, data FROM event \
         WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 AND n > $4 \
         ORDER BY n LIMIT $5";
    ATTEMPT_COUNT = "INSERT INTO throttle (tenant_id, counter_key, attempts, window_ends_at) \
         VALUES ($1, $2, 1, CAST($3 AS BIGINT) + CAST($4 AS BIGINT)) ON CONFLICT (tenant_id, counter_key) DO UPDATE SET \
         attempts = CASE WHEN throttle.window_ends_at <= CAST($3 AS BIGINT) THEN 1 ELSE throttle.attempts + 1 END, \
         window_ends_at = CASE WHEN throttle.window_ends_at <= CAST($3 AS BIGINT) THEN CAST($3 AS BIGINT) + CAST($4 AS BIGINT) \
         ELSE throttle.window_ends_at END RETURNING attempts";
    ATTEMPT_CLEAR = "DELETE FROM throttle WHERE tenant_id = $1 AND counter_key = $2";
    ATTEMPT_GET = "SELECT attempts, window_ends_at FROM throttle \
         WHERE tenant_id = $1 AND counter_key = $2";

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
    PURGE_SESSIONS = "DELETE FROM session WHERE tenant_id = $1 AND id IN (\
         SELECT id FROM session WHERE tenant_id = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
         ORDER BY ended_at, id LIMIT $3)";
    // The caller walks through the grants in the order of their ids, so no index by expiry is needed.
    PURGE_GRANT = "DELETE FROM oauth_grant WHERE tenant_id = $1 AND id = $2 AND expires_at < $3";
}
