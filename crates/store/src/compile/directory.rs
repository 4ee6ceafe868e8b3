//! Tenants, users, roles, applications and policies.

use sojourn_model::directory::{name_key, text_key};
use sojourn_model::limits::OTHER_ADDRESSES_MAX;
use sojourn_model::{
    AddressChange, AppKind, AppOwner, Op, PolicyScope, SessionPolicy, TenantId, UNDO_MS, User,
};

use super::{Steps, params};
use crate::sql::directory as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::CreateTenant(new) => {
            let number = new.id.0.to_string();
            steps.run(&sql::TENANT_CREATE, params![new.id, new.name, new.enabled, new.created_at]);
            steps.run(&sql::TENANT_COUNTED, params![number]);
        }
        Op::CreateUser(user) => {
            let key = User::username_key(&user.username);
            let email_key = user.email.as_deref().map(text_key);
            let display_key = user.display_name.as_deref().map(text_key);
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
                    user.profile,
                    user.external_id,
                    user.attributes,
                    user.password_due.code(),
                    email_key,
                    display_key
                ],
            );
            steps.must(&sql::ACCOUNT_COUNTED, params![tenant, 1]);
        }
        Op::SetPassword { user, hash, epoch } => {
            steps.must(&sql::ACCOUNT_PASSWORD, params![tenant, user, hash, epoch]);
        }
        Op::UpgradePassword { user, from, to } => {
            steps.run(&sql::ACCOUNT_PASSWORD_UPGRADE, params![tenant, user, from, to]);
        }
        Op::SetUserState { user, state, unlock_at, epoch } => {
            let state = state.code();
            steps.must(&sql::ACCOUNT_STATE, params![tenant, user, state, unlock_at, epoch]);
        }
        other => roles(steps, tenant, other),
    }
}

fn roles(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::CreateRole(role) => {
            let key = name_key(&role.name);
            steps.run(
                &sql::ROLE_CREATE,
                params![
                    tenant,
                    role.id,
                    role.name,
                    key,
                    role.permissions,
                    role.state.code(),
                    role.epoch,
                    role.created_at,
                    role.external_id
                ],
            );
        }
        Op::AssignRole { role, user } => {
            steps.run(&sql::ROLE_VERSION, params![tenant, role]);
            steps.must(&sql::ROLE_ASSIGN, params![tenant, role, user]);
        }
        Op::UnassignRole { role, user } => {
            steps.run(&sql::ROLE_VERSION, params![tenant, role]);
            steps.must(&sql::ROLE_UNASSIGN, params![tenant, role, user]);
        }
        Op::BeginRoleRemoval { role } => steps.must(&sql::ROLE_REMOVING, params![tenant, role]),
        Op::DeleteRole { role } => {
            steps.run(&sql::ROLE_LEAVE_GROUPS, params![tenant, role]);
            steps.must(&sql::ROLE_DELETE, params![tenant, role]);
        }
        Op::SetTenantEnabled { enabled } => {
            steps.must(&sql::TENANT_ENABLED, params![tenant, enabled]);
        }
        Op::DeleteTenant => steps.must(&sql::TENANT_DELETE, params![tenant]),
        Op::DuePassword { user, due } => {
            steps.must(&sql::ACCOUNT_PASSWORD_DUE, params![tenant, user, due.code()]);
            // The account may have been taken over, and the intruder may have requested its deletion.
            if due == sojourn_model::PasswordDue::ByMail {
                steps.run(&sql::ACCOUNT_DELETION, params![tenant, user]);
            }
        }
        Op::Address(change) => addresses(steps, tenant, change),
        Op::KnowBrowser { user, browser, at } => {
            steps.run(&sql::BROWSER_KNOW, params![tenant, user, browser.to_vec(), at]);
        }
        Op::PutPolicy { scope, policy } => put_policy(steps, tenant, scope, &policy),
        other => applications(steps, tenant, other),
    }
}

