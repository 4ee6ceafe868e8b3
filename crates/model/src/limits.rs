//! Every limit of the program, with the reason for its size.

/// Longest request body in bytes: forms and small JSON; nothing that we accept comes near it.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Longest body of a SCIM request in bytes: a group of some thousand members, or a hundred accounts at once.
pub const SCIM_BYTES_MAX: usize = 1024 * 1024;
/// Most operations of one SCIM bulk request: each may be a transaction and a password hash.
pub const SCIM_BULK_MAX: usize = 100;
/// Longest query string in bytes that we parse: a sealed request and a little more.
pub const QUERY_BYTES_MAX: usize = 24 * 1024;
/// Longest authorization request in bytes, written as a query: it has to travel through the pages on which a
/// person acts, sealed.
pub const REQUEST_BYTES_MAX: usize = 12 * 1024;
/// Longest sealed request in bytes.
pub const SEALED_BYTES_MAX: usize = 20 * 1024;
/// Longest single parameter of a protocol request, in bytes.
pub const PARAM_BYTES_MAX: usize = 8 * 1024;
/// Most parameters in one request.
pub const PARAMS_MAX: usize = 64;
/// Longest login name in bytes.
pub const USERNAME_BYTES_MAX: usize = 255;
/// Longest password in bytes; longer input would only make hashing a weapon.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Longest user agent kept, in bytes; the rest is cut off.
pub const USER_AGENT_BYTES_MAX: usize = 512;
/// Longest `nonce` that we repeat in an ID token, in bytes.
pub const NONCE_BYTES_MAX: usize = 1024;
/// Longest `state` that we give back, in bytes.
pub const STATE_BYTES_MAX: usize = 4096;
/// Most scopes in one request.
pub const SCOPES_MAX: usize = 50;
/// Change sets committed together on SQLite: more would make the first waiter wait too long.
pub const GROUP_COMMIT_MAX: usize = 256;
/// Change sets that may wait for the writer; beyond that callers are told that the server is busy.
pub const WRITE_QUEUE_MAX: usize = 4096;
/// How often a use case decides again after a conflict before it gives up.
pub const CONFLICT_RETRIES_MAX: usize = 5;
/// Most names of one stay at a service provider of SAML.
pub const SAML_NAMES_MAX: i64 = 5;
/// Most stays that one logout request of SAML ends.
pub const SAML_STAYS_MAX: i64 = 100;
/// Users whose sessions a role change ends in its own transaction; more go through a job.
pub const INLINE_END_USERS_MAX: usize = 100;
/// Sessions shown in one list; more are reached by a cursor or a narrower search.
pub const SESSION_LIST_MAX: i64 = 500;
/// Sessions that one page of a search looks at: rather than scan on, it answers a short page.
pub const SESSION_SCAN_MAX: usize = 1000;
/// Sessions that are looked at to count those that pass a filter.
pub const SESSION_COUNT_MAX: usize = 100_000;
/// Users whose sessions a search gathers one by one; with more it walks the sessions in order.
pub const SESSION_SEARCH_USERS_MAX: i64 = 200;
/// Targets that a preview of an end looks at one by one; of a larger end it counts the sessions alone.
pub const FORECAST_TARGETS_MAX: usize = 1_000;
/// Transactions of a job in one step; then another job has its turn.
pub const JOB_SETS_MAX: usize = 20;
/// Streams of events open at once in one process: each looks at the database every second.
pub const STREAMS_MAX: usize = 512;
/// Streams open at once of one caller: some windows, and no more.
pub const STREAMS_OF_ONE_CALLER_MAX: usize = 16;
/// Sessions that one sweep ends in a batch.
pub const SWEEP_BATCH: i64 = 100;
/// Deliveries that a worker claims at a time.
pub const DELIVERY_BATCH: i64 = 32;
/// Logout requests under way at once from one node.
pub const DELIVERIES_IN_FLIGHT_MAX: usize = 32;
/// Logout requests under way at once to one application: a slow one must not take all places.
pub const DELIVERIES_OF_ONE_APPLICATION_MAX: usize = 24;
/// Deliveries that ends may hand to the worker of their process before it has taken them; the rest waits
/// to be claimed.
pub const DELIVERIES_HANDED_MAX: usize = 256;
/// Bytes of a document that an application serves us: keys, a request object, a list of its sector.
pub const FETCH_BYTES_MAX: usize = 64 * 1024;
/// Applications whose fetched keys are kept.
pub const CLIENT_KEYS_KEPT_MAX: usize = 4096;
/// Longest text that a registration may hold, in bytes.
pub const REGISTERED_TEXT_BYTES_MAX: usize = 2048;
/// Most addresses in one list of a registration.
pub const REGISTERED_URIS_MAX: usize = 100;
/// Bytes of a delivery's answer that are read; the status says it all.
pub const DELIVERY_ANSWER_BYTES_MAX: usize = 4096;
/// Password hashes computed or waiting at once; beyond that, sign-in returns 503. On two cores the last one waits for about four
/// seconds.
pub const HASH_QUEUE_MAX: usize = 256;
/// Passwords verified for one address at a time; further requests from there wait.
pub const LANE_WIDTH: usize = 32;
/// Sign-ins that wait for a turn of their address; beyond that, sign-in returns 503.
pub const LANES_WAITING_MAX: usize = 1_024;
/// Hashes of applications' secrets computed at once: guesses at those must not hold up people who sign in.
pub const CLIENT_HASHES_MAX: usize = 4;
/// Accounts, applications and addresses with too many attempts that are refused from memory.
pub const REFUSED_KEPT_MAX: usize = 10_000;
/// Members from whom one transaction of a role's removal takes it.
pub const ROLE_JOB_BATCH: i64 = 100;
/// Verified passwords and client secrets remembered for a minute.
pub const VERIFIED_CACHE_MAX: usize = 4096;
/// Sessions whose last access waits in memory to be written.
pub const TOUCHES_MAX: usize = 100_000;
/// What failed sign-ins are tallied as.
pub const FAILED_SIGN_INS: &str = "failed_sign_ins";
/// Longest logo in bytes: it is part of each page that a browser hasn't seen before.
pub const LOGO_BYTES_MAX: usize = 32 * 1024;
/// Rows of the audit log that are read at once.
pub const AUDIT_PORTION: i64 = 500;
/// Rows of the audit log that are looked at for one page.
pub const AUDIT_LOOKED_AT_MAX: i64 = 10_000;
/// How late a row of the audit log may come that another node wrote, in milliseconds.
pub const AUDIT_LATE_MS: i64 = 5_000;

