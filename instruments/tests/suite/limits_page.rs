//! docs/limits.md: each figure about the services is that of the code, the migration or the setting that enforces it. (Spindle's
//! part of the page is written by Spindle.)

use crate::{limits_of_account as account, limits_of_applications as applications, limits_of_consumers as consumers};
use crate::{limits_of_replicas as replicas, limits_of_statistics as statistics};
use blackbox::folder::workspace;

const PAGE: &str = include_str!("../../../docs/limits.md");

/// A row of the page, a figure in it, the file that has the value, and what stands right before the value there.
type Held = (&'static str, &'static str, &'static str, &'static str);

const SECOND_FACTOR: &str = "components/users/domain/src/second_factor.rs";
const EXPIRY: &str = "crates/events/src/expiry.rs";
const PHONE_CODE: &str = "components/users/domain/src/phone_code.rs";
const PASSKEY: &str = "components/users/domain/src/passkey.rs";
const WRONG_CODES: &str = "RECOVERY_CODES: Backoff =\n    Backoff { free_failures: u32::MAX >> 1, longest_seconds: 0, drain_seconds: None, ceiling: Some(";
const RATE_LIMIT: &str = "components/users/domain/src/rate_limit.rs";
const HASH_PERMIT: &str = "components/users/domain/src/hash_permit.rs";
const POLICY: &str = "crates/events/src/delivery_policy.rs";
const FOREIGN: &str = "crates/identity/src/foreign/mod.rs";
const MANIFEST: &str = "spin.toml";

