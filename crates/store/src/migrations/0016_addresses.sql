-- The proved address that an account had, for the time in which it can be had back.
CREATE TABLE address_before (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    address TEXT NOT NULL,
    replaced_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX address_before_at ON address_before (replaced_at);
