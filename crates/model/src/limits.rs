//! All limits of the program, with the reasons for their sizes.

/// Maximum request body in bytes. Bodies are forms and small JSON documents, far below it.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Maximum body of a SCIM request in bytes: a group of some thousand members, or a hundred accounts at once.
pub const SCIM_BYTES_MAX: usize = 1024 * 1024;
/// Maximum number of operations in a SCIM bulk request: each can be a transaction and a password hash.
pub const SCIM_BULK_MAX: usize = 100;
/// Maximum query string in bytes: a sealed request and a little more.
pub const QUERY_BYTES_MAX: usize = 24 * 1024;
/// Maximum authorization request in bytes, encoded as a query: it travels, sealed, through the pages on which a user
/// acts.
pub const REQUEST_BYTES_MAX: usize = 12 * 1024;
/// Maximum sealed request in bytes: an authorization request after encryption and encoding.
pub const SEALED_BYTES_MAX: usize = 20 * 1024;
/// Maximum length of a single parameter of a protocol request, in bytes.
pub const PARAM_BYTES_MAX: usize = 8 * 1024;
/// Maximum number of parameters in one request.
pub const PARAMS_MAX: usize = 64;
/// Maximum login name in bytes.
pub const USERNAME_BYTES_MAX: usize = 255;
/// Maximum password in bytes; hashing longer input would only help denial of service.
pub const PASSWORD_BYTES_MAX: usize = 1024;
/// Maximum stored user agent in bytes; the rest is truncated.
pub const USER_AGENT_BYTES_MAX: usize = 512;
/// Maximum `nonce` that is copied into an ID token, in bytes.
pub const NONCE_BYTES_MAX: usize = 1024;
/// Maximum `state` that is returned to the application, in bytes.
pub const STATE_BYTES_MAX: usize = 4096;
/// Maximum number of scopes in one request.
pub const SCOPES_MAX: usize = 50;
/// Maximum number of change sets committed together on SQLite: more would delay the first one too long.
pub const GROUP_COMMIT_MAX: usize = 256;
/// Maximum number of change sets that wait for the writer; further calls fail because the server is busy.
pub const WRITE_QUEUE_MAX: usize = 4096;
/// Maximum number of retries of a use case after conflicts.
pub const CONFLICT_RETRIES_MAX: usize = 5;
/// Maximum number of name identifiers of one participation of a SAML service provider.
pub const SAML_NAMES_MAX: i64 = 5;
/// Maximum number of participations that one SAML logout request ends.
pub const SAML_STAYS_MAX: i64 = 100;
/// Maximum number of users affected by a role change that ends their sessions in its own transaction; more go to a job.
pub const INLINE_END_USERS_MAX: usize = 100;
/// Maximum number of sessions in one list; more are available through a cursor or a narrower search.
pub const SESSION_LIST_MAX: i64 = 500;
/// Maximum number of sessions that one page of a search examines; after that it returns a shorter page.
pub const SESSION_SCAN_MAX: usize = 1000;
/// Maximum number of sessions that are examined to count those that match a filter.
pub const SESSION_COUNT_MAX: usize = 100_000;
/// Maximum number of users up to which a search reads sessions user by user; above it, it scans the sessions in order.
pub const SESSION_SEARCH_USERS_MAX: i64 = 200;
/// Maximum number of targets that the preview of an end examines individually; of a larger end it only counts the
/// sessions.
pub const FORECAST_TARGETS_MAX: usize = 1_000;
/// Maximum number of transactions in one step of a job; then it is the turn of another job.
pub const JOB_SETS_MAX: usize = 20;
/// Maximum number of open event streams in one process: each polls the database every second.
pub const STREAMS_MAX: usize = 512;
/// Maximum number of open event streams of one caller: enough for a few browser windows.
pub const STREAMS_OF_ONE_CALLER_MAX: usize = 16;
/// Number of sessions that one sweep ends in a batch.
pub const SWEEP_BATCH: i64 = 100;
/// Number of deliveries that a worker claims at a time.
pub const DELIVERY_BATCH: i64 = 32;
/// Maximum number of concurrent logout requests from one node.
pub const DELIVERIES_IN_FLIGHT_MAX: usize = 32;
/// Maximum number of concurrent logout requests to one application: a slow one must not take all places.
pub const DELIVERIES_OF_ONE_APPLICATION_MAX: usize = 24;
/// Maximum number of deliveries that ends hand directly to the worker of their process and that it hasn't taken yet;
/// the rest waits to be claimed.
pub const DELIVERIES_HANDED_MAX: usize = 256;
/// Maximum size in bytes of a document fetched from an application: keys, a request object, a sector's list.
pub const FETCH_BYTES_MAX: usize = 64 * 1024;
/// Maximum number of applications for which fetched keys are cached.
pub const CLIENT_KEYS_KEPT_MAX: usize = 4096;
/// Maximum length of a text in a registration, in bytes.
pub const REGISTERED_TEXT_BYTES_MAX: usize = 2048;
/// Maximum number of URIs in one list of a registration.
pub const REGISTERED_URIS_MAX: usize = 100;
/// Maximum number of bytes that are read of the response to a delivery; only the status matters.
pub const DELIVERY_ANSWER_BYTES_MAX: usize = 4096;
/// Maximum number of password hashes computed or waiting at once; beyond that, sign-in returns 503. On two cores the
/// last one waits for about four seconds.
pub const HASH_QUEUE_MAX: usize = 256;
/// Maximum number of passwords verified concurrently for one address; further requests from there wait.
pub const LANE_WIDTH: usize = 32;
/// Maximum number of sign-ins that wait for their address's turn; beyond that, sign-in returns 503.
pub const LANES_WAITING_MAX: usize = 1_024;
/// Maximum number of client secret hashes computed at once: guesses of secrets must not delay users who sign in.
pub const CLIENT_HASHES_MAX: usize = 4;
/// Maximum number of rate-limited accounts, applications and addresses that are rejected from memory.
pub const REFUSED_KEPT_MAX: usize = 10_000;
/// Number of members from which one transaction of a role's removal takes the role.
pub const ROLE_JOB_BATCH: i64 = 100;
/// Maximum number of verified passwords and client secrets that are cached for a minute.
pub const VERIFIED_CACHE_MAX: usize = 4096;
/// Maximum number of last accesses, one for each session, that wait in memory to be written.
pub const TOUCHES_MAX: usize = 100_000;
/// Name of the counter of failed sign-ins.
pub const FAILED_SIGN_INS: &str = "failed_sign_ins";
/// Maximum logo in bytes: it is part of each page that a browser hasn't cached.
pub const LOGO_BYTES_MAX: usize = 32 * 1024;
/// Number of audit log rows that are read at once.
pub const AUDIT_PORTION: i64 = 500;
/// Maximum number of audit log rows that are examined for one page.
pub const AUDIT_LOOKED_AT_MAX: i64 = 10_000;
/// Maximum delay with which an audit log row of another node becomes visible, in milliseconds.
pub const AUDIT_LATE_MS: i64 = 5_000;

