-- How often a stay's tokens were ended while it stayed. An authorization code has no row until it is redeemed: it carries
-- the number, and is worth nothing after the next one.
ALTER TABLE participation ADD COLUMN cut BIGINT NOT NULL DEFAULT 0;
