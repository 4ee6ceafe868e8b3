//! Grants, shared and revoked tokens, consents.

use sojourn_model::grant::CodeState;
use sojourn_model::{Grant, Millis, Op, TenantId};

use super::{Steps, params};
use crate::sql::grant as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::IssueGrant { grant, now } => issue(steps, tenant, *grant, now),
        Op::IssueDetachedGrant { grant, epoch } => issue_detached(steps, tenant, *grant, epoch),
        Op::UseOnce { key, until } => {
            steps.run(&sql::USE_ONCE, params![tenant, key, until]);
        }
        Op::RedeemCode { grant, at, refresh, expires_at } => {
            steps.must(
                &sql::CODE_REDEEM,
                params![tenant, grant, at, i64::from(refresh), expires_at],
            );
        }
        Op::Refresh { grant, from_generation, to_generation, from_number, at, expires_at } => {
            steps.must(
                &sql::GRANT_REFRESH,
                params![tenant, grant, from_generation, from_number, to_generation, at, expires_at],
            );
        }
        Op::JoinSharedToken { grant, id, number, session } => {
            // Locked until the commit: a concurrent end waits, and then sees what was written.
            steps.must(&sql::GRANT_HOLD, params![tenant, grant, session]);
            steps.must(&sql::SHARED_JOIN, params![tenant, id, session, number]);
        }
        Op::IssueSharedToken {
            grant,
            id,
            user,
            app,
            scopes,
            from_number,
            at,
            lifetime_ms,
            session,
        } => {
            steps.must(&sql::GRANT_HOLD, params![tenant, grant, session]);
            if from_number == 0 {
                steps.run(
                    &sql::SHARED_CREATE,
                    params![tenant, user, app, scopes.as_str(), id, at, lifetime_ms],
                );
            } else {
                steps.must(
                    &sql::SHARED_NEXT,
                    params![tenant, user, app, scopes.as_str(), from_number, at, lifetime_ms],
                );
            }
            steps.must(&sql::SHARED_LINK, params![tenant, user, app, scopes, session]);
        }
        Op::RevokeToken { key, until } => steps.run(&sql::REVOKE, params![tenant, key, until]),
        Op::PutConsent { user, session, from, app, scopes, at } => {
            // Ends lock the session first as well, so that a concurrent withdrawal of the consent is noticed.
            steps.must(&sql::CONSENT_GATE, params![tenant, user, session]);
            steps.must(&sql::CONSENT_PUT, params![tenant, user, app, scopes, at, from]);
        }
        Op::RequireApproval { user, session, app, scopes } => {
            // The gate runs first: a withdrawal locks the session's row too, so that what is read after it can't be
            // withdrawn before the commit.
            steps.must(&sql::CONSENT_GATE, params![tenant, user, session]);
            steps.must(&sql::CONSENT_HELD, params![tenant, user, app, scopes]);
        }
        _ => {}
    }
}

fn issue(steps: &mut Steps, tenant: TenantId, grant: Grant, now: Millis) {
    let (state, redirect_uri, challenge, nonce) = match grant.code {
        CodeState::Issued { redirect_uri, challenge, nonce } => {
            (1_i64, Some(redirect_uri), challenge, nonce)
        }
        CodeState::Redeemed => (2, None, None, None),
    };
    steps.must(
        &sql::GRANT_ISSUE,
        params![
            tenant,
            grant.session,
            grant.id,
            grant.app,
            grant.sid,
            grant.kind.code(),
            grant.scopes,
            grant.offline,
            grant.binding.as_str(),
            grant.auth_time,
            now,
            grant.expires_at,
            state,
            redirect_uri,
            challenge,
            nonce,
            grant.token_number,
            grant.token_issued_at,
            grant.detail,
            grant.outlives_logout,
            grant.refresh_generation,
            grant.refresh_issued_at,
            grant.stay_cut
        ],
    );
}

fn issue_detached(steps: &mut Steps, tenant: TenantId, grant: Grant, epoch: i64) {
    steps.must(
        &sql::GRANT_DETACHED,
        params![
            tenant,
            grant.user,
            grant.id,
            grant.app,
            grant.sid,
            grant.sub,
            grant.kind.code(),
            grant.scopes,
            grant.binding.as_str(),
            grant.auth_time,
            grant.expires_at,
            grant.refresh_generation,
            grant.refresh_issued_at,
            epoch
        ],
    );
}
