-- Mail addresses and shown names are found without regard to case beyond ASCII, in one way on both databases. 'keyed_version'
-- is the account's version whose keys these are: what a program before this one changes is keyed again by the cleaning.
ALTER TABLE account ADD COLUMN email_key TEXT;
ALTER TABLE account ADD COLUMN display_key TEXT;
ALTER TABLE account ADD COLUMN keyed_version BIGINT NOT NULL DEFAULT 0;
-- 1 where two login names differ by nothing that people see: the account keeps the key that it had.
ALTER TABLE account ADD COLUMN name_clash BIGINT NOT NULL DEFAULT 0;
CREATE INDEX account_email_key ON account (tenant_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX account_display_key ON account (tenant_id, display_key) WHERE display_key IS NOT NULL;
CREATE INDEX account_unkeyed ON account (id) WHERE keyed_version < version;
CREATE INDEX account_clash ON account (tenant_id) WHERE name_clash = 1;
