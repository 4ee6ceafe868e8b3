//! Lifetimes and limits that an organisation sets.

/// How long things live, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// A session nobody uses.
    pub idle_ms: i64,
    /// A session of someone who asked to stay signed in, from the last authentication.
    pub remember_ms: i64,
    /// Any session, where set.
    pub absolute_ms: Option<i64>,
    /// An authorization code.
    pub code_ms: i64,
    /// An access token.
    pub access_token_ms: i64,
    /// An access token that is a JWT: others check it without asking, and don't hear of an end.
    pub jwt_access_token_ms: i64,
    /// An ID token.
    pub id_token_ms: i64,
    /// A refresh token, from its own issue.
    pub refresh_token_ms: i64,
    /// How long the refresh token just replaced still gets the same answer.
    pub refresh_grace_ms: i64,
    /// A logout token.
    pub logout_token_ms: i64,
    /// A delivery, before it is given up.
    pub delivery_ms: i64,
    /// Between two writes of last accesses; every check of a deadline allows this much.
    pub touch_flush_ms: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        const MINUTE: i64 = 60_000;
        const HOUR: i64 = 60 * MINUTE;
        const DAY: i64 = 24 * HOUR;
        Self {
            idle_ms: 15 * MINUTE,
            remember_ms: 14 * DAY,
            absolute_ms: None,
            code_ms: MINUTE,
            access_token_ms: HOUR,
            jwt_access_token_ms: 5 * MINUTE,
            id_token_ms: HOUR,
            refresh_token_ms: DAY,
            refresh_grace_ms: 10_000,
            logout_token_ms: 2 * MINUTE,
            delivery_ms: DAY,
            touch_flush_ms: 5_000,
        }
    }
}
