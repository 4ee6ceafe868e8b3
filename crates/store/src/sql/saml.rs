//! SAML service providers: keys, name identifiers and requests.

use crate::dialect::statements;

statements! {
    SAML_KEY_ADD = "INSERT INTO saml_key (tenant_id, alg, generation, sealed_private, certificate, created_at, \
         active_from) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    SAML_KEY_RETIRE = "UPDATE saml_key SET retired_at = $4 WHERE tenant_id = $1 AND alg = $2 AND generation = $3 \
         AND (retired_at IS NULL OR retired_at > $4)";
    SAML_KEYS = "SELECT alg, generation, sealed_private, certificate, created_at, active_from, retired_at \
         FROM saml_key WHERE tenant_id = $1 ORDER BY alg, generation";
    // A request is answered once, or again for the same session: a form that is submitted twice gets two responses.
    SAML_REQUEST_ANSWER = "INSERT INTO saml_request (tenant_id, request_key, session_id, expires_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (request_key, tenant_id) DO UPDATE \
         SET expires_at = saml_request.expires_at WHERE saml_request.session_id = $3";
    // A name is stored only for a living participation in an enabled application.
    SAML_NAME_ADD = "INSERT INTO saml_name (tenant_id, session_id, sid, name_key, app_id, value, name) \
         SELECT p.tenant_id, p.session_id, p.sid, $5, p.app_id, $6, $7 FROM session s \
         JOIN participation p ON p.session_id = s.id AND p.tenant_id = s.tenant_id AND p.app_id = $3 \
         AND p.sid = $4 AND p.ended_at IS NULL \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL \
         AND EXISTS (SELECT 1 FROM application x JOIN tenant t ON t.id = x.tenant_id \
         WHERE x.tenant_id = $1 AND x.id = $3 AND x.enabled = 1 AND t.enabled = 1) FOR SHARE OF s \
         ON CONFLICT (session_id, sid, name_key, tenant_id) DO UPDATE SET value = saml_name.value";
    SAML_NAMES_OF_STAY = "SELECT name FROM saml_name WHERE session_id = $2 AND sid = $3 AND tenant_id = $1 \
         ORDER BY name_key LIMIT $4";
    // Living sessions and participations in which a user has a name.
    SAML_STAYS_BY_NAME = "SELECT n.session_id, n.sid, s.user_id, n.name FROM saml_name n \
         JOIN session s ON s.id = n.session_id AND s.tenant_id = n.tenant_id AND s.ended_at IS NULL \
         JOIN participation p ON p.session_id = n.session_id AND p.tenant_id = n.tenant_id \
         AND p.app_id = n.app_id AND p.sid = n.sid AND p.ended_at IS NULL \
         WHERE n.value = $3 AND n.app_id = $2 AND +n.tenant_id = $1 ORDER BY n.session_id, n.sid LIMIT $4";
    // A service provider without a SOAP address is notified only through the browser.
    SAML_ANSWERED = "UPDATE delivery SET state = $4, attempts = attempts + 1, last_attempt_at = $5, last_error = $6 \
         WHERE +tenant_id = $1 AND session_id = $2 AND sid = $3 AND state = 'unreachable'";
    PURGE_SAML_NAMES = "DELETE FROM saml_name WHERE tenant_id = $1 AND session_id IN (\
         SELECT id FROM session WHERE tenant_id = $1 AND ended_at IS NOT NULL AND ended_at < $2 \
         ORDER BY ended_at, id LIMIT $3)";
    PURGE_SAML_REQUESTS = "DELETE FROM saml_request WHERE (request_key, tenant_id) IN (\
         SELECT request_key, tenant_id FROM saml_request WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
    ERASE_SAML_NAMES = "DELETE FROM saml_name WHERE +tenant_id = $1 AND session_id IN (SELECT id FROM session \
         WHERE tenant_id = $1 AND user_id = ANY(MANY($2)))";
    ERASE_SAML_KEYS = "DELETE FROM saml_key WHERE tenant_id = $1";
}
