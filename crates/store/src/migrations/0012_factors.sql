-- Second factors: who has one signs in with it as well as with the password. 'secret' is sealed under the master key; 'step'
-- is the last time step of which a code was used.
CREATE TABLE factor (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    id BLOB NOT NULL,
    kind BIGINT NOT NULL,
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    step BIGINT NOT NULL,
    added_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, id, tenant_id)
) WITHOUT ROWID;

-- Codes for who has lost the factors, as keyed hashes. A code that was used is removed.
CREATE TABLE recovery_code (
    tenant_id BIGINT NOT NULL,
    user_id BLOB NOT NULL,
    code_hash BLOB NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, code_hash, tenant_id)
) WITHOUT ROWID;

-- How many factors an account has: a sign-in reads it with the account.
ALTER TABLE account ADD COLUMN factors BIGINT NOT NULL DEFAULT 0;
-- By which methods the person of a session proved who they are, and when; empty in what a program before this one writes.
ALTER TABLE session ADD COLUMN proofs TEXT NOT NULL DEFAULT '';
