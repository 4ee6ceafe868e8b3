//! Tasks of handlers: written with their events, and claimed one at a time for each handler and subject.

use crate::dialect::statements;

macro_rules! task_columns {
    () => {
        "tenant_id, subject_kind, subject_id, handler, n, state, attempts, created_at, due_at, \
         last_attempt_at, last_status, last_error"
    };
}

statements! {
    // For the latest event of the subject, which the previous step wrote.
    TASK_ADD = "INSERT INTO handler_task (tenant_id, subject_kind, subject_id, handler, n, state, \
         attempts, created_at, due_at) SELECT tenant_id, subject_kind, subject_id, $4, n, 'pending', 0, \
         CAST($5 AS BIGINT), CAST($6 AS BIGINT) \
         FROM event WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 ORDER BY n DESC LIMIT 1";
    // Only the first task of each handler and subject; later ones wait.
    TASK_CLAIM = concat!(
        "UPDATE handler_task SET lease_until = $2 WHERE (subject_id, handler, subject_kind, tenant_id, n) IN (\
         SELECT t.subject_id, t.handler, t.subject_kind, t.tenant_id, t.n FROM handler_task t \
         WHERE t.state = 'pending' AND t.handler = $4 AND t.due_at <= $1 \
         AND t.lease_until <= $1 AND NOT EXISTS (\
         SELECT 1 FROM handler_task e WHERE e.subject_id = t.subject_id AND e.handler = t.handler \
         AND e.subject_kind = t.subject_kind AND e.tenant_id = t.tenant_id AND e.n < t.n \
         AND e.state IN ('pending', 'parked')) \
         ORDER BY t.due_at, t.n LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING ", task_columns!());
    TASK_SETTLE = "UPDATE handler_task SET state = $7, attempts = attempts + 1, due_at = $8, lease_until = 0, \
         last_attempt_at = $9, last_status = $10, last_error = $11, \
         settled_at = CASE WHEN CAST($7 AS TEXT) = 'pending' THEN NULL ELSE CAST($9 AS BIGINT) END \
         WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 AND handler = $4 AND n = $5 \
         AND attempts = $6 AND state = 'pending'";
    TASK_REDO = "UPDATE handler_task SET state = 'pending', attempts = 0, due_at = $6, settled_at = NULL \
         WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 AND handler = $4 AND n = $5 \
         AND state <> 'pending'";
    TASK_SKIP = "UPDATE handler_task SET state = 'skipped' \
         WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 AND handler = $4 AND n = $5 \
         AND state = 'parked'";
    TASK_NEXT_DUE = "SELECT t.due_at FROM handler_task t WHERE t.state = 'pending' AND t.handler = $1 \
         AND t.lease_until <= $2 AND NOT EXISTS (\
         SELECT 1 FROM handler_task e WHERE e.subject_id = t.subject_id AND e.handler = t.handler \
         AND e.subject_kind = t.subject_kind AND e.tenant_id = t.tenant_id AND e.n < t.n \
         AND e.state IN ('pending', 'parked')) ORDER BY t.due_at LIMIT 1";
    TASKS_RELEASE = "UPDATE handler_task SET lease_until = 0 \
         WHERE state = 'pending' AND handler = $1 AND lease_until > 0";
    TASKS_OPEN = "SELECT handler, count(*), min(created_at) FROM handler_task \
         WHERE state = 'pending' AND tenant_id = $1 GROUP BY handler";
    TASKS_PARKED = "SELECT handler, count(*) FROM handler_task \
         WHERE state = 'parked' AND tenant_id = $1 GROUP BY handler";
    TASKS_LAG = "SELECT count(*), coalesce(min(created_at), 0) FROM handler_task WHERE state = 'pending'";
    TASKS_BELOW = concat!(
        "SELECT ", task_columns!(), " FROM handler_task INDEXED BY handler_task_log WHERE tenant_id = $1 \
         AND handler = $2 AND (created_at, subject_id, n) < ($3, $4, $5) \
         ORDER BY created_at DESC, subject_id DESC, n DESC LIMIT $6");
    TASKS_PARKED_BELOW = concat!(
        "SELECT ", task_columns!(), " FROM handler_task INDEXED BY handler_task_parked WHERE tenant_id = $1 \
         AND handler = $2 AND state = 'parked' ORDER BY created_at DESC LIMIT $3");
    EVENT_GET = "SELECT n, name, happened_at, actor, session_id, data FROM event \
         WHERE tenant_id = $1 AND subject_kind = $2 AND subject_id = $3 AND n = $4";
    PURGE_TASKS = "DELETE FROM handler_task WHERE (subject_id, handler, subject_kind, tenant_id, n) IN (\
         SELECT subject_id, handler, subject_kind, tenant_id, n FROM handler_task \
         WHERE tenant_id = $1 AND handler = $2 AND created_at < $3 AND state IN ('done', 'skipped') \
         ORDER BY created_at LIMIT $4)";
}
