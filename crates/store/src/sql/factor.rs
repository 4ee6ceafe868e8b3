//! Factors, recovery codes and trusted browsers.

use crate::dialect::statements;

statements! {
    ACCOUNT_RECOVERS = "UPDATE account SET recovers_at = $3 WHERE tenant_id = $1 AND id = $2 \
         AND coalesce(recovers_at, 0) = coalesce($4, recovers_at, 0)";
    // Serializes changes of an account's factors, so that their number stays correct.
    FACTORS_LOCK = "SELECT id FROM account WHERE tenant_id = $1 AND id = $2 FOR UPDATE";
    // The same for additions, which also require an unchanged epoch of the account.
    FACTORS_LOCK_AT = "SELECT id FROM account WHERE tenant_id = $1 AND id = $2 AND epoch = $3 FOR UPDATE";
    // A passkey (kind 2) is sufficient to sign in by itself, so it isn't asked for after a password.
    FACTORS_COUNT = "UPDATE account SET factors = (SELECT count(*) FROM factor f \
         WHERE f.user_id = $2 AND f.tenant_id = $1 AND f.kind <> 2), epoch = epoch + $3 WHERE tenant_id = $1 AND id = $2";
    FACTOR_ADD = "INSERT INTO factor (tenant_id, user_id, id, kind, name, secret, step, added_at) \
         SELECT t.id, $2, $3, $4, $5, $6, $7, $8 FROM tenant t WHERE t.id = $1 \
         AND (SELECT count(*) FROM factor f WHERE f.user_id = $2 AND f.tenant_id = $1) < $9 \
         ON CONFLICT DO NOTHING";
    FACTOR_USE = "UPDATE factor SET step = $4, used_at = $5 \
         WHERE user_id = $2 AND id = $3 AND tenant_id = $1 AND step < $4";
    FACTOR_USE_KEY = "UPDATE factor SET step = $4, used_at = $5 \
         WHERE user_id = $2 AND id = $3 AND tenant_id = $1";
    FACTOR_RESEAL = "UPDATE factor SET secret = $4 WHERE user_id = $2 AND id = $3 AND tenant_id = $1";
    FACTOR_RENAME = "UPDATE factor SET name = $4 WHERE user_id = $2 AND id = $3 AND tenant_id = $1";
    FACTOR_REMOVE = "DELETE FROM factor WHERE user_id = $2 AND id = $3 AND tenant_id = $1";
    FACTORS_REMOVE = "DELETE FROM factor WHERE user_id = $2 AND tenant_id = $1 AND added_at >= $3";
    FACTORS_OF = "SELECT id, kind, name, secret, step, added_at, used_at FROM factor \
         WHERE user_id = $2 AND tenant_id = $1 ORDER BY added_at, id";
    FACTOR_BY_ID = "SELECT user_id, id, kind, name, secret, step, added_at, used_at FROM factor \
         WHERE id = $2 AND tenant_id = $1";
    CODE_PUT = "INSERT INTO recovery_code (tenant_id, user_id, code_hash, made_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    CODE_USE = "DELETE FROM recovery_code WHERE user_id = $2 AND code_hash = $3 AND tenant_id = $1";
    CODE_THERE = "SELECT 1 FROM recovery_code WHERE user_id = $2 AND code_hash = $3 AND tenant_id = $1";
    CODES_REMOVE = "DELETE FROM recovery_code WHERE user_id = $2 AND tenant_id = $1";
    CODES_SINCE = "DELETE FROM recovery_code WHERE user_id = $2 AND tenant_id = $1 AND made_at >= $3";
    // Recovery codes are removed if no factor is left.
    CODES_IDLE = "DELETE FROM recovery_code WHERE user_id = $2 AND tenant_id = $1 AND NOT EXISTS (\
         SELECT 1 FROM factor f WHERE f.user_id = $2 AND f.tenant_id = $1)";
    CODES_LEFT = "SELECT count(*) FROM recovery_code WHERE user_id = $2 AND tenant_id = $1";
    // The trust is tied to the account's epoch: a later change of the account revokes it.
    TRUST_PUT = "INSERT INTO trusted_browser (tenant_id, user_id, browser_hash, user_agent, trusted_at, \
         trusted_until, epoch) SELECT tenant_id, id, $3, $4, $5, $6, epoch FROM account \
         WHERE tenant_id = $1 AND id = $2 AND epoch = $7 ON CONFLICT (user_id, browser_hash, tenant_id) DO UPDATE SET \
         user_agent = excluded.user_agent, trusted_at = excluded.trusted_at, \
         trusted_until = excluded.trusted_until, used_at = NULL, epoch = excluded.epoch";
    TRUST_USE = "UPDATE trusted_browser SET used_at = $4 WHERE user_id = $2 AND browser_hash = $3 \
         AND tenant_id = $1 AND trusted_until > $4 AND epoch = (SELECT a.epoch FROM account a \
         WHERE a.tenant_id = $1 AND a.id = $2)";
    TRUST_REMOVE = "DELETE FROM trusted_browser WHERE user_id = $2 AND browser_hash = $3 AND tenant_id = $1";
    TRUST_CLEAR = "DELETE FROM trusted_browser WHERE user_id = $2 AND tenant_id = $1";
    TRUSTED = "SELECT t.browser_hash, t.user_agent, t.trusted_at, t.trusted_until, t.used_at \
         FROM trusted_browser t JOIN account a ON a.id = t.user_id AND +a.tenant_id = t.tenant_id \
         WHERE t.user_id = $2 AND t.tenant_id = $1 AND t.trusted_until > $3 AND t.epoch = a.epoch \
         ORDER BY t.trusted_at DESC LIMIT $4";
    IS_TRUSTED = "SELECT 1 FROM trusted_browser t JOIN account a ON a.id = t.user_id AND +a.tenant_id = t.tenant_id \
         WHERE t.user_id = $2 AND t.browser_hash = $3 AND t.tenant_id = $1 AND t.trusted_until > $4 \
         AND t.trusted_at > $5 AND t.trusted_at <= $6 AND t.epoch = a.epoch";
    PURGE_TRUST = "DELETE FROM trusted_browser WHERE (user_id, browser_hash, tenant_id) IN (\
         SELECT user_id, browser_hash, tenant_id FROM trusted_browser WHERE trusted_until < $1 \
         ORDER BY trusted_until LIMIT $2)";
}
