-- Roles have ids of other systems, as users and groups have.
ALTER TABLE role ADD COLUMN external_id TEXT;
