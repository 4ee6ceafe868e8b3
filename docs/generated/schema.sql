-- The schema after every migration. Written by 'make gen'.

CREATE TABLE account (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    password_hash TEXT,
    display_name TEXT,
    given_name TEXT,
    family_name TEXT,
    email TEXT,
    email_verified BIGINT NOT NULL,
    state BIGINT NOT NULL,
    -- Grows with every end that concerns the user: a sign-in begun before doesn't finish.
    epoch BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL, profile TEXT NOT NULL DEFAULT '{}', updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX account_username ON account (tenant_id, username_key);
CREATE TABLE application (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    number BIGINT NOT NULL,
    client_id TEXT NOT NULL,
    name TEXT NOT NULL,
    kind BIGINT NOT NULL,
    owner BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    secret_hash TEXT,
    backchannel_logout_uri TEXT,
    settings TEXT NOT NULL,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX application_client ON application (tenant_id, client_id);
CREATE UNIQUE INDEX application_number ON application (tenant_id, number);
CREATE TABLE audit (
    tenant_id BIGINT NOT NULL,
    happened_at BIGINT NOT NULL,
    id BLOB NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (tenant_id, happened_at, id)
) WITHOUT ROWID;
CREATE TABLE consent (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    app_id BLOB NOT NULL,
    scopes TEXT NOT NULL,
    given_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, app_id, tenant_id)
) WITHOUT ROWID;
CREATE TABLE delivery (
    tenant_id BIGINT NOT NULL,
    sid BLOB NOT NULL,
    session_id BLOB NOT NULL,
    app_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    sub TEXT NOT NULL,
    issuer TEXT NOT NULL,
    uri TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    refusals BIGINT NOT NULL,
    answer_lost BIGINT NOT NULL,
    -- While a worker has it: the end of its lease.
    due_at BIGINT NOT NULL,
    -- 1 while a worker has it.
    leased BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_attempt_at BIGINT,
    last_status BIGINT,
    last_error TEXT,
    last_jti TEXT,
    -- New ones stand together, and the receipt of an attempt finds its page still warm.
    PRIMARY KEY (tenant_id, created_at, sid)
) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery (due_at) WHERE state = 'pending';
CREATE INDEX delivery_session ON delivery (session_id, tenant_id, sid);
CREATE TABLE event (
    tenant_id BIGINT NOT NULL,
    subject_kind BIGINT NOT NULL,
    subject_id BLOB NOT NULL,
    n BIGINT NOT NULL,
    name TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    session_id BLOB,
    data TEXT NOT NULL,
    PRIMARY KEY (subject_id, subject_kind, tenant_id, n)
) WITHOUT ROWID;
CREATE TABLE job (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    payload TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX job_due ON job (due_at) WHERE state = 'pending';
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
CREATE TABLE oauth_grant (
    tenant_id BIGINT NOT NULL,
    -- Begins with the time: what is issued together stands together.
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    app_id BLOB NOT NULL,
    session_id BLOB,
    sid BLOB NOT NULL,
    sub TEXT NOT NULL,
    kind BIGINT NOT NULL,
    scopes TEXT NOT NULL,
    offline BIGINT NOT NULL,
    binding TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- 1: the code waits; 2: it was redeemed.
    code_state BIGINT NOT NULL,
    code_redirect_uri TEXT,
    code_challenge TEXT,
    nonce TEXT,
    token_number BIGINT NOT NULL,
    token_issued_at BIGINT NOT NULL,
    refresh_generation BIGINT NOT NULL,
    refresh_issued_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT,
    end_id BLOB, detail TEXT NOT NULL DEFAULT '{}', outlives_logout BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX oauth_grant_user ON oauth_grant (user_id, tenant_id, session_id)
    WHERE ended_at IS NULL;
CREATE TABLE participation (
    tenant_id BIGINT NOT NULL,
    session_id BLOB NOT NULL,
    app_id BLOB NOT NULL,
    -- Counts the stays of a session in an application: two that begin at once can't both be kept.
    stay BIGINT NOT NULL,
    sid BLOB NOT NULL,
    user_id BLOB NOT NULL,
    sub TEXT NOT NULL,
    first_access BIGINT NOT NULL,
    last_access BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (session_id, app_id, stay, tenant_id)
) WITHOUT ROWID;
CREATE TABLE revoked_token (
    tenant_id BIGINT NOT NULL,
    token_key BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (token_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX revoked_token_expiry ON revoked_token (expires_at);
CREATE TABLE role (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    permissions TEXT NOT NULL,
    state BIGINT NOT NULL,
    epoch BIGINT NOT NULL,
    event_count BIGINT NOT NULL,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX role_name ON role (tenant_id, name_key);
CREATE TABLE role_member (
    tenant_id BIGINT NOT NULL,
    role_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (role_id, user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX role_member_user ON role_member (user_id, tenant_id);
CREATE TABLE session (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    secret_hash BLOB NOT NULL,
    previous_secret_hash BLOB,
    previous_until BIGINT,
    signed_in_at BIGINT NOT NULL,
    auth_time BIGINT NOT NULL,
    amr TEXT NOT NULL,
    remember BIGINT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    last_access BIGINT NOT NULL,
    idle_timeout_ms BIGINT NOT NULL,
    idle_deadline BIGINT NOT NULL,
    absolute_deadline BIGINT,
    ended_at BIGINT,
    end_reason TEXT,
    end_actor TEXT,
    end_id BLOB,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX session_idle ON session (idle_deadline) WHERE ended_at IS NULL;
CREATE INDEX session_ledger ON session (tenant_id, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX session_lifetime ON session (absolute_deadline)
    WHERE ended_at IS NULL AND absolute_deadline IS NOT NULL;
CREATE INDEX session_newest ON session (tenant_id, signed_in_at, id) WHERE ended_at IS NULL;
CREATE INDEX session_of_user ON session (user_id, tenant_id, ended_at, signed_in_at, id);
CREATE INDEX session_previous ON session (previous_secret_hash, tenant_id)
    WHERE previous_secret_hash IS NOT NULL;
CREATE UNIQUE INDEX session_secret ON session (secret_hash, tenant_id);
CREATE TABLE shared_token (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    app_id BLOB NOT NULL,
    scopes TEXT NOT NULL,
    id BLOB NOT NULL,
    -- The only number that is valid. It moves when one of the sessions that use it ends.
    number BIGINT NOT NULL,
    issued_at BIGINT NOT NULL,
    lifetime_ms BIGINT NOT NULL,
    PRIMARY KEY (user_id, app_id, scopes, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX shared_token_id ON shared_token (id, tenant_id);
CREATE TABLE shared_token_session (
    tenant_id BIGINT NOT NULL,
    session_id BLOB NOT NULL,
    shared_id BLOB NOT NULL,
    PRIMARY KEY (session_id, shared_id, tenant_id)
) WITHOUT ROWID;
CREATE TABLE signing_key (
    tenant_id BIGINT NOT NULL,
    kid TEXT NOT NULL,
    alg TEXT NOT NULL,
    sealed_private BLOB NOT NULL,
    created_at BIGINT NOT NULL, generation BIGINT NOT NULL DEFAULT 1, active_from BIGINT NOT NULL DEFAULT 0, retired_at BIGINT,
    PRIMARY KEY (tenant_id, kid)
) WITHOUT ROWID;
CREATE UNIQUE INDEX signing_key_generation ON signing_key (tenant_id, alg, generation);
CREATE TABLE tenant (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled BIGINT NOT NULL,
    -- Grows with every change of applications or keys, so that caches notice.
    catalog_version BIGINT NOT NULL
);
CREATE TABLE throttle (
    tenant_id BIGINT NOT NULL,
    counter_key BLOB NOT NULL,
    attempts BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL,
    PRIMARY KEY (counter_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX throttle_expiry ON throttle (window_ends_at);
