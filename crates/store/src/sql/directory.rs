//! Tenants, users, roles and applications.

use crate::dialect::statements;

macro_rules! account_columns {
    () => {
        "tenant_id, id, username, password_hash, display_name, given_name, family_name, email, \
         email_verified, state, epoch, created_at, updated_at, profile"
    };
}

macro_rules! role_columns {
    () => {
        "tenant_id, id, name, permissions, state, epoch"
    };
}

macro_rules! application_columns {
    () => {
        "tenant_id, id, number, client_id, name, kind, owner, enabled, epoch, secret_hash, \
         backchannel_logout_uri, settings"
    };
}

statements! {
    TENANT_BY_NAME = "SELECT id, name, enabled FROM tenant WHERE name = $1";
    TENANT_BY_ID = "SELECT id, name, enabled FROM tenant WHERE id = $1";
    TENANT_CREATE = "INSERT INTO tenant (id, name, enabled, catalog_version) VALUES ($1, $2, $3, 1)";
    TENANT_ALL = "SELECT id, name, enabled FROM tenant ORDER BY id";
    CATALOG_VERSION = "SELECT catalog_version FROM tenant WHERE id = $1";
    CATALOG_CHANGED = "UPDATE tenant SET catalog_version = catalog_version + 1 WHERE id = $1";

    ACCOUNT_BY_ID = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND id = $2");
    ACCOUNT_BY_NAME = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND username_key = $2");
    // $3 is the first text after every one that begins with $2.
    ACCOUNT_SEARCH = concat!(
        "SELECT ", account_columns!(), " FROM account WHERE tenant_id = $1 AND username_key >= $2 \
         AND username_key < $3 ORDER BY username_key LIMIT $4");
    ACCOUNT_CREATE = "INSERT INTO account (tenant_id, id, username, username_key, password_hash, \
         display_name, given_name, family_name, email, email_verified, state, epoch, event_count, \
         created_at, updated_at, profile) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, $15)";
    ACCOUNT_PASSWORD = "UPDATE account SET password_hash = $3, epoch = epoch + 1 \
         WHERE tenant_id = $1 AND id = $2";
    ACCOUNT_PASSWORD_UPGRADE = "UPDATE account SET password_hash = $4 \
         WHERE tenant_id = $1 AND id = $2 AND password_hash = $3";
    ACCOUNT_STATE = "UPDATE account SET state = $3, epoch = epoch + 1 \
         WHERE tenant_id = $1 AND id = $2";
    ACCOUNT_COUNT_EVENT = "UPDATE account SET event_count = event_count + 1 \
         WHERE tenant_id = $1 AND id = $2";
    ACCOUNT_EVENT = "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, \
         actor, session_id, data) SELECT tenant_id, 1, id, event_count, $3, $4, $5, $6, $7 \
         FROM account WHERE tenant_id = $1 AND id = $2";

    ROLE_BY_ID = concat!("SELECT ", role_columns!(), " FROM role WHERE tenant_id = $1 AND id = $2");
    ROLE_BY_NAME = concat!(
        "SELECT ", role_columns!(), " FROM role WHERE tenant_id = $1 AND name_key = $2");
    ROLE_ALL = concat!(
        "SELECT ", role_columns!(), " FROM role WHERE tenant_id = $1 ORDER BY name_key LIMIT $2");
    ROLES_OF_USER = "SELECT r.tenant_id, r.id, r.name, r.permissions, r.state, r.epoch \
         FROM role_member m JOIN role r ON r.tenant_id = m.tenant_id AND r.id = m.role_id \
         WHERE m.tenant_id = $1 AND m.user_id = $2 ORDER BY r.name_key";
    ROLE_CREATE = "INSERT INTO role (tenant_id, id, name, name_key, permissions, state, epoch, \
         event_count) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";
    ROLE_MEMBERS = "SELECT user_id FROM role_member WHERE tenant_id = $1 AND role_id = $2 \
         ORDER BY user_id LIMIT $3";
    ROLE_MEMBER_COUNT = "SELECT count(*) FROM role_member WHERE tenant_id = $1 AND role_id = $2";
    // The role's row is locked so that nobody joins while it is being removed.
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

    APPLICATION_REMOVE = "DELETE FROM application WHERE tenant_id = $1 AND id = $2";
    APPLICATION_BY_CLIENT = concat!(
        "SELECT ", application_columns!(),
        " FROM application WHERE tenant_id = $1 AND client_id = $2");
    APPLICATION_BY_ID = concat!(
        "SELECT ", application_columns!(), " FROM application WHERE tenant_id = $1 AND id = $2");
    APPLICATION_ALL = concat!(
        "SELECT ", application_columns!(),
        " FROM application WHERE tenant_id = $1 ORDER BY number LIMIT $2");
    // A new one gets the next number of its tenant.
    APPLICATION_SAVE = "INSERT INTO application (tenant_id, id, number, client_id, name, kind, owner, \
         enabled, epoch, secret_hash, backchannel_logout_uri, settings) \
         SELECT $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11 \
         FROM application WHERE tenant_id = $1 \
         ON CONFLICT (tenant_id, id) DO UPDATE SET client_id = excluded.client_id, \
         name = excluded.name, kind = excluded.kind, owner = excluded.owner, \
         enabled = excluded.enabled, epoch = excluded.epoch, secret_hash = excluded.secret_hash, \
         backchannel_logout_uri = excluded.backchannel_logout_uri, settings = excluded.settings";
}