const HELD: &[Held] = &[
    // Requests
    ("request body", "64 KiB", "crates/problem/src/decode.rs", "MAX_BODY_BYTES: usize = "),
    (
        "oversize body that is read before it is answered",
        "8 MiB",
        "crates/service-kit/src/request.rs",
        "MAX_DRAINED_BYTES: usize = ",
    ),
    ("`x-request-id` taken from the caller", "64", "crates/events/src/event.rs", "MAX_REQUEST_ID: usize = "),
    ("page of users or deliveries", "20 items", "components/users/domain/src/page.rs", "DEFAULT_LIMIT: usize = "),
    ("page of users or deliveries", "20 items", "components/notification/domain/src/query.rs", "DEFAULT_LIMIT: u64 = "),
    ("page of users or deliveries", "100", "components/users/domain/src/page.rs", "MAX_LIMIT: usize = "),
    ("page of users or deliveries", "100", "components/notification/domain/src/query.rs", "MAX_LIMIT: u64 = "),
    ("filter by name or surname", "100", "components/users/domain/src/page.rs", "MAX_FILTER: usize = "),
    ("search for users", "3 to", "components/users/domain/src/page.rs", "MIN_SEARCH: usize = "),
    ("search for users", "100", "components/users/domain/src/page.rs", "MAX_FILTER: usize = "),
    ("entity tags in `if-match`", "20", "components/users/domain/src/precondition.rs", "MAX_TAGS: usize = "),
    ("`idempotency-key`", "255", "components/users/domain/src/idempotency.rs", "MAX_LENGTH: usize = "),
    (
        "stored response to a sign-up under a key",
        "24 hours",
        "components/users/domain/src/idempotency.rs",
        "RETENTION_SECONDS: i32 = ",
    ),
    (
        "remembered use of a link or a code under a key",
        "24 hours",
        "components/users/domain/src/idempotency.rs",
        "RETENTION_SECONDS: i32 = ",
    ),
    ("caching of the documentation", "1 hour", "components/docs/domain/src/asset.rs", "max-age="),
    (
        "metadata of a user, public and private each",
        "4 KiB",
        "components/users/domain/src/metadata.rs",
        "MAX_METADATA: usize = ",
    ),
    ("number in metadata", "1e300", "components/users/domain/src/metadata.rs", "LARGEST_NUMBER: f64 = "),
    ("`load-test?n=`", "45", "components/users/domain/src/fibonacci.rs", "MAX_N: u32 = "),
    (
        "list of lines (`application/x-ndjson`)",
        "1 MiB",
        "crates/service-kit/src/request.rs",
        "MAX_LINES_BYTES: usize = ",
    ),
    ("list of lines (`application/x-ndjson`)", "64 KiB", "crates/problem/src/decode.rs", "MAX_BODY_BYTES: usize = "),
    ("lines of an import", "1,000", "components/users/domain/src/import.rs", "MAX_IMPORT_LINES: usize = "),
    // Values
    ("email", "254 bytes", "crates/identity/src/email.rs", "MAX_BYTES: usize = "),
    ("email", "64 before", "crates/identity/src/email.rs", "MAX_LOCAL_BYTES: usize = "),
    ("name, surname", "100 characters", "crates/identity/src/name.rs", "MAX_CHARACTERS: usize = "),
    ("phone", "7 to", "crates/identity/src/phone.rs", "MIN_DIGITS: usize = "),
    ("phone", "15 digits", "crates/identity/src/phone.rs", "MAX_DIGITS: usize = "),
    ("locale", "35 characters", "crates/identity/src/locale.rs", "MAX_CHARACTERS: usize = "),
    ("`accept-language` at a sign-up", "20", "crates/identity/src/locale.rs", "MAX_RANGES: usize = "),
    ("roles of a user", "16", "crates/identity/src/role.rs", "MAX_ROLES: usize = "),
    ("roles of a user", "32 characters", "crates/identity/src/role.rs", "MAX_NAME: usize = "),
    ("password", "8 characters", MANIFEST, "password_min_length = { default = "),
    ("password", "8 to 64", "crates/identity/src/password.rs", "RANGE: std::ops::RangeInclusive<usize> = "),
    ("password", "64)", "crates/identity/src/password.rs", "RANGE: std::ops::RangeInclusive<usize> = 8..="),
    ("password", "1,024 bytes", "crates/identity/src/password.rs", "MAX_BYTES: usize = "),
    (
        "shared secrets (credentials, peppers)",
        "32 bytes",
        "crates/identity/src/secret.rs",
        "MIN_SECRET_BYTES: usize = ",
    ),
    ("pepper id", "32 of", "crates/identity/src/pepper.rs", "MAX_ID: usize = "),
    ("bcrypt cost", "12", MANIFEST, "bcrypt_cost = { default = "),
    ("bcrypt cost", "4 to", "crates/identity/src/cost.rs", "RANGE: std::ops::RangeInclusive<u32> = "),
    ("bcrypt cost", "31", "crates/identity/src/cost.rs", "RANGE: std::ops::RangeInclusive<u32> = 4..="),
    ("hash of an import", "512", FOREIGN, "MAX_FOREIGN_HASH: usize = "),
    ("hash of an import", "14", FOREIGN, "MAX_BCRYPT_COST: u32 = "),
    ("hash of an import", "20", MANIFEST, "import_hash_memory = { default = "),
    ("hash of an import", "128", FOREIGN, "MAX_FOREIGN_MEMORY: u32 = "),
    ("hash of an import", "256", FOREIGN, "MAX_ARGON2_WORK: u32 = "),
    ("hash of an import", "16 lanes", FOREIGN, "MAX_LANES: u32 = "),
    ("hash of an import", "1,500,000", FOREIGN, "MAX_PBKDF2_WORK: u32 = "),
    ("hash of an import", "64 bytes", FOREIGN, "SALT: std::ops::RangeInclusive<usize> = 1..="),
    ("hash of an import", "16 to", FOREIGN, "OUTPUT: std::ops::RangeInclusive<usize> = "),
    (
        "metadata in an access token",
        "1 KiB",
        "components/users/domain/src/token_metadata.rs",
        "MAX_TOKEN_METADATA: usize = ",
    ),
    ("metadata in an access token", "16 keys", "components/users/domain/src/token_metadata.rs", "MAX_KEYS: usize = "),
    (
        "metadata in an access token",
        "64 characters",
        "components/users/domain/src/token_metadata.rs",
        "MAX_KEY: usize = ",
    ),
    // Rate limits
    ("failures of one client at one account", "5", RATE_LIMIT, "PAIR: Backoff =\n    Backoff { free_failures: "),
    ("failures at one account, from anywhere", "20", RATE_LIMIT, "ACCOUNT: Backoff =\n    Backoff { free_failures: "),
    ("failures at one account, from anywhere", "30 days", RATE_LIMIT, "KNOWN_SECONDS: i32 = "),
    (
        "failures in a row at one account, from anywhere",
        "100",
        RATE_LIMIT,
        "longest_seconds: 60, drain_seconds: None, ceiling: Some(",
    ),
    ("failures of one client at any account", "50", RATE_LIMIT, "CLIENT: Backoff =\n    Backoff { free_failures: "),
    ("failures of a known device", "100", RATE_LIMIT, "DEVICE: Backoff = Backoff { ceiling: Some("),
    ("SMS that one client requests", "10", RATE_LIMIT, "SMS_REQUESTS: Backoff =\n    Backoff { free_failures: "),
    ("codes that confirm a phone number, for one account", "5", PHONE_CODE, "PHONE_CODES_PER_DAY: i32 = "),
    (
        "SMS to one phone number, codes and notices, whichever accounts have it",
        "10",
        MANIFEST,
        "sms_per_day = { default = ",
    ),
    (
        "SMS to one phone number, codes and notices, whichever accounts have it",
        "1,000",
        PHONE_CODE,
        "MAX_SMS_PER_DAY: u32 = ",
    ),
    ("a code that confirms a phone number", "10 minutes", EXPIRY, "PHONE_CODE_SECONDS: i32 = "),
    (
        "wrong codes for one phone number",
        "5",
        "migrations/0036_phone_verification.sql",
        "tries_left        integer     NOT NULL DEFAULT ",
    ),
    ("sign-ups of one client", "60", MANIFEST, "sign_ups_per_hour = { default = "),
    (
        "sign-ups and email changes of one client with a taken email",
        "20",
        RATE_LIMIT,
        "ENUMERATION: Backoff =\n    Backoff { free_failures: ",
    ),
    ("memory of failures", "an hour", RATE_LIMIT, "RESET_SECONDS: i32 = "),
    (
        "known device (`crates/identity/src/device_token.rs`)",
        "90 days",
        "crates/identity/src/device_token.rs",
        "DEVICE_SECONDS: i64 = ",
    ),
    ("simultaneous hashes, over all replicas", "16", MANIFEST, "hash_permits = { default = "),
    ("simultaneous hashes, over all replicas", "256", HASH_PERMIT, "MAX_HASH_PERMITS: u32 = "),
    (
        "of those, for one client, or for the known devices of one account",
        "4",
        MANIFEST,
        "hash_permits_per_client = { default = ",
    ),
    ("of those, reserved for sign-in", "4", MANIFEST, "hash_permits_for_sign_ins = { default = "),
    (
        "callers waiting for one (`migrations/0011_fair_permits.sql`)",
        "128",
        "migrations/0011_fair_permits.sql",
        "INSERT INTO hash_permit_waiters (place) SELECT generate_series(1, ",
    ),
    ("callers waiting for one (`migrations/0011_fair_permits.sql`)", "32", HASH_PERMIT, "CLIENT_WAITERS: u32 = "),
    (
        "callers waiting for one (`migrations/0011_fair_permits.sql`)",
        "0.3 s",
        "components/users/src/hashing.rs",
        "REFUSAL_DELAY: u64 = /* ms */",
    ),
    ("holding a hashing permit", "30 s", HASH_PERMIT, "PERMIT_SECONDS: i32 = "),
    ("holding a hashing permit", "12", HASH_PERMIT, "USUAL_COST: u32 = "),
    // Tickets
    (
        "sign-ins with passkeys that one client begins",
        "100",
        RATE_LIMIT,
        "PASSKEY_CHALLENGES: Backoff =\n    Backoff { free_failures: ",
    ),
    ("mails that sign in", "5 an hour", RATE_LIMIT, "MAILS: Backoff =\n    Backoff { free_failures: "),
    (
        "mails that sign in one user and are valid, besides a new one",
        "19",
        "migrations/0044_mails_that_sign_in.sql",
        "sign_in_tickets WHERE user_id = of_user ORDER BY created_at DESC LIMIT ",
    ),
    ("a link \"this was not me\"", "72 hours", "components/users/domain/src/ticket.rs", "EMAIL_RETURN_SECONDS: i32 = "),
    ("a link and a code that sign in", "10 minutes", EXPIRY, "MAIL_SIGN_IN_SECONDS: i32 = "),
    ("wrong codes in a row that would sign in to an account, of all its mails", "25", RATE_LIMIT, WRONG_CODES),
    ("id of a credential, in base64url", "1364", "migrations/0035_passkeys.sql", "length(credential_id) <= "),
    ("passkeys of one account", "10", PASSKEY, "MAX_PASSKEYS: i64 = "),
    ("challenge for a passkey", "5 minutes", PASSKEY, "PASSKEY_CHALLENGE_SECONDS: i32 = "),
    ("mails that one client requests", "20", RATE_LIMIT, "MAIL_REQUESTS: Backoff =\n    Backoff { free_failures: "),
    (
        "mails to confirm an address, to recover an account, or to tell its owner of another sign-up",
        "5",
        RATE_LIMIT,
        "MAILS: Backoff =\n    Backoff { free_failures: ",
    ),
    (
        "links and codes that one client shows",
        "50",
        RATE_LIMIT,
        "const CLIENT: Backoff =\n    Backoff { free_failures: ",
    ),
    (
        "wrong codes for one ticket",
        "5",
        "migrations/0019_tickets.sql",
        "tries_left        integer     NOT NULL DEFAULT ",
    ),
    ("a link and a code that confirm an address", "24 hours", EXPIRY, "VERIFICATION_SECONDS: i32 = "),
    ("mails to confirm a new address", "5", RATE_LIMIT, "MAILS: Backoff =\n    Backoff { free_failures: "),
    ("a link and a code that change an address", "24 hours", EXPIRY, "EMAIL_CHANGE_SECONDS: i32 = "),
    (
        "the way back to an address after a change",
        "72 hours",
        "components/users/domain/src/ticket.rs",
        "EMAIL_RETURN_SECONDS: i32 = ",
    ),
    ("a link and a code that recover an account", "1 hour", EXPIRY, "RECOVERY_SECONDS: i32 = "),
    ("invitations of one administrator", "100", RATE_LIMIT, "INVITATIONS: Backoff =\n    Backoff { free_failures: "),
    ("invitations to one address", "5", RATE_LIMIT, "MAILS: Backoff =\n    Backoff { free_failures: "),
    ("a link and a code of an invitation", "7 days", EXPIRY, "INVITATION_SECONDS: i32 = "),
    (
        "wrong codes for one invitation",
        "5",
        "migrations/0031_invitations.sql",
        "tries_left  integer     NOT NULL DEFAULT ",
    ),
    ("wrong codes in a row that would recover an account, of all its tickets", "25", RATE_LIMIT, WRONG_CODES),
    // Sessions and tokens
    ("user agent of a session", "200", "crates/service-kit/src/client_address.rs", "MAX_USER_AGENT: usize = "),
    ("user agent of a session", "200", "components/users/domain/src/sign_in.rs", "MAX_USER_AGENT: usize = "),
    ("access token", "15 minutes", "api/src/auth/types.rs", "ACCESS_TOKEN_SECONDS: i64 = "),
    ("access token", "5 s", "crates/tokens/src/jwt.rs", "LEEWAY_SECONDS: i64 = "),
    ("access token", "4 KiB", "crates/tokens/src/jwt.rs", "MAX_BYTES: usize = "),
    (
        "reuse of the previous refresh token",
        "30 s",
        "components/auth/domain/src/lifetimes.rs",
        "REFRESH_LEEWAY_SECONDS: i32 = ",
    ),
    ("`refresh_token_key`", "32 bytes", "components/auth/domain/src/refresh_token.rs", "MIN_KEY_BYTES: usize = "),
    ("recent sign-in", "10 minutes", "components/users/domain/src/access.rs", "REAUTHENTICATION_SECONDS: i32 = "),
    ("session", "14 days", "components/auth/domain/src/lifetimes.rs", "IDLE_SECONDS: i32 = "),
    ("session", "90 days", "components/auth/domain/src/lifetimes.rs", "ABSOLUTE_SECONDS: i32 = "),
    ("`totp_keys`, `account_cookie_keys`", "32 bytes", "crates/sealing/src/lib.rs", "KEY_BYTES: usize = "),
    ("a code of an authenticator app", "30 s", "components/users/domain/src/totp.rs", "STEP_SECONDS: i64 = "),
    ("confirming an authenticator app", "15 minutes", SECOND_FACTOR, "ENROLMENT_SECONDS: i32 = "),
    ("challenge of a sign-in", "5 minutes", SECOND_FACTOR, "CHALLENGE_SECONDS: i32 = "),
    (
        "codes for one challenge",
        "5",
        "migrations/0028_second_factors.sql",
        "tries_left        integer     NOT NULL DEFAULT ",
    ),
    (
        "challenges of one user, besides a new one",
        "4",
        "migrations/0028_second_factors.sql",
        "ORDER BY created_at DESC LIMIT ",
    ),
    ("recovery codes", "10", "components/users/domain/src/recovery_code.rs", "RECOVERY_CODES: usize = "),
    ("recovery codes", "24", "components/users/domain/src/recovery_code.rs", "const LENGTH: usize = "),
    ("accepted public keys", "8", "crates/tokens/src/keys.rs", "MAX_KEYS: usize = "),
    ("values of a service credential", "2", "crates/service-kit/src/credential.rs", "MAX_VALUES: usize = "),
    // Timeouts
    ("auth waits for users", "5 s", "components/auth/src/users.rs", "const LIMIT: Duration = "),
    ("auth waits for users", "1 s", "components/auth/src/users.rs", "PROBE_LIMIT: Duration = "),
    ("connecting to PostgreSQL", "3 s", MANIFEST, "&connect_timeout="),
    ("statement; lock wait; idle transaction", "4 s", MANIFEST, "statement_timeout="),
    ("statement; lock wait; idle transaction", "2 s", MANIFEST, "lock_timeout="),
    ("statement; lock wait; idle transaction", "5 s", MANIFEST, "idle_in_transaction_session_timeout="),
    ("silent connection to PostgreSQL", "30 s", MANIFEST, "&keepalives_idle="),
    ("silent connection to PostgreSQL", "10 s", MANIFEST, "&tcp_user_timeout="),
    (
        "retries of a statement (deadlock, serialization, lock, timeout)",
        "5",
        "components/users/src/store/mod.rs",
        "TRIES: u32 = ",
    ),
    (
        "retries of a statement (deadlock, serialization, lock, timeout)",
        "2.5 s",
        "components/users/src/store/mod.rs",
        "RETRY_FOR: Duration = ",
    ),
    ("readiness check", "2 s", "components/users/src/routes/health.rs", "DEADLINE: Duration = "),
    ("readiness check", "2 s", "components/notification/src/routes/health.rs", "DEADLINE: Duration = "),
    ("send through the API of a provider", "10 s", "components/notification/src/sender/api.rs", "LIMIT: Duration = "),
    // Events and messages
    ("event", "64 KiB", "crates/events/src/event.rs", "MAX_EVENT_BYTES: usize = "),
    ("retries while the provider is away", "72 hours", MANIFEST, "notification_retry_for = { default = "),
    ("pause between retries", "1, 2", MANIFEST, "notification_retry_ms = { default = "),
    ("pause between retries", "30 minutes", POLICY, "LONGEST_RETRY: Duration = "),
    ("pause between retries", "24 hours", POLICY, "LONGEST_RETRY_AFTER: Duration = "),
    ("consumer deaths while sending a message", "5", POLICY, "MAX_CRASHES: u64 = "),
    ("consumer deaths while sending a message", "20", POLICY, "MAX_CLAIMS: u64 = "),
    ("failures in a row of a queue", "5 (", MANIFEST, "notification_pause_after = { default = "),
    ("failures in a row of a queue", "5, 10", POLICY, "FIRST_PAUSE: Duration = "),
    ("failures in a row of a queue", "5 minutes", POLICY, "LONGEST_PAUSE: Duration = "),
    ("`brand_name`", "40 bytes", "components/notification/src/templates.rs", "MAX_BRAND_NAME: usize = "),
    ("SMS", "160", "components/notification/domain/src/message/renderer.rs", "MAX_SMS: usize = "),
    ("simultaneous sends of a consumer", "8", MANIFEST, "notification_concurrency = { default = "),
    ("simultaneous sends of a consumer", "64", "components/notification/src/settings.rs", "MAX_CONCURRENCY: usize = "),
    ("unacknowledged delivery", "30 s", MANIFEST, "notification_claim_ms = { default = "),
    ("deduplication key", "24 hours", "crates/events/src/redis/deduplication.rs", "REMEMBERED: Duration = "),
    ("delivery log", "10,000", "crates/events/src/redis/delivery_log.rs", " LOG_LENGTH: u64 = "),
    ("delivery log", "100 per", "crates/events/src/redis/delivery_log.rs", "RECIPIENT_LOG_LENGTH: u64 = "),
    ("delivery log", "7 days", "crates/events/src/redis/delivery_log.rs", "RECIPIENT_LOG_KEPT: Duration = "),
    ("stream entries examined per look for a message", "16", "crates/events/src/redis/claim.rs", "MAX_SCANNED: u64 = "),
    ("silent consumer", "20 times", "crates/events/src/redis/queue_state.rs", "CLAIM_TIMES: u32 = "),
    ("messages counted as waiting", "10,000", "crates/events/src/redis/queue_state.rs", "COUNTED: u64 = "),
    ("dead letters", "100,000", "crates/events/src/redis/outcome.rs", "MAX_DEAD_LETTERS: u64 = "),
    ("dead letters", "1,000", "crates/events/src/redis/dead_letters.rs", "DEAD_LETTERS_PER_CALL: u64 = "),
    ("dead letters", "1,000", "components/notification/src/management.rs", "AT_ONCE: u64 = "),
    ("sweep of the outbox", "10 s", "components/users/src/outbox.rs", "SWEEP: Duration = "),
    ("sweep of the outbox", "100 at", "components/users/src/outbox.rs", "BATCH: i32 = "),
    (
        "pause before an event that the broker refused",
        "15, 30",
        "components/users/src/store/outbox.rs",
        "least(make_interval(secs => ",
    ),
    (
        "pause before an event that the broker refused",
        "an hour",
        "components/users/src/store/outbox.rs",
        "power(2, least(refusals, 8))), interval ",
    ),
    (
        "a published event stays in the outbox",
        "10 s",
        "components/users/src/store/outbox.rs",
        "ON_DISK_SECONDS: i32 = ",
    ),
    ("exclusive publication of an event", "10 s", "components/users/src/store/outbox.rs", "OWN_LEASE_SECONDS: i32 = "),
    (
        "exclusive publication of an event",
        "30 s",
        "components/users/src/store/outbox.rs",
        "SWEEP_LEASE_SECONDS: i32 = ",
    ),
    (
        "waiting events before new ones are left to the sweeps",
        "64",
        "components/users/src/store/statements.rs",
        "WHERE published_at IS NULL LIMIT ",
    ),
    (
        "endpoints for webhooks",
        "8",
        "components/notification/domain/src/webhook/endpoint.rs",
        "MAX_ENDPOINTS: usize = ",
    ),
    ("endpoints for webhooks", "2", "components/notification/domain/src/webhook/endpoint.rs", "MAX_SECRETS: usize = "),
    ("answer of an endpoint", "5 s", "components/notification/src/webhooks.rs", " LIMIT: Duration = "),
    ("failures in a row of an endpoint", "5", "crates/events/src/webhook.rs", "ENDPOINT_PAUSE_AFTER: u64 = "),
    ("which endpoints have an event", "4 days", "crates/events/src/redis/endpoints.rs", " REMEMBERED: Duration = "),
    // Exports and erasures
    ("exports of one user", "5 minutes", "components/users/domain/src/export.rs", "EXPORT_PAUSE_SECONDS: i32 = "),
    ("page of an export of all users", "500", "components/users/src/store/transfer.rs", "PAGE: i64 = "),
    ("simultaneous exports, over all users", "30 s", "components/users/src/store/exports.rs", "PERMIT_SECONDS: i32 = "),
    ("rows of the audit log in an export", "10,000", "components/users/src/store/exports.rs", "MAX_ACTIVITY: i64 = "),
    ("events and deliveries in an export", "20,000", "components/users/domain/src/export.rs", "MAX_EXPORTED: usize = "),
    ("events and deliveries in an export", "1,000", "components/users/src/routes/export_user.rs", "RECIPIENTS: u64 = "),
    ("events and deliveries in an export", "15 s", "components/users/src/routes/export_user.rs", "LIMIT: Duration = "),
    ("one step through a stream", "500 entries", "crates/events/src/redis/personal_data.rs", " STEP: u64 = "),
    ("one step through a stream", "256 KiB", "crates/events/src/redis/personal_data.rs", "STEP_BYTES: u64 = "),
    ("search by an erasure; by a sweep", "1 s", "components/users/src/erasure.rs", "AT_ONCE: Duration = "),
    ("search by an erasure; by a sweep", "10 s", "components/users/src/erasure.rs", "SWEEP: Duration = "),
    ("people per pass of a sweep", "200", "components/users/src/erasure.rs", "USERS: i32 = "),
    ("second pass", "60 s", "components/users/src/store/erasures.rs", "SECOND_SCAN_SECONDS: i32 = "),
];

