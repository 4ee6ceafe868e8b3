-- Roles have ids of other systems, as users and groups have.
ALTER TABLE role ADD COLUMN external_id TEXT;

-- Each handler looks for its own tasks.
DROP INDEX handler_task_due;
CREATE INDEX handler_task_due ON handler_task (handler, due_at) WHERE state = 'pending';
-- A lease apart from the time at which a task is due: what a worker left behind that is gone can be taken back.
ALTER TABLE handler_task ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
