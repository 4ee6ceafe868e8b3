-- Which origins belong to applications, so that a script's request reads one row and not all applications.
CREATE TABLE application_origin (
    tenant_id BIGINT NOT NULL,
    origin TEXT NOT NULL,
    app_id BLOB NOT NULL,
    PRIMARY KEY (origin, app_id, tenant_id)
) WITHOUT ROWID;
CREATE INDEX application_origin_app ON application_origin (app_id, tenant_id);
-- What is kept for a time only is found by its age.
CREATE INDEX event_age ON event (happened_at);
ALTER TABLE known_browser ADD COLUMN last_seen BIGINT NOT NULL DEFAULT 0;
CREATE INDEX known_browser_seen ON known_browser (last_seen);
