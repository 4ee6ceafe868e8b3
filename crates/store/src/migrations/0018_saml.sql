-- Keys that sign to SAML service providers, with the certificates that those pin.
CREATE TABLE saml_key (
    tenant_id BIGINT NOT NULL,
    alg TEXT NOT NULL,
    -- Counts the keys of a tenant and algorithm, from 1.
    generation BIGINT NOT NULL,
    sealed_private BLOB NOT NULL,
    certificate BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    retired_at BIGINT,
    PRIMARY KEY (tenant_id, alg, generation)
) WITHOUT ROWID;
-- Names that people were given at service providers, kept as long as the session is.
CREATE TABLE saml_name (
    tenant_id BIGINT NOT NULL,
    session_id BLOB NOT NULL,
    sid BLOB NOT NULL,
    -- Hash of the whole name.
    name_key BLOB NOT NULL,
    app_id BLOB NOT NULL,
    value TEXT NOT NULL,
    -- The name with its format and qualifiers, as JSON.
    name TEXT NOT NULL,
    PRIMARY KEY (session_id, sid, name_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX saml_name_value ON saml_name (value, app_id, tenant_id);
-- Requests that were answered, each for one session alone.
CREATE TABLE saml_request (
    tenant_id BIGINT NOT NULL,
    request_key BLOB NOT NULL,
    session_id BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (request_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX saml_request_expiry ON saml_request (expires_at);
