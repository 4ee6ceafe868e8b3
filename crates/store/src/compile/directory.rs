//! Tenants, users, roles, applications.

use sojourn_model::{AppKind, AppOwner, Op, TenantId, User};

use super::{Steps, params};
use crate::sql::directory as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::CreateTenant(new) => {
            steps.run(&sql::TENANT_CREATE, params![new.id, new.name, new.enabled]);
        }
        Op::CreateUser(user) => {
            let key = User::username_key(&user.username);
            steps.run(
                &sql::ACCOUNT_CREATE,
                params![
                    tenant,
                    user.id,
                    user.username,
                    key,
                    user.password_hash,
                    user.display_name,
                    user.given_name,
                    user.family_name,
                    user.email,
                    user.email_verified,
                    user.state.code(),
                    user.epoch,
                    user.created_at,
                    user.updated_at,
                    user.profile
                ],
            );
        }
        Op::SetPassword { user, hash } => {
            steps.must(&sql::ACCOUNT_PASSWORD, params![tenant, user, hash]);
        }
        Op::UpgradePassword { user, from, to } => {
            steps.run(&sql::ACCOUNT_PASSWORD_UPGRADE, params![tenant, user, from, to]);
        }
        Op::SetUserState { user, state } => {
            steps.must(&sql::ACCOUNT_STATE, params![tenant, user, state.code()]);
        }
        other => roles(steps, tenant, other),
    }
}

fn roles(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::CreateRole(role) => {
            let key = User::username_key(&role.name);
            steps.run(
                &sql::ROLE_CREATE,
                params![
                    tenant,
                    role.id,
                    role.name,
                    key,
                    role.permissions,
                    role.state.code(),
                    role.epoch
                ],
            );
        }
        Op::AssignRole { role, user } => {
            steps.must(&sql::ROLE_ASSIGN, params![tenant, role, user]);
        }
        Op::UnassignRole { role, user } => {
            steps.must(&sql::ROLE_UNASSIGN, params![tenant, role, user]);
        }
        Op::BeginRoleRemoval { role } => steps.must(&sql::ROLE_REMOVING, params![tenant, role]),
        Op::DeleteRole { role } => steps.must(&sql::ROLE_DELETE, params![tenant, role]),
        Op::RemoveApplication { app } => {
            steps.must(&sql::APPLICATION_REMOVE, params![tenant, app]);
            steps.run(&sql::CATALOG_CHANGED, params![tenant]);
        }
        Op::SaveApplication(app) => {
            let settings = serde_json::to_string(&app.settings).unwrap_or_default();
            steps.run(
                &sql::APPLICATION_SAVE,
                params![
                    tenant,
                    app.id,
                    app.client_id,
                    app.name,
                    kind_code(app.kind),
                    owner_code(app.owner),
                    app.enabled,
                    app.epoch,
                    app.secret_hash,
                    app.backchannel_logout_uri,
                    settings
                ],
            );
            steps.run(&sql::CATALOG_CHANGED, params![tenant]);
        }
        _ => {}
    }
}

pub(crate) const fn kind_code(kind: AppKind) -> i64 {
    match kind {
        AppKind::Client => 0,
        AppKind::BuiltIn => 1,
    }
}

pub(crate) const fn owner_code(owner: AppOwner) -> i64 {
    match owner {
        AppOwner::Database => 0,
        AppOwner::File => 1,
        AppOwner::Program => 2,
    }
}
