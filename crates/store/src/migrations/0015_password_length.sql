-- A new installation asks for longer passwords where nothing else protects an account (NIST SP 800-63B-4, section 3.1.1.2).
-- One that has accounts already keeps what it had.
INSERT INTO meta (name, value)
    SELECT 'password_length_alone', '15' WHERE NOT EXISTS (SELECT 1 FROM account);
