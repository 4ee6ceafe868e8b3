//! Ends of sessions. The same few set-based statements end each target; selections by session and by user differ only
//! in one fragment.
//!
//! Parameters: `$1` tenant, `$2` user. By session: `$3` session. By user: `$3` the session to spare (empty for none),
//! `$4` whether grants without a session are included.

use super::delivery::delivery_columns;
use crate::dialect::statements;

macro_rules! by_session {
    ($column:literal) => {
        concat!(" AND ", $column, " = $3 ")
    };
}

// Selects the sessions themselves, by user.
macro_rules! sessions_by_user {
    ($column:literal) => {
        concat!(" AND ", $column, " <> $3 ")
    };
}

// Selects grants by user: those of the sessions, and those without a session if requested.
macro_rules! grants_by_user {
    () => {
        " AND ((g.session_id IS NOT NULL AND g.session_id <> $3) \
          OR (g.session_id IS NULL AND $4 = 1)) "
    };
}

macro_rules! session_end {
    ($user:literal, $selector:expr) => {
        concat!(
            "UPDATE session SET ended_at = $5, end_reason = $6, end_actor = $7, end_id = $8, \
             end_effects = $9 \
             WHERE tenant_id = $1 AND user_id",
            $user,
            " AND ended_at IS NULL AND CAST($4 AS BIGINT) >= 0",
            $selector
        )
    };
}

macro_rules! session_events {
    ($user:literal, $selector:expr) => {
        concat!(
            "INSERT INTO event (tenant_id, subject_kind, subject_id, n, name, happened_at, actor, \
             session_id, data) \
             SELECT s.tenant_id, 1, s.user_id, \
             a.event_count + row_number() OVER (PARTITION BY s.user_id ORDER BY s.id), $8, $5, $6, s.id, $7 \
             FROM session s JOIN account a ON a.tenant_id = s.tenant_id AND a.id = s.user_id \
             WHERE s.tenant_id = $1 AND s.user_id", $user, " AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0",
            $selector
        )
    };
}

// $5 is the time of the event, $6 the time at which the task is due, $7 the handler. Numbered like the events.
macro_rules! session_tasks {
    ($user:literal, $selector:expr) => {
        concat!(
            "INSERT INTO handler_task (tenant_id, subject_kind, subject_id, handler, n, state, attempts, \
             created_at, due_at) \
             SELECT s.tenant_id, 1, s.user_id, $7, \
             a.event_count + row_number() OVER (PARTITION BY s.user_id ORDER BY s.id), 'pending', 0, \
             CAST($5 AS BIGINT), CAST($6 AS BIGINT) \
             FROM session s JOIN account a ON a.tenant_id = s.tenant_id AND a.id = s.user_id \
             WHERE s.tenant_id = $1 AND s.user_id", $user, " AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0",
            $selector
        )
    };
}

macro_rules! count_events {
    ($user:literal, $selector:expr) => {
        concat!(
            "UPDATE account SET event_count = event_count + (SELECT count(*) FROM session s \
             WHERE s.tenant_id = $1 AND s.user_id = account.id AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0",
            $selector,
            ") WHERE tenant_id = $1 AND id", $user
        )
    };
}

macro_rules! sessions_lock {
    ($user:literal, $selector:expr) => {
        concat!(
            "SELECT id FROM session WHERE tenant_id = $1 AND user_id",
            $user,
            " AND ended_at IS NULL \
             AND CAST($4 AS BIGINT) >= 0",
            $selector,
            "ORDER BY id FOR UPDATE"
        )
    };
}

// $5 is whether offline grants are included, $6 one application or NULL for all, and $spare a parameter: whether to
// spare grants that their application keeps when the user signs out.
macro_rules! grants_where {
    ($user:literal, $selector:expr, $spare:literal) => {
        concat!(
            "g.tenant_id = $1 AND g.user_id",
            $user,
            " AND g.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0",
            $selector,
            "AND ($5 = 1 OR g.offline = 0) AND (CAST($6 AS BLOB) IS NULL OR g.app_id = $6) \
             AND (CAST(",
            $spare,
            " AS BIGINT) = 0 OR g.outlives_logout = 0)"
        )
    };
}

macro_rules! grants_end {
    ($user:literal, $selector:expr) => {
        concat!(
            "UPDATE oauth_grant AS g SET ended_at = $7, end_reason = $8, end_id = $9 WHERE ",
            grants_where!($user, $selector, "$10")
        )
    };
}

