-- Addresses that an account has besides its main one, each confirmed by a mail.
CREATE TABLE account_address (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    proved_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, address_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX account_address_key ON account_address (tenant_id, address_key);