/// Maximum lifetime of an access or ID token that can be set for an application, in milliseconds: signing keys stay
/// published for as long.
pub const TOKEN_LIFETIME_MAX_MS: i64 = 24 * 3_600_000;
/// Maximum lifetime of a refresh token that can be set for an application, in milliseconds: 400 days.
pub const REFRESH_LIFETIME_MAX_MS: i64 = 400 * 24 * 3_600_000;
/// Maximum time in milliseconds for which a replaced client secret stays valid: 90 days.
pub const SECRET_OVERLAP_MAX_MS: i64 = 90 * 24 * 3_600_000;
/// Default time in milliseconds for which a replaced client secret stays valid: a day.
pub const SECRET_OVERLAP_MS: i64 = 24 * 3_600_000;
/// Maximum number of client secrets for which a node keeps the last use in memory.
pub const SECRET_USES_MAX: usize = 4096;
/// Minimum duration in a policy, in milliseconds: a shorter one would end sessions while they start.
pub const POLICY_MS_MIN: i64 = 1_000;
/// Maximum duration in a policy, in milliseconds: ten years.
pub const POLICY_MS_MAX: i64 = 10 * 366 * 24 * 3_600_000;
/// Maximum number of accounts in the list of requested deletions.
pub const DELETIONS_LISTED_MAX: i64 = 500;
/// Maximum number of sign-up codes of a tenant.
pub const SIGN_UP_CODES_MAX: usize = 500;
/// Maximum number of verified email addresses of an account besides the main one.
pub const OTHER_ADDRESSES_MAX: usize = 10;
/// Maximum number of email domains that are allowed to sign up in a tenant.
pub const SIGN_UP_DOMAINS_MAX: usize = 100;
/// Maximum number of factors of an account.
pub const FACTORS_MAX: usize = 20;
/// Maximum length of a factor's name in characters.
pub const FACTOR_NAME_CHARS_MAX: usize = 64;
/// Maximum number of trusted browsers in the list of an account.
pub const TRUSTED_BROWSERS_LISTED_MAX: i64 = 50;
/// Number of recovery codes that are generated at a time.
pub const RECOVERY_CODES: usize = 10;
/// Number of recovery codes below which the user is reminded to generate new ones.
pub const RECOVERY_CODES_FEW: i64 = 3;
