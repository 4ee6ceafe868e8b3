//! Self-service sign-up: rules, codes, requested deletions and accepted terms.

use crate::dialect::statements;

statements! {
    SIGN_UP_SET = "UPDATE tenant SET sign_up = $2, sign_up_open = $3, catalog_version = catalog_version + 1 \
         WHERE id = $1";
    SIGN_UP_OPEN = "SELECT id FROM tenant WHERE id = $1 AND sign_up_open = 1 AND enabled = 1";
    CODE_ADD = "INSERT INTO sign_up_code (tenant_id, code_hash, label, uses_left, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)";
    CODE_REMOVE = "DELETE FROM sign_up_code WHERE tenant_id = $1 AND code_hash = $2";
    CODE_USE = "UPDATE sign_up_code SET uses_left = uses_left - 1 \
         WHERE tenant_id = $1 AND code_hash = $2 AND uses_left > 0 AND expires_at > $3";
    CODE_BY_HASH = "SELECT code_hash, label, uses_left, expires_at, created_at FROM sign_up_code \
         WHERE tenant_id = $1 AND code_hash = $2";
    CODES = "SELECT code_hash, label, uses_left, expires_at, created_at FROM sign_up_code \
         WHERE tenant_id = $1 ORDER BY created_at DESC, code_hash LIMIT $2";
    DELETION_ASK = "INSERT INTO account_deletion (tenant_id, user_id, asked_at, due_at) \
         SELECT a.tenant_id, a.id, $3, $4 FROM account a WHERE +a.tenant_id = $1 AND a.id = $2 AND a.epoch = $5 AND a.state = 0 \
         ON CONFLICT DO NOTHING";
    DELETION_SETTLE = "DELETE FROM account_deletion WHERE user_id = $2 AND tenant_id = $1";
    DELETION_OF = "SELECT user_id, asked_at, due_at FROM account_deletion WHERE user_id = $2 AND tenant_id = $1";
    DELETIONS = "SELECT user_id, asked_at, due_at FROM account_deletion WHERE tenant_id = $1 \
         ORDER BY asked_at, user_id LIMIT $2";
    DELETIONS_DUE = "SELECT tenant_id, user_id FROM account_deletion WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
    TERMS_ACCEPT = "INSERT INTO terms_accepted (tenant_id, user_id, version, accepted_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    TERMS_OF = "SELECT version, accepted_at FROM terms_accepted WHERE user_id = $2 AND tenant_id = $1 \
         ORDER BY accepted_at, version";
}
