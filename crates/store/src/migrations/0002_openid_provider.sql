-- The whole of an OpenID provider.

-- Standard claims that have no column of their own, as a JSON object.
ALTER TABLE account ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
ALTER TABLE account ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;

-- What the request asked for besides scopes (claims, acr), and what its tokens are bound to, as a JSON object.
ALTER TABLE oauth_grant ADD COLUMN detail TEXT NOT NULL DEFAULT '{}';

-- Its application keeps it when its person signs out in the browser.
ALTER TABLE oauth_grant ADD COLUMN outlives_logout BIGINT NOT NULL DEFAULT 0;

-- Several keys of an algorithm: one before, one in use, one that is published ahead.
DROP INDEX signing_key_alg;
ALTER TABLE signing_key ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE signing_key ADD COLUMN active_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN retired_at BIGINT;
CREATE UNIQUE INDEX signing_key_generation ON signing_key (tenant_id, alg, generation);
