//! Users, groups, roles and their memberships.

use sojourn_model::directory::{name_key, text_key};
use sojourn_model::operation::GroupChange;
use sojourn_model::{Op, TenantId, User, UserId};

use super::{Steps, many, params};
use crate::sql::directory as sql;

fn users(ids: &[UserId]) -> String {
    many(ids, |id| id.to_vec())
}

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::KeepPassword { user, hash, at, keep } => {
            steps.run(&sql::PASSWORD_KEEP, params![tenant, user, at, hash]);
            steps.run(&sql::PASSWORD_FORGET, params![tenant, user, keep]);
        }
        Op::UpdateUser { user } => update(steps, tenant, &user),
        Op::DeleteUser { user } => {
            for statement in [
                &sql::ACCOUNT_LEAVE_ROLES,
                &sql::ACCOUNT_LEAVE_GROUPS,
                &sql::ACCOUNT_BROWSERS,
                &sql::ACCOUNT_HISTORY,
                &sql::ACCOUNT_FACTORS,
                &sql::ACCOUNT_CODES,
                &sql::ACCOUNT_TRUST,
                &sql::ACCOUNT_ADDRESS_BEFORE,
                &sql::ACCOUNT_ADDRESSES,
                &sql::ACCOUNT_TERMS,
                &sql::ACCOUNT_DELETION,
                &sql::ACCOUNT_SHARED,
            ] {
                steps.run(statement, params![tenant, user]);
            }
            steps.run(&crate::sql::end::CONSENTS_REMOVE, params![tenant, user, None::<i64>]);
            steps.run(&sql::POLICY_REMOVE, params![tenant, 3, user]);
            steps.must(&sql::ACCOUNT_DELETE, params![tenant, user]);
            steps.run(&sql::ACCOUNT_COUNTED, params![tenant, -1]);
        }
        Op::DemandSignIn { user } => steps.run(&sql::SIGN_IN_DEMAND, params![tenant, user]),
        Op::UpdateRole(role) => {
            let key = name_key(&role.name);
            steps.must(
                &sql::ROLE_UPDATE,
                params![
                    tenant,
                    role.id,
                    role.version,
                    role.name,
                    key,
                    role.permissions,
                    role.updated_at,
                    role.external_id
                ],
            );
        }
        Op::AssignRoleToMany { role, users: ids } => {
            steps.run(&sql::ROLE_ASSIGN_MANY, params![tenant, role, users(&ids)]);
        }
        Op::UnassignRoleFromMany { role, users: ids } => {
            steps.run(&sql::ROLE_UNASSIGN_MANY, params![tenant, role, users(&ids)]);
        }
        other => groups(steps, tenant, other),
    }
}

fn update(steps: &mut Steps, tenant: TenantId, user: &User) {
    steps.must(
        &sql::ACCOUNT_UPDATE,
        params![
            tenant,
            user.id,
            user.version,
            &user.username,
            User::username_key(&user.username),
            user.display_name.as_ref(),
            user.given_name.as_ref(),
            user.family_name.as_ref(),
            user.email.as_ref(),
            user.email_verified,
            user.updated_at,
            &user.profile,
            user.external_id.as_ref(),
            &user.attributes,
            user.email.as_deref().map(text_key),
            user.display_name.as_deref().map(text_key)
        ],
    );
}

fn groups(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::Group(GroupChange::Create(group)) => {
            let key = name_key(&group.name);
            steps.run(
                &sql::GROUP_CREATE,
                params![tenant, group.id, group.name, key, group.external_id, group.created_at],
            );
        }
        Op::Group(GroupChange::Update(group)) => {
            let key = name_key(&group.name);
            steps.must(
                &sql::GROUP_UPDATE,
                params![
                    tenant,
                    group.id,
                    group.version,
                    group.name,
                    key,
                    group.external_id,
                    group.updated_at
                ],
            );
        }
        Op::Group(GroupChange::Delete { group }) => {
            steps.run(&sql::GROUP_EMPTY, params![tenant, group]);
            steps.run(&sql::GROUP_DROP_ROLES, params![tenant, group]);
            steps.run(&sql::POLICY_REMOVE, params![tenant, 4, group]);
            steps.must(&sql::GROUP_DELETE, params![tenant, group]);
        }
        Op::Group(GroupChange::Join { group, users: ids }) => {
            steps.run(&sql::GROUP_JOIN, params![tenant, group, users(&ids)]);
        }
        Op::Group(GroupChange::Leave { group, users: ids }) => {
            steps.run(&sql::GROUP_LEAVE, params![tenant, group, users(&ids)]);
        }
        Op::Group(GroupChange::CarryRole { group, role }) => {
            steps.must(&sql::GROUP_CARRY, params![tenant, group, role]);
        }
        Op::Group(GroupChange::DropRole { group, role }) => {
            steps.must(&sql::GROUP_DROP, params![tenant, group, role]);
        }
        _ => {}
    }
}
