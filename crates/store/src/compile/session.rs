//! Sessions, their participations and last accesses.

use sojourn_model::network::address_key;
use sojourn_model::operation::SessionLimit;
use sojourn_model::{EventName, Millis, Op, Session, Subject, TenantId};

use super::{Steps, params};
use crate::sql::directory::ACCOUNT_EVENT;
use crate::sql::session as sql;

pub(super) fn compile(steps: &mut Steps, tenant: TenantId, op: Op) {
    match op {
        Op::StartSession { session, epoch, limit } => start(steps, tenant, session, epoch, limit),
        Op::TightenSession { session, idle_timeout_ms, absolute_deadline } => steps.run(
            &sql::SESSION_TIGHTEN,
            params![tenant, session, idle_timeout_ms, absolute_deadline],
        ),
        Op::RenewSession { session, from_secret_hash, previous_until, epoch } => {
            renew(steps, tenant, session, from_secret_hash, previous_until, epoch);
        }
        Op::Touch(touches) => {
            for touch in touches {
                steps.run(&sql::SESSION_TOUCH, params![tenant, touch.session, touch.at]);
                if let Some(app) = touch.app {
                    steps.run(
                        &sql::PARTICIPATION_TOUCH,
                        params![tenant, touch.session, app, touch.at],
                    );
                }
            }
        }
        Op::ExtendSession { session, at, slack_ms } => {
            steps.must(&sql::SESSION_EXTEND, params![tenant, session, at, at.plus(-slack_ms)])
        }
        Op::AddParticipation { participation, now } => {
            steps.must(
                &sql::PARTICIPATION_ADD,
                params![
                    tenant,
                    participation.session,
                    participation.app,
                    participation.sid,
                    participation.sub,
                    now
                ],
            );
        }
        _ => {}
    }
}

fn start(
    steps: &mut Steps,
    tenant: TenantId,
    session: Session,
    epoch: i64,
    limit: Option<SessionLimit>,
) {
    // The gate counts the event that follows.
    steps.must(&sql::SESSION_GATE, params![tenant, session.user, epoch]);
    let (subject, at) = (Subject::User(session.user), session.signed_in_at);
    if let Some(SessionLimit { max, now, slack_ms }) = limit {
        let since = now.plus(-slack_ms);
        steps.must(&sql::SESSION_LIMIT, params![tenant, session.user, now, since, max]);
    }
    steps.run(
        &sql::SESSION_CREATE,
        params![
            tenant,
            session.id,
            session.user,
            session.secret_hash.to_vec(),
            session.signed_in_at,
            session.auth_time,
            session.amr,
            session.remember,
            &session.ip,
            session.user_agent,
            session.last_access,
            session.idle_timeout_ms,
            session.idle_deadline,
            session.absolute_deadline,
            address_key(&session.ip),
            session.proofs.to_string()
        ],
    );
    steps.must(
        &ACCOUNT_EVENT,
        params![
            tenant,
            session.user,
            EventName::SessionCreate.as_str(),
            session.signed_in_at,
            format!("user:{}", session.user),
            session.id,
            "{}"
        ],
    );
    steps.tasks_for(tenant, subject, EventName::SessionCreate, at);
}

fn renew(
    steps: &mut Steps,
    tenant: TenantId,
    session: Session,
    from_secret_hash: [u8; 32],
    previous_until: Millis,
    epoch: i64,
) {
    let (subject, at) = (Subject::User(session.user), session.last_access);
    steps.must(&sql::SESSION_GATE, params![tenant, session.user, epoch]);
    steps.must(
        &sql::SESSION_RENEW,
        params![
            tenant,
            session.id,
            from_secret_hash.to_vec(),
            session.secret_hash.to_vec(),
            previous_until,
            session.auth_time,
            session.amr,
            session.remember,
            session.last_access,
            session.idle_deadline,
            &session.ip,
            session.user_agent,
            address_key(&session.ip),
            session.proofs.to_string()
        ],
    );
    steps.must(
        &ACCOUNT_EVENT,
        params![
            tenant,
            session.user,
            EventName::SessionUpdate.as_str(),
            session.last_access,
            format!("user:{}", session.user),
            session.id,
            "{}"
        ],
    );
    steps.tasks_for(tenant, subject, EventName::SessionUpdate, at);
}
