-- Until then, a sign-in with less than a factor that the account still has is refused: somebody recovers the account.
ALTER TABLE account ADD COLUMN recovers_at BIGINT;