fn addresses(steps: &mut Steps, tenant: TenantId, change: AddressChange) {
    match change {
        AddressChange::Prove { user, address, at, epoch } => {
            steps.must(&sql::ACCOUNT_ADDRESS_PROVED, params![tenant, user, address, at, epoch]);
        }
        AddressChange::Replace { user, before, at } => {
            let forgotten = at.plus(-UNDO_MS);
            steps.run(&sql::ADDRESS_REPLACE, params![tenant, user, before, at, forgotten]);
        }
        AddressChange::Undo { user, address } => {
            steps.must(&sql::ADDRESS_UNDO, params![tenant, user, address]);
        }
        AddressChange::Settle { user } => steps.run(&sql::ADDRESS_SETTLE, params![tenant, user]),
        AddressChange::Add { user, address, at, epoch } => {
            let key = text_key(&address);
            // The main address has a row too, and the previous one until the change is done.
            let most = i64::try_from(OTHER_ADDRESSES_MAX + 2).unwrap_or(i64::MAX);
            let add = params![tenant, user, address, key, at, epoch, most];
            steps.must(&sql::OTHER_ADDRESS_ADD, add);
        }
        AddressChange::Remove { user, address } => {
            steps.must(&sql::OTHER_ADDRESS_REMOVE, params![tenant, user, text_key(&address)]);
        }
        AddressChange::RemoveSince { user, since } => {
            steps.run(&sql::OTHER_ADDRESSES_REMOVE, params![tenant, user, since]);
        }
    }
}

fn applications(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::PutOrigins { app, origins } => {
            steps.run(&sql::ORIGINS_FORGET, params![tenant, app]);
            for origin in origins {
                steps.run(&sql::ORIGIN_PUT, params![tenant, origin, app]);
            }
        }
        Op::NoteSecretUse { app, secret, at } => {
            steps.run(&sql::SECRET_USED, params![tenant, app, secret.to_vec(), at]);
            steps.run(&sql::SECRET_USES_TRIM, params![tenant, app]);
        }
        Op::RemoveApplication { app } => {
            steps.run(&sql::SECRET_USES_FORGET, params![tenant, app]);
            steps.run(&sql::ORIGINS_FORGET, params![tenant, app]);
            steps.must(&sql::APPLICATION_REMOVE, params![tenant, app]);
            steps.run(&sql::CATALOG_CHANGED, params![tenant]);
        }
        Op::SetLook { look, logo } => {
            steps.must(&sql::TENANT_LOOK, params![tenant, look.name, look.accent, look.logo]);
            match logo {
                Some(Some(logo)) => {
                    steps.run(&sql::TENANT_LOGO_PUT, params![tenant, logo.kind, logo.body]);
                }
                Some(None) => steps.run(&sql::TENANT_LOGO_REMOVE, params![tenant]),
                None => {}
            }
        }
        Op::UpdateApplication(app) => {
            let settings = serde_json::to_string(&app.settings).unwrap_or_default();
            steps.must(
                &sql::APPLICATION_UPDATE,
                params![
                    tenant,
                    app.id,
                    app.version,
                    app.client_id,
                    app.name,
                    app.enabled,
                    app.epoch,
                    app.secret_hash,
                    app.backchannel_logout_uri,
                    settings
                ],
            );
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
            steps.must(&sql::CATALOG_CHANGED, params![tenant]);
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

/// Returns the number and the subject that the database stores for a scope.
fn scope_key(scope: PolicyScope) -> (i64, Vec<u8>) {
    match scope {
        PolicyScope::Tenant => (0, Vec::new()),
        PolicyScope::Application(id) => (1, id.to_vec()),
        PolicyScope::Role(id) => (2, id.to_vec()),
        PolicyScope::User(id) => (3, id.to_vec()),
        PolicyScope::Group(id) => (4, id.to_vec()),
    }
}

fn put_policy(steps: &mut Steps, tenant: TenantId, scope: PolicyScope, policy: &SessionPolicy) {
    let (number, subject) = scope_key(scope);
    if *policy == SessionPolicy::default() {
        steps.run(&sql::POLICY_REMOVE, params![tenant, number, subject]);
    } else {
        // Serializing our own types to JSON can't fail.
        let settings = serde_json::to_string(policy).unwrap_or_default();
        steps.run(&sql::POLICY_PUT, params![tenant, number, subject, settings]);
    }
    steps.run(&sql::CATALOG_CHANGED, params![tenant]);
}
