-- Browsers in which a second factor isn't asked for until a time, as long as the account's epoch stays what it was.
CREATE TABLE trusted_browser (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    user_agent TEXT NOT NULL,
    trusted_at BIGINT NOT NULL,
    trusted_until BIGINT NOT NULL,
    used_at BIGINT,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (user_id, browser_hash, tenant_id)
) WITHOUT ROWID;
CREATE INDEX trusted_browser_until ON trusted_browser (trusted_until);
