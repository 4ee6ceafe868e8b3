-- Who may make an account, as JSON, and whether anybody may.
ALTER TABLE tenant ADD COLUMN sign_up TEXT;
ALTER TABLE tenant ADD COLUMN sign_up_open BIGINT NOT NULL DEFAULT 0;
-- Codes that let people make accounts.
CREATE TABLE sign_up_code (
    tenant_id BIGINT NOT NULL,
    code_hash BLOB NOT NULL,
    label TEXT NOT NULL,
    uses_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, code_hash)
) WITHOUT ROWID;
-- Terms of use that people accepted.
CREATE TABLE terms_accepted (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    version TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, version, tenant_id)
) WITHOUT ROWID;
-- Accounts whose people want to delete them: at a time, or once an administrator agrees.
CREATE TABLE account_deletion (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    asked_at BIGINT NOT NULL,
    due_at BIGINT,
    PRIMARY KEY (user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX account_deletion_due ON account_deletion (due_at);
CREATE INDEX account_deletion_asked ON account_deletion (tenant_id, asked_at);