/// Rows without a figure, or whose figure no single place in the code has.
const NOT_HELD: &[&str] = &[
    "message with a link or a code that expires",
    "zoneinfo",
    "nesting of a JSON body",
    "user id",
    "wait for a hashing permit",
    "log lines about refused sign-ins (`migrations/0011_fair_permits.sql`)",
    "refresh token",
    "sessions of one user",
    "read-only connections closed in one request",
    "deliveries of a message that the provider refuses (4xx except 401, 408, 429)",
    "waiting events and erasures before an erasure is left to the sweeps",
];

/// The rows of the tables about the services: the limit, and what is said about it.
fn rows() -> Vec<(&'static str, &'static str)> {
    let services = PAGE.split("\n## Retention").next().unwrap_or_default();
    let applications = PAGE.split("\n## Applications").nth(1).and_then(|rest| rest.split("\n## ").next());
    let lines = services.lines().chain(applications.expect("there is a section about them").lines());
    let rows = lines.filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    rows.filter(|(limit, _)| *limit != "limit").collect()
}

/// What holds the rows.
fn held() -> impl Iterator<Item = &'static Held> {
    let all = [account::HELD, applications::HELD, consumers::HELD, replicas::HELD, statistics::HELD];
    HELD.iter().chain(all.into_iter().flatten())
}