/// Longest life of an access or ID token that can be set for an application, in milliseconds: signing keys are published
/// for as long.
pub const TOKEN_LIFETIME_MAX_MS: i64 = 24 * 3_600_000;
/// Longest life of a refresh token that can be set for an application, in milliseconds.
pub const REFRESH_LIFETIME_MAX_MS: i64 = 400 * 24 * 3_600_000;
/// Milliseconds that a replaced secret of an application may still be good: 90 days.
pub const SECRET_OVERLAP_MAX_MS: i64 = 90 * 24 * 3_600_000;
/// Milliseconds that it is good unless something else is asked for: a day.
pub const SECRET_OVERLAP_MS: i64 = 24 * 3_600_000;
/// Secrets of applications whose use a node has in mind.
pub const SECRET_USES_MAX: usize = 4096;
/// Milliseconds that a policy sets at least: less would end sessions while they begin.
pub const POLICY_MS_MIN: i64 = 1_000;
/// Milliseconds that a policy sets at most: ten years.
pub const POLICY_MS_MAX: i64 = 10 * 366 * 24 * 3_600_000;
/// Accounts in a list of those that their people want deleted.
pub const DELETIONS_LISTED_MAX: i64 = 500;
/// Codes by which people make accounts in a tenant.
pub const SIGN_UP_CODES_MAX: usize = 500;
/// Domains whose people make accounts in a tenant.
pub const SIGN_UP_DOMAINS_MAX: usize = 100;
/// Second factors of an account.
pub const FACTORS_MAX: usize = 20;
/// Longest name of a second factor in characters.
pub const FACTOR_NAME_CHARS_MAX: usize = 64;
/// Trusted browsers of an account that are listed.
pub const TRUSTED_BROWSERS_LISTED_MAX: i64 = 50;
/// Recovery codes that are made at a time.
pub const RECOVERY_CODES: usize = 10;
/// Fewer recovery codes left than this, and their person is reminded to make new ones.
pub const RECOVERY_CODES_FEW: i64 = 3;
