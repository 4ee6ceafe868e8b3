-- A change of an application relies on what was read of it.
ALTER TABLE application ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
