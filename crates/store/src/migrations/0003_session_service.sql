-- Finding any session among millions.

-- The address as 16 bytes (an IPv4 address mapped into IPv6), so that a network is a range. Empty where the
-- address is none; NULL until it is known.
ALTER TABLE session ADD COLUMN ip_key BLOB;
CREATE INDEX session_unkeyed ON session (id) WHERE ip_key IS NULL;

-- None of these three knows whether a session has ended: an end leaves them alone.
CREATE INDEX session_signed_in ON session (tenant_id, signed_in_at, id);
CREATE INDEX session_accessed ON session (tenant_id, last_access, id);
CREATE INDEX session_network ON session (tenant_id, ip_key, signed_in_at, id);

-- The sessions that live in an application, in the order of their sign-in.
ALTER TABLE participation ADD COLUMN signed_in_at BIGINT NOT NULL DEFAULT 0;
UPDATE participation SET signed_in_at = coalesce((SELECT s.signed_in_at FROM session s
    WHERE s.id = participation.session_id AND s.tenant_id = participation.tenant_id), first_access);
CREATE INDEX participation_living ON participation (app_id, tenant_id, signed_in_at, session_id)
    WHERE ended_at IS NULL;
CREATE INDEX participation_unplaced ON participation (session_id) WHERE signed_in_at = 0;
CREATE INDEX participation_sid ON participation (sid, tenant_id);

-- People by the name that is shown of them.
CREATE INDEX account_display ON account (tenant_id, lower(display_name));

-- Jobs that people watch.
ALTER TABLE job ADD COLUMN kind TEXT NOT NULL DEFAULT 'remove_role';
ALTER TABLE job ADD COLUMN actor TEXT NOT NULL DEFAULT 'system';
ALTER TABLE job ADD COLUMN created_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN finished_at BIGINT;
ALTER TABLE job ADD COLUMN progress TEXT NOT NULL DEFAULT '{}';
ALTER TABLE job ADD COLUMN ended_sessions BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN ended_grants BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN ended_consents BIGINT NOT NULL DEFAULT 0;
ALTER TABLE job ADD COLUMN ended_deliveries BIGINT NOT NULL DEFAULT 0;
CREATE INDEX job_latest ON job (tenant_id, created_at, id);

-- Requests that came with a key of the caller's: the second time they are answered and not carried out.
CREATE TABLE request_key (
    tenant_id BIGINT NOT NULL,
    request_key BLOB NOT NULL,
    -- Of the request: the same key with another one is a mistake.
    request_hash BLOB NOT NULL,
    answer TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (request_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX request_key_age ON request_key (created_at);

-- What an organisation sets for sessions: as a whole (scope 0, subject empty), for an application (1), a role (2) or
-- a user (3).
CREATE TABLE session_policy (
    tenant_id BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    subject BLOB NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (subject, scope, tenant_id)
) WITHOUT ROWID;

-- What applications haven't taken in.
CREATE INDEX delivery_failed ON delivery (tenant_id, created_at, sid) WHERE state IN ('dead', 'refused');

-- The browsers in which someone has signed in, by a cookie of their own; not by address.
CREATE TABLE known_browser (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    first_seen BIGINT NOT NULL,
    PRIMARY KEY (user_id, browser_hash, tenant_id)
) WITHOUT ROWID;

-- Its person said that a sign-in was not theirs: the password opens nothing until another is chosen.
ALTER TABLE account ADD COLUMN password_due BIGINT NOT NULL DEFAULT 0;

-- Mail that waits to be sent.
CREATE TABLE mail (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX mail_due ON mail (due_at);
