-- A change of an application relies on what was read of it.
ALTER TABLE application ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- What a tenant looks like: the name that pages show, its colour, and which logo it has.
ALTER TABLE tenant ADD COLUMN shown_name TEXT;
ALTER TABLE tenant ADD COLUMN accent TEXT;
ALTER TABLE tenant ADD COLUMN logo_tag TEXT;
CREATE TABLE tenant_logo (
    tenant_id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    body BLOB NOT NULL
);

-- How often something happened in a minute: for what leaves no row of its own that could be counted.
CREATE TABLE tally (
    tenant_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    minute BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name, minute)
) WITHOUT ROWID;
-- What nobody could be told, to be seen and sent again by hand.
CREATE INDEX delivery_dead ON delivery (tenant_id, created_at) WHERE state = 'dead';