macro_rules! grants_detach {
    ($user:literal, $selector:expr) => {
        concat!(
            "UPDATE oauth_grant AS g SET session_id = NULL WHERE g.tenant_id = $1 \
             AND g.user_id",
            $user,
            " AND g.ended_at IS NULL AND g.session_id IS NOT NULL AND CAST($4 AS BIGINT) >= 0",
            $selector
        )
    };
}

// A grant bound to the session can't outlive it.
macro_rules! grants_bound {
    ($user:literal, $selector:expr) => {
        concat!(
            "SELECT g.id FROM oauth_grant g WHERE g.tenant_id = $1 AND g.user_id",
            $user,
            " \
             AND g.ended_at IS NULL AND g.session_id IS NOT NULL AND g.offline = 0 \
             AND g.binding = 'sso-session' AND CAST($4 AS BIGINT) >= 0",
            $selector,
            "LIMIT 1"
        )
    };
}

// Participations, joined through their living sessions. $5 is one application or NULL for all.
macro_rules! stays_where {
    ($user:literal, $selector:expr) => {
        concat!(
            "p.tenant_id = $1 AND p.ended_at IS NULL AND (CAST($5 AS BLOB) IS NULL OR p.app_id = $5) \
             AND p.session_id IN (SELECT s.id FROM session s WHERE s.tenant_id = $1 \
             AND s.user_id", $user, " AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0",
            $selector,
            ")"
        )
    };
}

macro_rules! stays_end {
    ($user:literal, $selector:expr) => {
        concat!(
            "UPDATE participation AS p SET ended_at = $6 WHERE ",
            stays_where!($user, $selector)
        )
    };
}

// Codes that aren't redeemed yet have no rows: they carry this number, and changing it invalidates them.
macro_rules! stays_cut {
    ($user:literal, $selector:expr) => {
        concat!(
            "UPDATE participation AS p SET cut = cut + 1 WHERE ",
            stays_where!($user, $selector)
        )
    };
}

// The plus prevents the planner from reading the applications first, and then all their participations.
macro_rules! deliveries_write {
    ($user:literal, $selector:expr) => {
        concat!(
            "INSERT INTO delivery (tenant_id, sid, session_id, app_id, user_id, sub, issuer, uri, \
             state, attempts, refusals, answer_lost, due_at, leased, created_at, expires_at) \
             SELECT p.tenant_id, p.sid, p.session_id, p.app_id, p.user_id, p.sub, $6, \
             coalesce(a.backchannel_logout_uri, ''), \
             CASE WHEN a.backchannel_logout_uri IS NULL THEN 'unreachable' ELSE 'pending' END, \
             0, 0, 0, CAST($7 AS BIGINT) + CAST($9 AS BIGINT), \
             CASE WHEN CAST($9 AS BIGINT) > 0 THEN 1 ELSE 0 END, CAST($7 AS BIGINT), $8 \
             FROM participation p JOIN application a \
             ON +a.tenant_id = p.tenant_id AND a.id = p.app_id AND a.kind = 0 WHERE ",
            stays_where!($user, $selector)
        )
    };
}

macro_rules! deliveries_count {
    ($user:literal, $selector:expr) => {
        concat!(
            "SELECT count(*) FROM participation p JOIN application a \
             ON +a.tenant_id = p.tenant_id AND a.id = p.app_id AND a.kind = 0 WHERE ",
            stays_where!($user, $selector)
        )
    };
}

// By user all shared tokens of the user end, except those that the spared session uses and no ending session uses. $5
// is one application or NULL for all.
macro_rules! shared_of_users {
    ($user:literal) => {
        concat!(
            "UPDATE shared_token SET number = number + 1, issued_at = 0 WHERE tenant_id = $1 AND user_id",
            $user,
            " AND CAST($4 AS BIGINT) >= 0 AND (CAST($5 AS BLOB) IS NULL OR app_id = $5) \
             AND (NOT EXISTS (SELECT 1 FROM shared_token_session l WHERE l.tenant_id = $1 \
             AND l.session_id = $3 AND l.shared_id = shared_token.id) \
             OR id IN (SELECT l.shared_id FROM shared_token_session l WHERE l.tenant_id = $1 \
             AND l.session_id IN (SELECT s.id FROM session s WHERE s.tenant_id = $1 AND s.user_id",
            $user,
            " AND s.ended_at IS NULL AND s.id <> $3)))"
        )
    };
}

