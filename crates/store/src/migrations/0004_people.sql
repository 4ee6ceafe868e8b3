-- People and groups as SCIM knows them, and what handlers have to do about events.

-- Grows with every change of the resource: its entity tag.
ALTER TABLE account ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE account ADD COLUMN external_id TEXT;
-- Attributes that have no column, as a JSON object in SCIM's names.
ALTER TABLE account ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';
-- When a lock that failed attempts brought opens by itself.
ALTER TABLE account ADD COLUMN unlock_at BIGINT;
CREATE INDEX account_external ON account (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX account_email ON account (tenant_id, lower(email)) WHERE email IS NOT NULL;
CREATE INDEX account_created ON account (tenant_id, created_at, id);

ALTER TABLE role ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE role ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE role ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;

CREATE TABLE user_group (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    external_id TEXT,
    version BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX user_group_name ON user_group (tenant_id, name_key);

CREATE TABLE group_member (
    tenant_id BIGINT NOT NULL,
    group_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (group_id, user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX group_member_user ON group_member (user_id, tenant_id);

-- The roles that members of a group have by it.
CREATE TABLE group_role (
    tenant_id BIGINT NOT NULL,
    group_id BLOB NOT NULL,
    role_id BLOB NOT NULL,
    PRIMARY KEY (group_id, role_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX group_role_role ON group_role (role_id, tenant_id);

-- Hashes of passwords that a person had before.
CREATE TABLE password_history (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    set_at BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, set_at, tenant_id)
) WITHOUT ROWID;

-- Its person has to sign in afresh before an application is reached again.
ALTER TABLE session ADD COLUMN sign_in_due BIGINT NOT NULL DEFAULT 0;
-- What its end did, a bit for each effect; NULL where a program ended it that didn't say.
ALTER TABLE session ADD COLUMN end_effects BIGINT;

-- Events are counted where their subject is kept.
ALTER TABLE application ADD COLUMN event_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN event_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tenant ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
-- How many accounts it has: counting them would cost more the more there are.
ALTER TABLE tenant ADD COLUMN users BIGINT NOT NULL DEFAULT 0;
UPDATE tenant SET users = (SELECT count(*) FROM account a WHERE a.tenant_id = tenant.id);

-- The duty of one handler towards one event.
CREATE TABLE handler_task (
    tenant_id BIGINT NOT NULL,
    subject_kind BIGINT NOT NULL,
    subject_id BLOB NOT NULL,
    handler TEXT NOT NULL,
    n BIGINT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- While a worker has it: the end of its lease.
    due_at BIGINT NOT NULL,
    settled_at BIGINT,
    last_attempt_at BIGINT,
    last_status BIGINT,
    last_error TEXT,
    PRIMARY KEY (subject_id, handler, subject_kind, tenant_id, n)
) WITHOUT ROWID;
CREATE INDEX handler_task_due ON handler_task (due_at) WHERE state = 'pending';
CREATE INDEX handler_task_open ON handler_task (tenant_id, handler, created_at) WHERE state = 'pending';
CREATE INDEX handler_task_parked ON handler_task (tenant_id, handler, created_at) WHERE state = 'parked';
-- The log of a handler, latest first.
CREATE INDEX handler_task_log ON handler_task (tenant_id, handler, created_at, subject_id, n);

-- The policies of a tenant without those of its users. Scope 4 is a group.
CREATE INDEX session_policy_scope ON session_policy (tenant_id, scope);
