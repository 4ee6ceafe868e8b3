//! Deliveries and jobs: claims for the time of a lease, and results.

use crate::dialect::statements;

macro_rules! delivery_columns {
    () => {
        "tenant_id, sid, session_id, app_id, user_id, sub, issuer, uri, state, attempts, refusals, \
         answer_lost, due_at, created_at, expires_at, last_attempt_at, last_status, last_error, \
         last_jti"
    };
}
pub(crate) use delivery_columns;

macro_rules! job_columns {
    () => {
        "tenant_id, id, kind, payload, total, done, state, error, actor, created_at, finished_at, \
         progress, ended_sessions, ended_grants, ended_consents, ended_deliveries"
    };
}

statements! {
    DELIVERY_CLAIM = concat!(
        "UPDATE delivery SET due_at = $2, leased = 1 WHERE (tenant_id, created_at, sid) IN (\
         SELECT tenant_id, created_at, sid FROM delivery WHERE state = 'pending' AND due_at <= $1 \
         ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) \
         RETURNING ", delivery_columns!());
    DELIVERY_SETTLE = "UPDATE delivery SET state = $4, attempts = attempts + 1, due_at = $5, \
         leased = 0, last_attempt_at = $6, last_status = $7, last_error = $8, last_jti = $9, \
         refusals = refusals + $10, answer_lost = $11 \
         WHERE tenant_id = $1 AND created_at = $12 AND sid = $2 AND attempts = $3 \
         AND state = 'pending'";
    DELIVERY_PUT_OFF = "UPDATE delivery SET due_at = $4, leased = 0 \
         WHERE tenant_id = $1 AND created_at = $5 AND sid = $2 AND attempts = $3 \
         AND state = 'pending'";
    DELIVERY_GIVE_UP = "UPDATE delivery SET state = 'dead', leased = 0, last_error = $4 \
         WHERE +tenant_id = $1 AND session_id = $2 AND sid = $3 AND state = 'pending'";
    // $2 and $3 are a position in the order of creation.
    DELIVERIES_BELOW = concat!(
        "SELECT ", delivery_columns!(), " FROM delivery WHERE tenant_id = $1 \
         AND (created_at, sid) < ($2, $3) ORDER BY created_at DESC, sid DESC LIMIT $4");
    DELIVERIES_FAILED_BELOW = concat!(
        "SELECT ", delivery_columns!(), " FROM delivery INDEXED BY delivery_failed \
         WHERE tenant_id = $1 AND state IN ('dead', 'refused') \
         AND (created_at, sid) < ($2, $3) ORDER BY created_at DESC, sid DESC LIMIT $4");
    // The plus prevents the planner from preferring the key, which begins with the tenant, to the session's index.
    DELIVERY_RESEND = "UPDATE delivery SET state = 'pending', refusals = 0, due_at = $4, \
         expires_at = $5, leased = 0 WHERE +tenant_id = $1 AND session_id = $2 AND sid = $3 \
         AND state IN ('dead', 'refused')";
    // Leases of a worker that is gone; only valid if there is no other server.
    DELIVERY_RELEASE = "UPDATE delivery SET due_at = $1, leased = 0 \
         WHERE state = 'pending' AND leased = 1";
    DELIVERIES_OF_SESSION = concat!(
        "SELECT ", delivery_columns!(), " FROM delivery \
         WHERE +tenant_id = $1 AND session_id = $2 ORDER BY created_at, sid");
    DELIVERIES_NEWEST = concat!(
        "SELECT ", delivery_columns!(), " FROM delivery WHERE tenant_id = $1 \
         ORDER BY created_at DESC, sid DESC LIMIT $2");
    DELIVERY_STATES = "SELECT count(*), coalesce(min(due_at), 0) FROM delivery \
         WHERE state = 'pending'";
    DELIVERIES_WAITING_OF = "SELECT count(*) FROM delivery WHERE +tenant_id = $1 AND state = 'pending'";
    DELIVERIES_DEAD_OF = "SELECT count(*) FROM delivery WHERE tenant_id = $1 AND state = 'dead'";
    DELIVERIES_THAT_WAIT = "SELECT app_id, count(*), min(created_at) FROM delivery \
         WHERE +tenant_id = $1 AND state = 'pending' AND attempts > 0 GROUP BY app_id";
    DELIVERIES_REFUSED_SINCE = "SELECT app_id, count(*), max(last_status) FROM delivery \
         WHERE tenant_id = $1 AND created_at >= $2 AND state IN ('dead', 'refused') \
         AND state = 'refused' GROUP BY app_id";
    DELIVERY_NEXT_DUE = "SELECT min(due_at) FROM delivery WHERE state = 'pending'";

    JOB_ADD = "INSERT INTO job (tenant_id, id, payload, total, done, state, due_at, lease_until, kind, \
         actor, created_at) VALUES ($1, $2, $3, $4, 0, 'pending', $7, 0, $5, $6, $7)";
    JOB_CLAIM = concat!(
        "UPDATE job SET lease_until = $2 WHERE (tenant_id, id) IN (\
         SELECT tenant_id, id FROM job WHERE state = 'pending' AND due_at <= $1 \
         AND lease_until <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ",
        job_columns!());
    JOB_ADVANCE = "UPDATE job SET done = done + $3, state = $4, due_at = $5, lease_until = $9, \
         error = $6, progress = coalesce($7, progress), finished_at = $8, \
         ended_sessions = ended_sessions + $10, ended_grants = ended_grants + $11, \
         ended_consents = ended_consents + $12, ended_deliveries = ended_deliveries + $13 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending'";
    JOBS_RELEASE = "UPDATE job SET lease_until = 0 WHERE state = 'pending'";
    JOB_CANCEL = "UPDATE job SET state = 'cancelled', finished_at = $3 \
         WHERE tenant_id = $1 AND id = $2 AND state = 'pending'";
    JOB_BY_ID = concat!(
        "SELECT ", job_columns!(), " FROM job WHERE tenant_id = $1 AND id = $2");
    JOBS_LATEST = concat!(
        "SELECT ", job_columns!(), " FROM job WHERE tenant_id = $1 \
         ORDER BY created_at DESC, id DESC LIMIT $2");
    JOBS_PENDING = concat!(
        "SELECT ", job_columns!(), " FROM job WHERE tenant_id = $1 AND state = 'pending' \
         ORDER BY due_at LIMIT $2");
}
