//! Tenants, users, roles, groups and applications.

use crate::dialect::statements;

macro_rules! account_columns {
    () => {
        "tenant_id, id, username, password_hash, display_name, given_name, family_name, email, \
         email_verified, state, password_due, epoch, created_at, updated_at, profile, version, \
         external_id, attributes, unlock_at, factors, recovers_at"
    };
}

macro_rules! role_columns {
    ($of:literal) => {
        concat!(
            $of,
            "tenant_id, ",
            $of,
            "id, ",
            $of,
            "name, ",
            $of,
            "permissions, ",
            $of,
            "state, ",
            $of,
            "epoch, ",
            $of,
            "version, ",
            $of,
            "created_at, ",
            $of,
            "updated_at, ",
            $of,
            "external_id"
        )
    };
}

macro_rules! application_columns {
    () => {
        "tenant_id, id, number, client_id, name, kind, owner, enabled, epoch, secret_hash, \
         backchannel_logout_uri, settings, version"
    };
}

macro_rules! group_columns {
    ($of:literal) => {
        concat!(
            $of,
            "tenant_id, ",
            $of,
            "id, ",
            $of,
            "name, ",
            $of,
            "external_id, ",
            $of,
            "version, ",
            $of,
            "created_at, ",
            $of,
            "updated_at"
        )
    };
}

pub(crate) use {account_columns, role_columns};

