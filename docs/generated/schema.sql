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
    created_at BIGINT NOT NULL, profile TEXT NOT NULL DEFAULT '{}', updated_at BIGINT NOT NULL DEFAULT 0, password_due BIGINT NOT NULL DEFAULT 0, version BIGINT NOT NULL DEFAULT 1, external_id TEXT, attributes TEXT NOT NULL DEFAULT '{}', unlock_at BIGINT, email_key TEXT, display_key TEXT, keyed_version BIGINT NOT NULL DEFAULT 0, name_clash BIGINT NOT NULL DEFAULT 0, factors BIGINT NOT NULL DEFAULT 0, recovers_at BIGINT,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX account_clash ON account (tenant_id) WHERE name_clash = 1;
CREATE INDEX account_created ON account (tenant_id, created_at, id);
CREATE INDEX account_display ON account (tenant_id, lower(display_name));
CREATE INDEX account_display_key ON account (tenant_id, display_key) WHERE display_key IS NOT NULL;
CREATE INDEX account_email ON account (tenant_id, lower(email)) WHERE email IS NOT NULL;
CREATE INDEX account_email_key ON account (tenant_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX account_external ON account (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX account_unkeyed ON account (id) WHERE keyed_version < version;
CREATE UNIQUE INDEX account_username ON account (tenant_id, username_key);
CREATE TABLE account_address (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL,
    proved_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, address_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX account_address_key ON account_address (tenant_id, address_key);
CREATE TABLE account_deletion (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    asked_at BIGINT NOT NULL,
    due_at BIGINT,
    PRIMARY KEY (user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX account_deletion_asked ON account_deletion (tenant_id, asked_at);
CREATE INDEX account_deletion_due ON account_deletion (due_at);
CREATE TABLE address_before (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    address TEXT NOT NULL,
    replaced_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX address_before_at ON address_before (replaced_at);
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
    settings TEXT NOT NULL, event_count BIGINT NOT NULL DEFAULT 0, version BIGINT NOT NULL DEFAULT 1,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX application_client ON application (tenant_id, client_id);
CREATE UNIQUE INDEX application_number ON application (tenant_id, number);
CREATE TABLE application_origin (
    tenant_id BIGINT NOT NULL,
    origin TEXT NOT NULL,
    app_id BLOB NOT NULL,
    PRIMARY KEY (origin, app_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX application_origin_app ON application_origin (app_id, tenant_id);
CREATE TABLE application_secret_use (
    tenant_id BIGINT NOT NULL,
    app_id BLOB NOT NULL,
    secret BLOB NOT NULL,
    used_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, secret, tenant_id)
) WITHOUT ROWID;
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
CREATE INDEX delivery_dead ON delivery (tenant_id, created_at) WHERE state = 'dead';
CREATE INDEX delivery_due ON delivery (due_at) WHERE state = 'pending';
CREATE INDEX delivery_failed ON delivery (tenant_id, created_at, sid) WHERE state IN ('dead', 'refused');
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
CREATE INDEX event_age ON event (happened_at);
CREATE TABLE factor (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    id BLOB NOT NULL,
    kind BIGINT NOT NULL,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    step BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, id, tenant_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX factor_by_id ON factor (id, tenant_id);
CREATE TABLE group_member (
    tenant_id BIGINT NOT NULL,
    group_id BLOB NOT NULL,
    user_id BLOB NOT NULL,
    PRIMARY KEY (group_id, user_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX group_member_user ON group_member (user_id, tenant_id);
CREATE TABLE group_role (
    tenant_id BIGINT NOT NULL,
    group_id BLOB NOT NULL,
    role_id BLOB NOT NULL,
    PRIMARY KEY (group_id, role_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX group_role_role ON group_role (role_id, tenant_id);
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
    last_error TEXT, lease_until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (subject_id, handler, subject_kind, tenant_id, n)
) WITHOUT ROWID;
CREATE INDEX handler_task_due ON handler_task (handler, due_at) WHERE state = 'pending';
CREATE INDEX handler_task_log ON handler_task (tenant_id, handler, created_at, subject_id, n);
CREATE INDEX handler_task_open ON handler_task (tenant_id, handler, created_at) WHERE state = 'pending';
CREATE INDEX handler_task_parked ON handler_task (tenant_id, handler, created_at) WHERE state = 'parked';
CREATE TABLE job (
    tenant_id BIGINT NOT NULL,
    id BLOB NOT NULL,
    payload TEXT NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL,
    state TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    error TEXT, kind TEXT NOT NULL DEFAULT 'remove_role', actor TEXT NOT NULL DEFAULT 'system', created_at BIGINT NOT NULL DEFAULT 0, finished_at BIGINT, progress TEXT NOT NULL DEFAULT '{}', ended_sessions BIGINT NOT NULL DEFAULT 0, ended_grants BIGINT NOT NULL DEFAULT 0, ended_consents BIGINT NOT NULL DEFAULT 0, ended_deliveries BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX job_due ON job (due_at) WHERE state = 'pending';
CREATE INDEX job_latest ON job (tenant_id, created_at, id);
CREATE TABLE known_browser (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    first_seen BIGINT NOT NULL, last_seen BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, browser_hash, tenant_id)
) WITHOUT ROWID;
CREATE INDEX known_browser_seen ON known_browser (last_seen);
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
    ended_at BIGINT, signed_in_at BIGINT NOT NULL DEFAULT 0, cut BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (session_id, app_id, stay, tenant_id)
) WITHOUT ROWID;
CREATE INDEX participation_living ON participation (app_id, tenant_id, signed_in_at, session_id)
    WHERE ended_at IS NULL;
CREATE INDEX participation_sid ON participation (sid, tenant_id);
CREATE INDEX participation_unplaced ON participation (session_id) WHERE signed_in_at = 0;
CREATE TABLE password_history (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    set_at BIGINT NOT NULL,
    password_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, set_at, tenant_id)
) WITHOUT ROWID;
CREATE TABLE recovery_code (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    code_hash BLOB NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, code_hash, tenant_id)
) WITHOUT ROWID;
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
    event_count BIGINT NOT NULL, version BIGINT NOT NULL DEFAULT 1, created_at BIGINT NOT NULL DEFAULT 0, updated_at BIGINT NOT NULL DEFAULT 0, external_id TEXT,
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
CREATE TABLE saml_request (
    tenant_id BIGINT NOT NULL,
    request_key BLOB NOT NULL,
    session_id BLOB NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (request_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX saml_request_expiry ON saml_request (expires_at);
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
    end_id BLOB, ip_key BLOB, sign_in_due BIGINT NOT NULL DEFAULT 0, end_effects BIGINT, proofs TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX session_accessed ON session (tenant_id, last_access, id);
CREATE INDEX session_idle ON session (idle_deadline) WHERE ended_at IS NULL;
CREATE INDEX session_ledger ON session (tenant_id, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX session_lifetime ON session (absolute_deadline)
    WHERE ended_at IS NULL AND absolute_deadline IS NOT NULL;
CREATE INDEX session_network ON session (tenant_id, ip_key, signed_in_at, id);
CREATE INDEX session_newest ON session (tenant_id, signed_in_at, id, ended_at) WHERE ended_at IS NULL;
CREATE INDEX session_of_user ON session (user_id, tenant_id, ended_at, signed_in_at, id);
CREATE INDEX session_previous ON session (previous_secret_hash, tenant_id)
    WHERE previous_secret_hash IS NOT NULL;
CREATE UNIQUE INDEX session_secret ON session (secret_hash, tenant_id);
CREATE INDEX session_signed_in ON session (tenant_id, signed_in_at, id);
CREATE INDEX session_unkeyed ON session (id) WHERE ip_key IS NULL;
CREATE TABLE session_policy (
    tenant_id BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    subject BLOB NOT NULL,
    settings TEXT NOT NULL,
    PRIMARY KEY (subject, scope, tenant_id)
) WITHOUT ROWID;
CREATE INDEX session_policy_scope ON session_policy (tenant_id, scope);
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
CREATE TABLE sign_up_code (
    tenant_id BIGINT NOT NULL,
    code_hash BLOB NOT NULL,
    label TEXT NOT NULL,
    uses_left BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, code_hash)
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
CREATE TABLE tally (
    tenant_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    minute BIGINT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name, minute)
) WITHOUT ROWID;
CREATE TABLE tenant (
    id BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    enabled BIGINT NOT NULL,
    -- Grows with every change of applications or keys, so that caches notice.
    catalog_version BIGINT NOT NULL
, event_count BIGINT NOT NULL DEFAULT 0, created_at BIGINT NOT NULL DEFAULT 0, users BIGINT NOT NULL DEFAULT 0, shown_name TEXT, accent TEXT, logo_tag TEXT, sign_up TEXT, sign_up_open BIGINT NOT NULL DEFAULT 0);
CREATE TABLE tenant_logo (
    tenant_id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE terms_accepted (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    version TEXT NOT NULL,
    accepted_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, version, tenant_id)
) WITHOUT ROWID;
CREATE TABLE throttle (
    tenant_id BIGINT NOT NULL,
    counter_key BLOB NOT NULL,
    attempts BIGINT NOT NULL,
    window_ends_at BIGINT NOT NULL,
    PRIMARY KEY (counter_key, tenant_id)
) WITHOUT ROWID;
CREATE INDEX throttle_expiry ON throttle (window_ends_at);
CREATE TABLE trusted_browser (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    browser_hash BLOB NOT NULL,
    user_agent TEXT NOT NULL,
    trusted_at BIGINT NOT NULL,
    trusted_until BIGINT NOT NULL,
    used_at BIGINT,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (user_id, browser_hash, tenant_id)
) WITHOUT ROWID;
CREATE INDEX trusted_browser_until ON trusted_browser (trusted_until);
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