statements! {
    // Ends by user increment the epoch first, so that a sign-in that began earlier can't complete.
    EPOCH_BUMP = "UPDATE account SET epoch = epoch + 1 WHERE tenant_id = $1 AND id = $2";
    ACCOUNT_LOCK = "SELECT id FROM account WHERE tenant_id = $1 AND id = $2 FOR UPDATE";
    SESSION_OWNER = "SELECT user_id FROM session WHERE tenant_id = $1 AND id = $2";
    EXPIRED_GUARD = "SELECT id FROM session WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL \
         AND (idle_deadline <= $4 OR (absolute_deadline IS NOT NULL AND absolute_deadline <= $3)) \
         FOR UPDATE";

    LOCK_BY_SESSION = sessions_lock!(" = $2", by_session!("id"));
    LOCK_BY_USER = sessions_lock!(" = $2", sessions_by_user!("id"));
    GRANTS_BY_SESSION = grants_end!(" = $2", by_session!("g.session_id"));
    GRANTS_BY_USER = grants_end!(" = $2", grants_by_user!());
    DETACH_BY_SESSION = grants_detach!(" = $2", by_session!("g.session_id"));
    DETACH_BY_USER = grants_detach!(" = $2", sessions_by_user!("g.session_id"));
    BOUND_BY_SESSION = grants_bound!(" = $2", by_session!("g.session_id"));
    BOUND_BY_USER = grants_bound!(" = $2", sessions_by_user!("g.session_id"));
    // It ends for the other sessions as well; $6 spares the token of an application that keeps its grants.
    SHARED_BY_SESSION = "UPDATE shared_token SET number = number + 1, issued_at = 0 WHERE tenant_id = $1 \
         AND user_id = $2 AND (CAST($5 AS BLOB) IS NULL OR app_id = $5) AND id IN (\
         SELECT l.shared_id FROM shared_token_session l WHERE l.tenant_id = $1 \
         AND l.session_id IN (SELECT s.id FROM session s WHERE s.tenant_id = $1 AND s.user_id = $2 \
         AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0 AND s.id = $3)) \
         AND (CAST($6 AS BIGINT) = 0 OR NOT EXISTS (SELECT 1 FROM oauth_grant g \
         WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.session_id = $3 AND g.ended_at IS NULL \
         AND g.app_id = shared_token.app_id AND g.outlives_logout = 1))";
    SHARED_BY_USER = shared_of_users!(" = $2");
    // Returns the deliveries, which the worker of this process takes from the result.
    DELIVER_BY_SESSION = concat!(
        deliveries_write!(" = $2", by_session!("s.id")), " RETURNING ", delivery_columns!());
    DELIVER_BY_USER = deliveries_write!(" = $2", sessions_by_user!("s.id"));
    STAYS_BY_SESSION = stays_end!(" = $2", by_session!("s.id"));
    STAYS_BY_USER = stays_end!(" = $2", sessions_by_user!("s.id"));
    CUT_BY_SESSION = stays_cut!(" = $2", by_session!("s.id"));
    CUT_BY_USER = stays_cut!(" = $2", sessions_by_user!("s.id"));
    CUT_BY_USERS = stays_cut!(" = ANY(MANY($2))", sessions_by_user!("s.id"));
    EVENTS_BY_SESSION = session_events!(" = $2", by_session!("s.id"));
    EVENTS_BY_USER = session_events!(" = $2", sessions_by_user!("s.id"));
    TASKS_BY_SESSION = session_tasks!(" = $2", by_session!("s.id"));
    TASKS_BY_USER = session_tasks!(" = $2", sessions_by_user!("s.id"));
    TASKS_BY_USERS = session_tasks!(" = ANY(MANY($2))", sessions_by_user!("s.id"));
    COUNT_BY_SESSION = count_events!(" = $2", by_session!("s.id"));
    COUNT_BY_USER = count_events!(" = $2", sessions_by_user!("s.id"));
    END_BY_SESSION = session_end!(" = $2", by_session!("id"));
    END_BY_USER = session_end!(" = $2", sessions_by_user!("id"));
    // The same statements for many users at once; $2 is the list of users.
    EPOCHS_BUMP = "UPDATE account SET epoch = epoch + 1 WHERE tenant_id = $1 AND id = ANY(MANY($2))";
    ACCOUNTS_LOCK = "SELECT id FROM account WHERE tenant_id = $1 AND id = ANY(MANY($2)) \
         ORDER BY id FOR UPDATE";
    LOCK_BY_USERS = sessions_lock!(" = ANY(MANY($2))", sessions_by_user!("id"));
    GRANTS_BY_USERS = grants_end!(" = ANY(MANY($2))", grants_by_user!());
    DETACH_BY_USERS = grants_detach!(" = ANY(MANY($2))", sessions_by_user!("g.session_id"));
    BOUND_BY_USERS = grants_bound!(" = ANY(MANY($2))", sessions_by_user!("g.session_id"));
    SHARED_BY_USERS = shared_of_users!(" = ANY(MANY($2))");
    DELIVER_BY_USERS = deliveries_write!(" = ANY(MANY($2))", sessions_by_user!("s.id"));
    STAYS_BY_USERS = stays_end!(" = ANY(MANY($2))", sessions_by_user!("s.id"));
    EVENTS_BY_USERS = session_events!(" = ANY(MANY($2))", sessions_by_user!("s.id"));
    COUNT_BY_USERS = count_events!(" = ANY(MANY($2))", sessions_by_user!("s.id"));
    END_BY_USERS = session_end!(" = ANY(MANY($2))", sessions_by_user!("id"));
    CONSENTS_REMOVE_MANY = "DELETE FROM consent WHERE tenant_id = $1 AND user_id = ANY(MANY($2)) \
         AND (CAST($3 AS BLOB) IS NULL OR app_id = $3)";
    CONSENTS_REMOVE = "DELETE FROM consent WHERE tenant_id = $1 AND user_id = $2 \
         AND (CAST($3 AS BLOB) IS NULL OR app_id = $3)";
    GRANT_END = "UPDATE oauth_grant SET ended_at = $3, end_reason = $4, end_id = $5 \
         WHERE tenant_id = $1 AND id = $2 AND +ended_at IS NULL";
    // A shared access token of the same user and application ends with the grant.
    GRANT_END_SHARED = "UPDATE shared_token SET number = number + 1, issued_at = 0 \
         WHERE tenant_id = $1 AND id IN (SELECT l.shared_id FROM shared_token_session l \
         JOIN oauth_grant g ON g.tenant_id = l.tenant_id AND g.session_id = l.session_id \
         WHERE g.tenant_id = $1 AND g.id = $2) \
         AND app_id = (SELECT g.app_id FROM oauth_grant g WHERE g.tenant_id = $1 AND g.id = $2)";

    // Previews: counts of what an end would do.
    PREVIEW_SESSIONS_BY_SESSION = concat!(
        "SELECT count(*) FROM session s WHERE s.tenant_id = $1 AND s.user_id = $2 \
         AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0", by_session!("s.id"));
    PREVIEW_SESSIONS_BY_USER = concat!(
        "SELECT count(*) FROM session s WHERE s.tenant_id = $1 AND s.user_id = $2 \
         AND s.ended_at IS NULL AND CAST($4 AS BIGINT) >= 0", sessions_by_user!("s.id"));
    PREVIEW_GRANTS_BY_SESSION = concat!(
        "SELECT count(*) FROM oauth_grant g WHERE ", grants_where!(" = $2", by_session!("g.session_id"), "$7"));
    PREVIEW_GRANTS_BY_USER = concat!(
        "SELECT count(*) FROM oauth_grant g WHERE ", grants_where!(" = $2", grants_by_user!(), "$7"));
    PREVIEW_DELIVERIES_BY_SESSION = deliveries_count!(" = $2", by_session!("s.id"));
    PREVIEW_DELIVERIES_BY_USER = deliveries_count!(" = $2", sessions_by_user!("s.id"));
    PREVIEW_CONSENTS = "SELECT count(*) FROM consent WHERE tenant_id = $1 AND user_id = $2 \
         AND (CAST($3 AS BLOB) IS NULL OR app_id = $3)";
    PREVIEW_GRANT = "SELECT count(*) FROM oauth_grant WHERE tenant_id = $1 AND id = $2 \
         AND ended_at IS NULL";
    // Bound grants that an end without their tokens would leave. $5 is one application whose tokens end, or NULL for
    // none.
    PREVIEW_BOUND_BY_SESSION = concat!(
        "SELECT g.app_id FROM oauth_grant g WHERE g.tenant_id = $1 AND g.user_id = $2 \
         AND g.ended_at IS NULL AND g.session_id IS NOT NULL AND g.offline = 0 \
         AND g.binding = 'sso-session' AND CAST($4 AS BIGINT) >= 0", by_session!("g.session_id"),
        "GROUP BY g.app_id");
    PREVIEW_BOUND_BY_USER = concat!(
        "SELECT g.app_id FROM oauth_grant g WHERE g.tenant_id = $1 AND g.user_id = $2 \
         AND g.ended_at IS NULL AND g.session_id IS NOT NULL AND g.offline = 0 \
         AND g.binding = 'sso-session' AND CAST($4 AS BIGINT) >= 0", sessions_by_user!("g.session_id"),
        "GROUP BY g.app_id");
}
