//! Grants, shared tokens, revoked tokens and consents.

use crate::dialect::statements;

macro_rules! grant_columns {
    () => {
        "g.tenant_id, g.id, g.user_id, g.app_id, g.session_id, g.sid, g.sub, g.scopes, g.offline, \
         g.binding, g.auth_time, g.created_at, g.expires_at, g.code_state, g.code_redirect_uri, \
         g.code_challenge, g.nonce, g.token_number, g.token_issued_at, g.refresh_generation, \
         g.refresh_issued_at, g.ended_at, g.kind, g.detail"
    };
}

macro_rules! standing_columns {
    () => {
        "a.state, a.username, s.id, s.ended_at, s.idle_deadline, s.absolute_deadline"
    };
}

// Whether application and tenant are enabled. This is read together with the token's state, because the in-memory copy
// may be a second old.
macro_rules! in_use {
    ($app:literal) => {
        concat!(
            "coalesce((SELECT x.enabled FROM application x WHERE x.tenant_id = $1 AND x.id = ",
            $app,
            "), 0) * coalesce((SELECT t.enabled FROM tenant t WHERE t.id = $1), 0)"
        )
    };
}

statements! {
    // A grant is created only for a living participation in a living session.
    GRANT_ISSUE = "INSERT INTO oauth_grant (tenant_id, id, user_id, app_id, session_id, sid, sub, \
         kind, scopes, offline, binding, auth_time, created_at, expires_at, code_state, \
         code_redirect_uri, code_challenge, nonce, token_number, token_issued_at, \
         refresh_generation, refresh_issued_at, detail, outlives_logout) \
         SELECT s.tenant_id, $3, s.user_id, p.app_id, s.id, p.sid, p.sub, \
         $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $21, $22, $19, $20 \
         FROM session s JOIN participation p ON p.tenant_id = s.tenant_id \
         AND p.session_id = s.id AND p.app_id = $4 AND p.ended_at IS NULL \
         WHERE s.tenant_id = $1 AND s.id = $2 AND s.ended_at IS NULL AND p.sid = $5 AND p.cut = $23 FOR SHARE";
    // Without a session the account's epoch is checked, as at a sign-in.
    GRANT_DETACHED = "INSERT INTO oauth_grant (tenant_id, id, user_id, app_id, sid, sub, kind, scopes, \
         offline, binding, auth_time, created_at, expires_at, code_state, token_number, \
         token_issued_at, refresh_generation, refresh_issued_at, detail) \
         SELECT a.tenant_id, $3, a.id, $4, $5, $6, $7, $8, 0, $9, $10, $10, $11, 2, 1, $10, $12, $13, '{}' \
         FROM account a WHERE a.tenant_id = $1 AND a.id = $2 AND a.epoch = $14 AND a.state = 0 \
         AND EXISTS (SELECT 1 FROM application x JOIN tenant t ON t.id = x.tenant_id \
         WHERE x.tenant_id = $1 AND x.id = $4 AND x.enabled = 1 AND t.enabled = 1) FOR SHARE OF a";
    // All state that decides whether a token of a grant is valid, in one read.
    GRANT_STANDING = concat!(
        "SELECT ", grant_columns!(), ", ", standing_columns!(), ", \
         CASE WHEN EXISTS (SELECT 1 FROM revoked_token r \
         WHERE r.tenant_id = $1 AND r.token_key = $3) THEN 1 ELSE 0 END, ", in_use!("g.app_id"), " \
         FROM oauth_grant g \
         JOIN account a ON a.tenant_id = g.tenant_id AND a.id = g.user_id \
         LEFT JOIN session s ON s.tenant_id = g.tenant_id AND s.id = g.session_id \
         WHERE g.tenant_id = $1 AND g.id = $2");
    // The state that the redemption of a code without a row depends on. A row with that id means that it was redeemed
    // before.
    CODE_STANDING = concat!(
        "SELECT a.id, p.sub, p.cut, ", standing_columns!(), ", \
         CASE WHEN EXISTS (SELECT 1 FROM oauth_grant g \
         WHERE g.tenant_id = $1 AND g.id = $5) THEN 1 ELSE 0 END, ", in_use!("$3"), " \
         FROM session s JOIN account a ON a.tenant_id = s.tenant_id AND a.id = s.user_id \
         JOIN participation p ON p.tenant_id = s.tenant_id AND p.session_id = s.id AND p.app_id = $3 \
         AND p.sid = $4 AND p.ended_at IS NULL \
         WHERE s.tenant_id = $1 AND s.id = $2");
    GRANTS_OF_SESSION = concat!(
        "SELECT ", grant_columns!(), " FROM oauth_grant g \
         WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.session_id = $3 AND g.ended_at IS NULL \
         ORDER BY g.created_at LIMIT $4");
    GRANTS_AFTER = "SELECT tenant_id, id, expires_at FROM oauth_grant WHERE id > $1 \
         ORDER BY id LIMIT $2";
    // The plus excludes the partial index by user: without statistics PostgreSQL considers it as good as the key.
    CODE_REDEEM = "UPDATE oauth_grant SET code_state = 2, code_redirect_uri = NULL, \
         code_challenge = NULL, nonce = NULL, token_number = token_number + 1, token_issued_at = $3, \
         refresh_generation = $4, refresh_issued_at = $3, expires_at = $5 \
         WHERE tenant_id = $1 AND id = $2 AND code_state = 1 AND +ended_at IS NULL";
    GRANT_REFRESH = "UPDATE oauth_grant SET refresh_generation = $5, \
         refresh_issued_at = CASE WHEN CAST($5 AS BIGINT) > CAST($3 AS BIGINT) \
         THEN CAST($6 AS BIGINT) ELSE refresh_issued_at END, \
         token_number = token_number + 1, token_issued_at = $6, expires_at = $7 \
         WHERE tenant_id = $1 AND id = $2 AND refresh_generation = $3 AND token_number = $4 \
         AND +ended_at IS NULL";

    // Every end of a session ends or detaches its grants in the same transaction, so a locked grant that still has its
    // session stands for both.
    GRANT_HOLD = "SELECT id FROM oauth_grant WHERE tenant_id = $1 AND id = $2 AND session_id = $3 \
         AND +ended_at IS NULL FOR SHARE";
    SHARED_BY_KEY = "SELECT id, number, issued_at, lifetime_ms FROM shared_token \
         WHERE tenant_id = $1 AND user_id = $2 AND app_id = $3 AND scopes = $4";
    SHARED_STANDING = concat!(
        "SELECT h.user_id, h.app_id, h.scopes, h.number, h.issued_at, h.lifetime_ms, \
         a.state, a.username, CASE WHEN EXISTS (SELECT 1 FROM revoked_token r \
         WHERE r.tenant_id = $1 AND r.token_key = $3) THEN 1 ELSE 0 END, ", in_use!("h.app_id"), " \
         FROM shared_token h JOIN account a ON a.tenant_id = h.tenant_id AND a.id = h.user_id \
         WHERE h.tenant_id = $1 AND h.id = $2");
    // State of a token that an application has for itself.
    CLIENT_STANDING = "SELECT x.epoch, x.enabled * t.enabled, \
         CASE WHEN EXISTS (SELECT 1 FROM revoked_token r \
         WHERE r.tenant_id = $1 AND r.token_key = $3) THEN 1 ELSE 0 END \
         FROM application x JOIN tenant t ON t.id = x.tenant_id WHERE x.tenant_id = $1 AND x.id = $2";
    SHARED_CREATE = "INSERT INTO shared_token (tenant_id, user_id, app_id, scopes, id, number, \
         issued_at, lifetime_ms) VALUES ($1, $2, $3, $4, $5, 1, $6, $7)";
    SHARED_NEXT = "UPDATE shared_token SET number = number + 1, issued_at = $6, lifetime_ms = $7 \
         WHERE tenant_id = $1 AND user_id = $2 AND app_id = $3 AND scopes = $4 AND number = $5";
    // The row of the shared token is locked, so that its number can't change between the check and the link.
    SHARED_JOIN = "INSERT INTO shared_token_session (tenant_id, session_id, shared_id) \
         SELECT t.tenant_id, $3, t.id FROM shared_token t \
         WHERE t.tenant_id = $1 AND t.id = $2 AND t.number = $4 FOR UPDATE \
         ON CONFLICT (tenant_id, session_id, shared_id) DO UPDATE SET shared_id = excluded.shared_id";
    SHARED_LINK = "INSERT INTO shared_token_session (tenant_id, session_id, shared_id) \
         SELECT t.tenant_id, $5, t.id FROM shared_token t \
         WHERE t.tenant_id = $1 AND t.user_id = $2 AND t.app_id = $3 AND t.scopes = $4 \
         ON CONFLICT (tenant_id, session_id, shared_id) DO UPDATE SET shared_id = excluded.shared_id";

    REVOKED = "SELECT 1 FROM revoked_token WHERE tenant_id = $1 AND token_key = $2";
    // The primary key rejects a value that was used before.
    USE_ONCE = "INSERT INTO revoked_token (tenant_id, token_key, expires_at) VALUES ($1, $2, $3)";
    REVOKE = "INSERT INTO revoked_token (tenant_id, token_key, expires_at) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id, token_key) DO NOTHING";
    CONSENT_GATE = "SELECT id FROM session WHERE tenant_id = $1 AND user_id = $2 AND id = $3 \
         AND ended_at IS NULL FOR SHARE";
    CONSENT_HELD = "SELECT user_id FROM consent WHERE tenant_id = $1 AND user_id = $2 AND app_id = $3 AND scopes = $4";
    CONSENT_PUT = "INSERT INTO consent (tenant_id, user_id, app_id, scopes, given_at) \
         SELECT t.id, $2, $3, $4, $5 FROM tenant t WHERE t.id = $1 AND coalesce((SELECT c.scopes FROM consent c \
         WHERE c.tenant_id = $1 AND c.user_id = $2 AND c.app_id = $3), '') = $6 \
         ON CONFLICT (tenant_id, user_id, app_id) \
         DO UPDATE SET scopes = excluded.scopes, given_at = excluded.given_at WHERE consent.scopes = $6";
    CONSENTS_OF_USER = "SELECT app_id, scopes, given_at FROM consent \
         WHERE tenant_id = $1 AND user_id = $2 ORDER BY app_id";
}