statements! {
    TENANT_LOCK = "SELECT id FROM tenant WHERE id = $1 FOR UPDATE";
    // An active user with all permissions, through a direct role or through a group.
    // The state of an account is read by its key, member by member: a join lets PostgreSQL read all accounts instead.
    ADMINISTRATOR = "SELECT r.id FROM role r WHERE r.tenant_id = $1 AND r.state = 0 \
         AND ' ' || r.permissions || ' ' LIKE '% internal~_* %' ESCAPE '~' \
         AND (EXISTS (SELECT 1 FROM role_member m WHERE m.tenant_id = $1 AND m.role_id = r.id \
         AND (SELECT a.state FROM account a WHERE a.id = m.user_id AND a.tenant_id = m.tenant_id) = 0) \
         OR EXISTS (SELECT 1 FROM group_role c JOIN group_member m ON m.tenant_id = c.tenant_id AND m.group_id = c.group_id \
         WHERE c.tenant_id = $1 AND c.role_id = r.id \
         AND (SELECT a.state FROM account a WHERE a.id = m.user_id AND a.tenant_id = m.tenant_id) = 0)) LIMIT 1";
    TENANT_BY_NAME = "SELECT id, name, enabled, created_at, shown_name, accent, logo_tag, sign_up FROM tenant WHERE name = $1";
    TENANT_BY_ID = "SELECT id, name, enabled, created_at, shown_name, accent, logo_tag, sign_up FROM tenant WHERE id = $1";
    TENANT_CREATE = "INSERT INTO tenant (id, name, enabled, catalog_version, created_at) \
         VALUES ($1, $2, $3, 1, $4)";
    // Ids of deleted tenants are never reused.
    TENANT_LAST = "SELECT coalesce(max(id), 0) FROM (SELECT id FROM tenant \
         UNION ALL SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'last_tenant') AS known";
    TENANT_COUNTED = "INSERT INTO meta (name, value) VALUES ('last_tenant', $1) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    TENANT_ALL = "SELECT id, name, enabled, created_at, shown_name, accent, logo_tag, sign_up FROM tenant ORDER BY id";
    CATALOG_VERSION = "SELECT catalog_version FROM tenant WHERE id = $1";
    CATALOG_CHANGED = "UPDATE tenant SET catalog_version = catalog_version + 1 WHERE id = $1";

    ACCOUNT_BY_ID = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND id = $2");
    ACCOUNT_BY_NAME = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND username_key = $2");
    // Of two keys, the one that an older version wrote comes first: the account that had the name keeps it.
    ACCOUNT_BY_NAMES = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND username_key = $3 UNION ALL ",
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND username_key = $2 LIMIT 1");
    ACCOUNT_KEY_OF = "SELECT username_key FROM account \
         WHERE tenant_id = $1 AND username_key = $3 AND username = $4 UNION ALL SELECT username_key \
         FROM account WHERE tenant_id = $1 AND username_key = $2 AND username = $4 LIMIT 1";
    // $3 is a text that follows every text that begins with $2.
    ACCOUNT_SEARCH = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND username_key >= $2 \
         AND username_key < $3 ORDER BY username_key LIMIT $4");
    ACCOUNT_CREATE = "INSERT INTO account (tenant_id, id, username, username_key, password_hash, \
         display_name, given_name, family_name, email, email_verified, state, epoch, event_count, \
         created_at, updated_at, profile, external_id, attributes, password_due, email_key, \
         display_key, keyed_version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, $15, $16, $17, $18, $19, $20, 1)";
    // No user can be added to a disabled tenant; a tenant that is being deleted is disabled.
    ACCOUNT_COUNTED = "UPDATE tenant SET users = users + $2 WHERE id = $1 AND (enabled = 1 OR $2 < 0)";
    // A clashing name keeps its key as long as the name doesn't change.
    ACCOUNT_UPDATE = "UPDATE account SET username = $4, username_key = CASE WHEN name_clash = 1 \
         AND username = $4 THEN username_key ELSE $5 END, display_name = $6, \
         given_name = $7, family_name = $8, email = $9, email_verified = $10, updated_at = $11, \
         profile = $12, external_id = $13, attributes = $14, version = $3, email_key = $15, \
         display_key = $16, keyed_version = $3, \
         name_clash = CASE WHEN name_clash = 1 AND username = $4 THEN 1 ELSE 0 END \
         WHERE tenant_id = $1 AND id = $2 AND version = $3 - 1";
    ACCOUNT_DELETE = "DELETE FROM account WHERE tenant_id = $1 AND id = $2";
    ACCOUNT_LEAVE_ROLES = "DELETE FROM role_member WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_LEAVE_GROUPS = "DELETE FROM group_member WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_BROWSERS = "DELETE FROM known_browser WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_HISTORY = "DELETE FROM password_history WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_FACTORS = "DELETE FROM factor WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_CODES = "DELETE FROM recovery_code WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_DELETION = "DELETE FROM account_deletion WHERE user_id = $2 AND tenant_id = $1";
    ACCOUNT_TERMS = "DELETE FROM terms_accepted WHERE user_id = $2 AND tenant_id = $1";
    ACCOUNT_ADDRESSES = "DELETE FROM account_address WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_ADDRESS_BEFORE = "DELETE FROM address_before WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_TRUST = "DELETE FROM trusted_browser WHERE tenant_id = $1 AND user_id = $2";
    ACCOUNT_SHARED = "DELETE FROM shared_token WHERE tenant_id = $1 AND user_id = $2";
    PASSWORD_KEEP = "INSERT INTO password_history (tenant_id, user_id, set_at, password_hash) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    PASSWORD_FORGET = "DELETE FROM password_history WHERE tenant_id = $1 AND user_id = $2 \
         AND set_at < (SELECT min(set_at) FROM (SELECT set_at FROM password_history \
         WHERE tenant_id = $1 AND user_id = $2 ORDER BY set_at DESC LIMIT $3) AS kept)";
    PASSWORDS_BEFORE = "SELECT password_hash FROM password_history \
         WHERE tenant_id = $1 AND user_id = $2 ORDER BY set_at DESC LIMIT $3";
    SIGN_IN_DEMAND = "UPDATE session SET sign_in_due = 1 \
         WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL";
    ACCOUNTS_BY_AGE = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 \
         AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4");
    ACCOUNTS_BY_AGE_DOWN = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 \
         AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4");
    ACCOUNTS_BY_NAME = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 \
         AND username_key > $2 ORDER BY username_key LIMIT $3");
    ACCOUNTS_BY_NAME_DOWN = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 \
         AND username_key < $2 ORDER BY username_key DESC LIMIT $3");
    // A position by number: only the index is scanned.
    ACCOUNT_AT_AGE = "SELECT created_at, id FROM account WHERE tenant_id = $1 \
         ORDER BY created_at, id LIMIT 1 OFFSET $2";
    ACCOUNT_AT_AGE_DOWN = "SELECT created_at, id FROM account WHERE tenant_id = $1 \
         ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET $2";
    ACCOUNT_AT_NAME = "SELECT username_key FROM account WHERE tenant_id = $1 \
         ORDER BY username_key LIMIT 1 OFFSET $2";
    ACCOUNT_AT_NAME_DOWN = "SELECT username_key FROM account WHERE tenant_id = $1 \
         ORDER BY username_key DESC LIMIT 1 OFFSET $2";
    ACCOUNTS_BY_EMAIL = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND email_key = $3 \
         AND keyed_version = version UNION ALL ",
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND keyed_version < version \
         AND lower(email) = lower($2) AND email IS NOT NULL LIMIT $4");
    ACCOUNTS_BY_PROVED_EMAIL = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND email_key = $3 \
         AND keyed_version = version AND email_verified = 1 UNION ALL ",
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND keyed_version < version \
         AND lower(email) = lower($2) AND email IS NOT NULL AND email_verified = 1 UNION ALL ",
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND id IN (\
         SELECT user_id FROM account_address WHERE tenant_id = $1 AND address_key = $3) LIMIT $4");
    // Accounts that were written before the schema had these keys, or by a version that doesn't know them.
    ACCOUNTS_UNKEYED = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE keyed_version < version LIMIT $1");
    ACCOUNT_KEY = "UPDATE account SET username_key = coalesce($4, username_key), email_key = $5, \
         display_key = $6, keyed_version = version, name_clash = $7 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3";
    ACCOUNTS_CLASHING = "SELECT username FROM account WHERE tenant_id = $1 AND name_clash = 1 \
         ORDER BY username LIMIT $2";
    ACCOUNTS_BY_EXTERNAL = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 \
         AND external_id = $2 AND external_id IS NOT NULL LIMIT $3");
    ACCOUNTS_THERE = "SELECT id FROM account WHERE tenant_id = $1 AND id = ANY(MANY($2))";
    ACCOUNTS_OF = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND id = ANY(MANY($2))");
    ACCOUNT_NUMBER = "SELECT users FROM tenant WHERE id = $1";
    ACCOUNT_ADDRESS_PROVED = "UPDATE account SET email_verified = 1, updated_at = $4, \
         keyed_version = CASE WHEN keyed_version = version THEN version + 1 ELSE keyed_version END, \
         version = version + 1 WHERE tenant_id = $1 AND id = $2 AND email = $3 AND epoch = $5";
    // Of several changes the first is kept, as long as it can be undone.
    ADDRESS_REPLACE = "INSERT INTO address_before (tenant_id, user_id, address, replaced_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (user_id, tenant_id) DO UPDATE SET address = excluded.address, \
         replaced_at = excluded.replaced_at WHERE address_before.replaced_at < $5";
    ADDRESS_UNDO = "DELETE FROM address_before WHERE user_id = $2 AND tenant_id = $1 AND address = $3";
    ADDRESS_SETTLE = "DELETE FROM address_before WHERE user_id = $2 AND tenant_id = $1";
    OTHER_ADDRESS_ADD = "INSERT INTO account_address (tenant_id, user_id, address, address_key, proved_at) \
         SELECT $1, $2, $3, $4, $5 FROM account WHERE tenant_id = $1 AND id = $2 AND epoch = $6 \
         AND (SELECT count(*) FROM account_address WHERE user_id = $2 AND tenant_id = $1) < $7 \
         ON CONFLICT (user_id, address_key, tenant_id) DO UPDATE SET proved_at = account_address.proved_at";
    OTHER_ADDRESS_REMOVE = "DELETE FROM account_address WHERE user_id = $2 AND address_key = $3 AND tenant_id = $1";
    OTHER_ADDRESSES_REMOVE = "DELETE FROM account_address WHERE user_id = $2 AND tenant_id = $1 AND proved_at >= $3";
    // The main address may have a row as well, which remembers when it was confirmed.
    OTHER_ADDRESSES = "SELECT o.address, o.proved_at FROM account_address o \
         JOIN account a ON a.tenant_id = o.tenant_id AND a.id = o.user_id \
         WHERE o.user_id = $2 AND o.tenant_id = $1 AND o.address_key <> coalesce(a.email_key, '') \
         ORDER BY o.proved_at, o.address_key";
    ADDRESS_PROVED_AT = "SELECT proved_at FROM account_address WHERE user_id = $2 AND address_key = $3 \
         AND tenant_id = $1";
    ADDRESS_BEFORE = "SELECT address, replaced_at FROM address_before WHERE user_id = $2 AND tenant_id = $1 \
         AND replaced_at > $3";
    PURGE_ADDRESSES = "DELETE FROM address_before WHERE (user_id, tenant_id) IN (\
         SELECT user_id, tenant_id FROM address_before WHERE replaced_at < $1 ORDER BY replaced_at LIMIT $2)";
    ACCOUNT_PASSWORD_DUE = "UPDATE account SET password_due = $3, epoch = epoch + 1 \
         WHERE tenant_id = $1 AND id = $2";
    BROWSER_KNOW = "INSERT INTO known_browser (tenant_id, user_id, browser_hash, first_seen, last_seen) \
         VALUES ($1, $2, $3, $4, $4) ON CONFLICT (user_id, browser_hash, tenant_id) \
         DO UPDATE SET last_seen = excluded.last_seen";
    BROWSER_KNOWN = "SELECT count(*), coalesce(sum(CASE WHEN browser_hash = $3 THEN 1 ELSE 0 END), 0), \
         coalesce(max(CASE WHEN browser_hash = $3 THEN last_seen ELSE 0 END), 0) \
         FROM (SELECT browser_hash, last_seen FROM known_browser WHERE tenant_id = $1 AND user_id = $2 \
         ORDER BY CASE WHEN browser_hash = $3 THEN 0 ELSE 1 END LIMIT 2) AS known";
    ACCOUNT_PASSWORD = "UPDATE account SET password_hash = $3, password_due = 0, epoch = epoch + 1 \
         WHERE tenant_id = $1 AND id = $2 AND epoch = coalesce($4, epoch)";
    ACCOUNT_PASSWORD_UPGRADE = "UPDATE account SET password_hash = $4 \
         WHERE tenant_id = $1 AND id = $2 AND password_hash = $3";
    ACCOUNT_STATE = "UPDATE account SET state = $3, unlock_at = $4, epoch = epoch + 1, \
         keyed_version = CASE WHEN keyed_version = version THEN version + 1 ELSE keyed_version END, \
         version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND epoch = coalesce($5, epoch)";
    ACCOUNT_COUNT_EVENT = "UPDATE account SET event_count = event_count + 1 \
         WHERE tenant_id = $1 AND id = $2";
    ACCOUNT_EVENT = "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, \
         actor, session_id, data) SELECT tenant_id, 1, id, event_count, $3, $4, $5, $6, $7 \
         FROM account WHERE tenant_id = $1 AND id = $2";

    ROLE_BY_ID = concat!("SELECT ", role_columns!(""), " FROM role WHERE tenant_id = $1 AND id = $2");
    ROLE_BY_NAME = concat!(
        "SELECT ", role_columns!(""), " FROM role WHERE tenant_id = $1 AND name_key = $2");
    ROLES_FROM = concat!(
        "SELECT ", role_columns!(""), " FROM role WHERE tenant_id = $1 AND name_key >= $2 \
         ORDER BY name_key LIMIT $3");
    // Including roles through groups.
    ROLES_OF_USER = concat!("SELECT ", role_columns!("r."), " FROM role r \
         WHERE r.tenant_id = $1 AND r.id IN (\
         SELECT m.role_id FROM role_member m WHERE m.tenant_id = $1 AND m.user_id = $2 \
         UNION SELECT c.role_id FROM group_member m JOIN group_role c \
         ON c.tenant_id = m.tenant_id AND c.group_id = m.group_id \
         WHERE m.tenant_id = $1 AND m.user_id = $2) ORDER BY r.name_key");
    OWN_ROLES_OF_USER = "SELECT role_id FROM role_member WHERE tenant_id = $1 AND user_id = $2";
    ROLE_UPDATE = "UPDATE role SET name = $4, name_key = $5, permissions = $6, updated_at = $7, \
         external_id = $8, version = $3 WHERE tenant_id = $1 AND id = $2 AND version = $3 - 1 \
         AND state = 0";
    ROLE_ASSIGN_MANY = "INSERT INTO role_member (tenant_id, role_id, user_id) \
         SELECT $1, $2, id FROM account WHERE tenant_id = $1 AND id = ANY(MANY($3)) \
         ON CONFLICT DO NOTHING";
    ROLE_UNASSIGN_MANY = "DELETE FROM role_member WHERE tenant_id = $1 AND role_id = $2 \
         AND user_id = ANY(MANY($3))";
    ROLE_MEMBERS_AMONG = "SELECT user_id FROM role_member WHERE tenant_id = $1 AND role_id = $2 \
         AND user_id = ANY(MANY($3))";
    ROLE_GROUPS = "SELECT group_id FROM group_role WHERE tenant_id = $1 AND role_id = $2 \
         ORDER BY group_id";
    ROLE_LEAVE_GROUPS = "DELETE FROM group_role WHERE tenant_id = $1 AND role_id = $2";

    GROUP_BY_ID = concat!(
        "SELECT ", group_columns!(""), " FROM user_group WHERE tenant_id = $1 AND id = $2");
    GROUP_BY_NAME = concat!(
        "SELECT ", group_columns!(""), " FROM user_group WHERE tenant_id = $1 AND name_key = $2");
    GROUPS_BY_NAME = concat!(
        "SELECT ", group_columns!(""), " FROM user_group WHERE tenant_id = $1 \
         AND name_key > $2 ORDER BY name_key LIMIT $3");
    GROUP_AT_NAME = "SELECT name_key FROM user_group WHERE tenant_id = $1 \
         ORDER BY name_key LIMIT 1 OFFSET $2";
    GROUP_NUMBER = "SELECT count(*) FROM user_group WHERE tenant_id = $1";
    ROLES_BY_NAME = concat!(
        "SELECT ", role_columns!(""), " FROM role WHERE tenant_id = $1 \
         AND name_key > $2 ORDER BY name_key LIMIT $3");
    ROLE_AT_NAME = "SELECT name_key FROM role WHERE tenant_id = $1 \
         ORDER BY name_key LIMIT 1 OFFSET $2";
    ROLE_NUMBER = "SELECT count(*) FROM role WHERE tenant_id = $1";
    GROUPS_OF_USER = concat!("SELECT ", group_columns!("g."), " \
         FROM group_member m JOIN user_group g ON +g.tenant_id = m.tenant_id AND g.id = m.group_id \
         WHERE m.tenant_id = $1 AND m.user_id = $2 ORDER BY g.name_key");
    GROUP_CREATE = "INSERT INTO user_group (tenant_id, id, name, name_key, external_id, version, \
         event_count, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $6)";
    GROUP_UPDATE = "UPDATE user_group SET name = $4, name_key = $5, external_id = $6, \
         updated_at = $7, version = $3 WHERE tenant_id = $1 AND id = $2 AND version = $3 - 1";
    GROUP_DELETE = "DELETE FROM user_group WHERE tenant_id = $1 AND id = $2";
    GROUP_EMPTY = "DELETE FROM group_member WHERE tenant_id = $1 AND group_id = $2";
    GROUP_DROP_ROLES = "DELETE FROM group_role WHERE tenant_id = $1 AND group_id = $2";
    GROUP_JOIN = "INSERT INTO group_member (tenant_id, group_id, user_id) \
         SELECT $1, $2, id FROM account WHERE tenant_id = $1 AND id = ANY(MANY($3)) \
         ON CONFLICT DO NOTHING";
    GROUP_LEAVE = "DELETE FROM group_member WHERE tenant_id = $1 AND group_id = $2 \
         AND user_id = ANY(MANY($3))";
    GROUP_MEMBERS_AMONG = "SELECT user_id FROM group_member WHERE tenant_id = $1 AND group_id = $2 \
         AND user_id = ANY(MANY($3))";
    GROUP_MEMBERS_AFTER = "SELECT user_id FROM group_member WHERE tenant_id = $1 AND group_id = $2 \
         AND user_id > $3 ORDER BY user_id LIMIT $4";
    GROUP_MEMBER_COUNT = "SELECT count(*) FROM group_member WHERE tenant_id = $1 AND group_id = $2";
    GROUP_ROLES = concat!("SELECT ", role_columns!("r."), " \
         FROM group_role c JOIN role r ON r.tenant_id = c.tenant_id AND r.id = c.role_id \
         WHERE c.tenant_id = $1 AND c.group_id = $2 ORDER BY r.name_key");
    GROUP_CARRY = "INSERT INTO group_role (tenant_id, group_id, role_id) \
         SELECT tenant_id, $2, id FROM role WHERE tenant_id = $1 AND id = $3 AND state = 0 FOR SHARE";
    GROUP_DROP = "DELETE FROM group_role WHERE tenant_id = $1 AND group_id = $2 AND role_id = $3";
    GROUP_COUNT_EVENT = "UPDATE user_group SET event_count = event_count + 1 \
         WHERE tenant_id = $1 AND id = $2";
    GROUP_EVENT = "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, \
         actor, session_id, data) SELECT tenant_id, 3, id, event_count, $3, $4, $5, $6, $7 \
         FROM user_group WHERE tenant_id = $1 AND id = $2";
    APPLICATION_COUNT_EVENT = "UPDATE application SET event_count = event_count + 1 \
         WHERE tenant_id = $1 AND id = $2";
    APPLICATION_EVENT = "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, \
         actor, session_id, data) SELECT tenant_id, 4, id, event_count, $3, $4, $5, $6, $7 \
         FROM application WHERE tenant_id = $1 AND id = $2";
    TENANT_COUNT_EVENT = "UPDATE tenant SET event_count = event_count + 1 \
         WHERE id = $1 AND CAST($2 AS BLOB) IS NOT NULL";
    TENANT_EVENT = "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, \
         actor, session_id, data) SELECT id, 5, $2, event_count, $3, $4, $5, $6, $7 \
         FROM tenant WHERE id = $1";
    TENANT_ENABLED = "UPDATE tenant SET enabled = $2, catalog_version = catalog_version + 1 \
         WHERE id = $1";
    TENANT_LOOK = "UPDATE tenant SET shown_name = $2, accent = $3, logo_tag = $4, \
         catalog_version = catalog_version + 1 WHERE id = $1";
    TENANT_LOGO_PUT = "INSERT INTO tenant_logo (tenant_id, kind, body) VALUES ($1, $2, $3) \
         ON CONFLICT (tenant_id) DO UPDATE SET kind = excluded.kind, body = excluded.body";
    TENANT_LOGO_REMOVE = "DELETE FROM tenant_logo WHERE tenant_id = $1";
    TENANT_LOGO = "SELECT kind, body FROM tenant_logo WHERE tenant_id = $1";
    TENANT_DELETE = "DELETE FROM tenant WHERE id = $1";
    ROLE_CREATE = "INSERT INTO role (tenant_id, id, name, name_key, permissions, state, epoch, \
         event_count, created_at, updated_at, external_id) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8, $9)";
    ROLE_MEMBERS = "SELECT user_id FROM role_member WHERE tenant_id = $1 AND role_id = $2 \
         ORDER BY user_id LIMIT $3";
    ROLE_MEMBERS_AFTER = "SELECT user_id FROM role_member WHERE tenant_id = $1 AND role_id = $2 \
         AND user_id > $3 ORDER BY user_id LIMIT $4";
    ROLE_MEMBER_COUNT = "SELECT count(*) FROM role_member WHERE tenant_id = $1 AND role_id = $2";
    // Runs first, so that concurrent assignments of a role wait for each other instead of deadlocking.
    ROLE_VERSION = "UPDATE role SET version = version + 1 WHERE tenant_id = $1 AND id = $2";
    // The role's row is locked, so that no member is added while the role is being removed.
    ROLE_ASSIGN = "INSERT INTO role_member (tenant_id, role_id, user_id) \
         SELECT tenant_id, id, $3 FROM role \
         WHERE tenant_id = $1 AND id = $2 AND state = 0 FOR SHARE";
    ROLE_UNASSIGN = "DELETE FROM role_member WHERE tenant_id = $1 AND role_id = $2 AND user_id = $3";
    ROLE_REMOVING = "UPDATE role SET state = 1, epoch = epoch + 1 \
         WHERE tenant_id = $1 AND id = $2 AND state = 0";
    ROLE_DELETE = "DELETE FROM role WHERE tenant_id = $1 AND id = $2 AND NOT EXISTS (\
         SELECT 1 FROM role_member m WHERE m.tenant_id = $1 AND m.role_id = $2)";
    ROLE_COUNT_EVENT = "UPDATE role SET event_count = event_count + 1 \
         WHERE tenant_id = $1 AND id = $2";
    ROLE_EVENT = "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, \
         actor, session_id, data) SELECT tenant_id, 2, id, event_count, $3, $4, $5, $6, $7 \
         FROM role WHERE tenant_id = $1 AND id = $2";

    POLICY_PUT = "INSERT INTO session_policy (tenant_id, scope, subject, settings) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (subject, scope, tenant_id) DO UPDATE SET \
         settings = excluded.settings";
    POLICY_REMOVE = "DELETE FROM session_policy WHERE tenant_id = $1 AND scope = $2 AND subject = $3";
    POLICIES = "SELECT scope, subject, settings FROM session_policy \
         WHERE tenant_id = $1 AND scope IN (0, 1, 2, 4)";
    POLICIES_OF_USERS = "SELECT scope, subject, settings FROM session_policy \
         WHERE tenant_id = $1 AND scope = 3 LIMIT $2";
    POLICY_OF_USER = "SELECT scope, subject, settings FROM session_policy \
         WHERE tenant_id = $1 AND scope = 3 AND subject = $2";

    ORIGIN_PUT = "INSERT INTO application_origin (tenant_id, origin, app_id) VALUES ($1, $2, $3) \
         ON CONFLICT (origin, app_id, tenant_id) DO NOTHING";
    ORIGINS_FORGET = "DELETE FROM application_origin WHERE tenant_id = $1 AND app_id = $2";
    SECRET_USED = "INSERT INTO application_secret_use (tenant_id, app_id, secret, used_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (app_id, secret, tenant_id) DO UPDATE SET used_at = $4";
    // At most two secrets are valid, and an older one was last used before both: its row is no longer needed.
    SECRET_USES_TRIM = "DELETE FROM application_secret_use WHERE tenant_id = $1 AND app_id = $2 \
         AND used_at < (SELECT min(u.used_at) FROM (SELECT used_at FROM application_secret_use \
         WHERE tenant_id = $1 AND app_id = $2 ORDER BY used_at DESC LIMIT 2) u)";
    SECRET_USES = "SELECT secret, used_at FROM application_secret_use \
         WHERE tenant_id = $1 AND app_id = $2";
    SECRET_USES_FORGET = "DELETE FROM application_secret_use WHERE tenant_id = $1 AND app_id = $2";
    ORIGIN_KNOWN = "SELECT 1 FROM application_origin o JOIN application x ON x.tenant_id = o.tenant_id \
         AND x.id = o.app_id WHERE o.tenant_id = $1 AND o.origin = $2 AND x.enabled = 1 LIMIT 1";
    APPLICATIONS_AFTER = concat!(
        "SELECT ", application_columns!(), " FROM application WHERE tenant_id = $1 AND number > $2 \
         ORDER BY number LIMIT $3");
    // Removed applications have a client_id that no other application can have.
    APPLICATIONS_REMOVED = concat!(
        "SELECT ", application_columns!(), " FROM application WHERE tenant_id = $1 \
         AND client_id >= 'removed:' AND client_id < 'removed;' LIMIT $2");
    APPLICATION_REMOVE = "DELETE FROM application WHERE tenant_id = $1 AND id = $2";
    APPLICATION_BY_CLIENT = concat!(
        "SELECT ", application_columns!(),
        " FROM application WHERE tenant_id = $1 AND client_id = $2");
    APPLICATION_BY_ID = concat!(
        "SELECT ", application_columns!(), " FROM application WHERE tenant_id = $1 AND id = $2");
    APPLICATION_ALL = concat!(
        "SELECT ", application_columns!(),
        " FROM application WHERE tenant_id = $1 ORDER BY number LIMIT $2");
    // A new application gets the next number of its tenant.
    APPLICATION_SAVE = "INSERT INTO application (tenant_id, id, number, client_id, name, kind, owner, \
         enabled, epoch, secret_hash, backchannel_logout_uri, settings) \
         SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
         FROM application WHERE tenant_id = $1 \
         ON CONFLICT (tenant_id, id) DO UPDATE SET client_id = excluded.client_id, \
         name = excluded.name, kind = excluded.kind, owner = excluded.owner, \
         enabled = excluded.enabled, epoch = excluded.epoch, secret_hash = excluded.secret_hash, \
         backchannel_logout_uri = excluded.backchannel_logout_uri, settings = excluded.settings, \
         version = application.version + 1";
    APPLICATION_UPDATE = "UPDATE application SET client_id = $4, name = $5, enabled = $6, epoch = $7, \
         secret_hash = $8, backchannel_logout_uri = $9, settings = $10, version = version + 1 \
         WHERE tenant_id = $1 AND id = $2 AND version = $3";
}