/// A figure of the page in seconds, bytes or units: `15 minutes`, `64 KiB`, `1,024`, `an hour`. What follows is not looked at.
fn documented(figure: &str) -> f64 {
    let mut words = figure.split([' ', '(', ')', ';']);
    let number = words.next().unwrap_or_default();
    let number = number.strip_suffix(',').unwrap_or(number).replace(',', "");
    let number = if number == "an" { 1.0 } else { number.parse().unwrap_or_else(|_| panic!("no number: {figure}")) };
    number
        * match words.next().unwrap_or_default() {
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "minutes" => 60.0,
            "hour" | "hours" => 3600.0,
            "days" => 86_400.0,
            _ => 1.0,
        }
}

/// The value that stands in a file after a text, in seconds, bytes or units.
fn enforced(file: &str, after: &str) -> f64 {
    let path = workspace().join(file);
    let source = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    let (after, is_in_milliseconds) = match after.strip_suffix("/* ms */") {
        Some(after) => (after, true),
        None => (after, after.contains("_ms = ")),
    };
    let value = source.split(after).nth(1).unwrap_or_else(|| panic!("{file} has no {after:?}"));
    let value = value.trim_start_matches(['"', '\'']);
    let (value, is_in_milliseconds) = match value.strip_prefix("Duration::from_millis(") {
        Some(value) => (value, true),
        None => (value.strip_prefix("Duration::from_secs(").unwrap_or(value), is_in_milliseconds),
    };
    let is_part = |letter: char| letter.is_ascii_digit() || "_* ".contains(letter);
    let end_of = |text: &str| text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    let end = match (end_of(value), value.split_once('e')) {
        // As floating point numbers are written.
        (end, Some((before, power))) if before.len() == end => end + 1 + end_of(power),
        (end, _) => end,
    };
    let unit = if value[end..].starts_with("hour") { 3600.0 } else { 1.0 };
    let factors = value[..end].split('*').map(str::trim).filter(|factor| !factor.is_empty());
    let product: f64 = factors
        .map(|factor| {
            factor.replace('_', "").parse::<f64>().unwrap_or_else(|_| panic!("{file}: no value after {after:?}"))
        })
        .product();
    product * unit / if is_in_milliseconds { 1000.0 } else { 1.0 }
}

#[test]
fn each_figure_is_that_of_what_enforces_it() {
    let rows = rows();
    let mut wrong = Vec::new();
    for (limit, figure, file, after) in held() {
        let found: Vec<_> = rows.iter().filter(|(row, _)| row == limit).collect();
        let [(_, said)] = found[..] else { panic!("{} rows about {limit}", found.len()) };
        // Not in the middle of a number.
        let is_there = said.match_indices(figure).any(|(start, _)| {
            !said[..start].ends_with(|letter: char| letter.is_ascii_digit() || ",.".contains(letter))
                && !said[start + figure.len()..].starts_with(|letter: char| letter.is_ascii_digit())
        });
        if !is_there {
            wrong.push(format!("{limit}: {said} does not say {figure}"));
        }
        let value = enforced(file, after);
        if (documented(figure) - value).abs() > 1e-9 {
            wrong.push(format!("{limit}: {figure} is documented, {value} is in {file} after {after:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_row_is_held_or_known_not_to_be() {
    for (limit, said) in rows() {
        let is_held = held().any(|(row, ..)| *row == limit);
        assert!(is_held != NOT_HELD.contains(&limit), "{limit}: {said}");
    }
}
