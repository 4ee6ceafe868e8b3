-- When each secret of an application was used last, by the beginning of the hash of what is stored of it.
CREATE TABLE application_secret_use (
    tenant_id BIGINT NOT NULL,
    app_id BLOB NOT NULL,
    secret BLOB NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, secret, tenant_id)
) WITHOUT ROWID;
