-- Passkeys and security keys: the id of a factor comes from its credential, by which it is found. A credential belongs to one
-- account.
CREATE UNIQUE INDEX factor_by_id ON factor (id, tenant_id);
