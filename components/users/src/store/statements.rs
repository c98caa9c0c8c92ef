//! The statements that the benchmark's native peer executes too: only their texts, so that both execute the same ones.

use api::users::User;
use serde::Deserialize;

/// Sessions `s` that are alive: neither end has passed, and they were begun under the user's current credentials epoch.
macro_rules! alive {
    () => {
        "s.idle_until > now() AND s.ends_at > now()
            AND s.credentials_epoch = (SELECT u.credentials_epoch FROM users u WHERE u.id = s.user_id)"
    };
}

/// The same, for statements that only the component has.
pub(super) const ALIVE: &str = alive!();

/// Whether the outbox is so long that a new event is left to the sweeps: the broker is unavailable or hangs, and every
/// further attempt to publish would only wait for it as well.
macro_rules! outbox_is_long {
    () => {
        "(SELECT count(*) >= 64 FROM (SELECT FROM outbox WHERE published_at IS NULL LIMIT 64) AS waiting)"
    };
}

/// The same, for statements that only the component has.
pub(super) const OUTBOX_IS_LONG: &str = outbox_is_long!();

/// An INSERT into the audit log: a row for each of `$from`, that `$action` was done to the user with the id `$user`, with
/// `$result`, as the parameter `$trace` says (`users_domain::Trace`). As a data-modifying CTE it runs in any case.
macro_rules! audit_row {
    ($action:expr, $result:expr, $user:expr, $trace:expr, $from:expr) => {
        concat!(
            "INSERT INTO audit_log (action, result, user_id, actor_kind, actor_id, network, user_agent, request_id)
            SELECT '",
            $action,
            "', ",
            $result,
            ", ",
            $user,
            ", t.actor_kind, CASE WHEN t.actor_kind = 'self' THEN ",
            $user,
            " ELSE t.actor_id END, t.network, t.user_agent, t.request_id FROM ",
            audit_trace!($trace),
            ", ",
            $from
        )
    };
}

/// The parameter `$trace` as a row `t`.
macro_rules! audit_trace {
    ($trace:expr) => {
        concat!(
            "jsonb_to_record(",
            $trace,
            "::text::jsonb) AS t(actor_kind text, actor_id bigint, network text, user_agent text, request_id text)"
        )
    };
}

/// Whether the database accepts writes. A read-only database and a standby respond to everything else.
pub(super) const PING: &str =
    "SELECT to_jsonb(NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off')";

/// Terminates its own connection, which a role is permitted to do.
pub(super) const END_CONNECTION: &str = "SELECT to_jsonb(pg_terminate_backend(pg_backend_pid()))";

/// The result of [`FIND_USER`] and [`FIND_USER_IN_SESSION`].
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    /// Whether the caller's session is alive; true without one.
    pub(crate) is_alive: bool,
    /// The user, if there is one.
    pub(crate) user: Option<User>,
}

/// The user with the id `$1`.
pub(super) const FIND_USER: &str = "
    SELECT jsonb_build_object('is_alive', true, 'user', (SELECT user_json(u) FROM users u WHERE id = $1))";

/// The user with the id `$1`, and whether the session `$2` is alive. It is a separate statement: with a `$2` that may
/// be NULL, PostgreSQL would plan one statement for both anew each time.
pub(super) const FIND_USER_IN_SESSION: &str = concat!(
    "SELECT jsonb_build_object(
        'is_alive', EXISTS (SELECT FROM sessions s WHERE s.id = $2::text::uuid AND ",
    alive!(),
    "),
        'user', (SELECT user_json(u) FROM users u WHERE id = $1))"
);

/// Inserts a user with the columns `$1` to `$6` the language `$13` and the time zone `$14`, enqueues its event, `$8` with the user's data, for the exchange `$7`,
/// and stores the response under the digests `$10` and `$11`; or does nothing if the email is taken. The event is
/// leased to the caller for `$9` seconds, unless the outbox is so long that it is left to the sweeps. By `$12`, it is in the
/// audit log.
pub(super) const INSERT_USER: &str = concat!(
    "WITH new_user AS (
        INSERT INTO users AS u (email, email_key, name, surname, phone, password_hash, locale, zoneinfo)
        VALUES ($1, $2, $3, $4, $5, $6, $13, $14)
        ON CONFLICT (email_key) DO NOTHING
        RETURNING u.id, u.email, u.name, user_json(u) AS shown
    ), kept AS (
        INSERT INTO outbox (exchange, event, leased_until)
        SELECT $7, $8::text::jsonb || jsonb_build_object(
                   'subject', id::text,
                   'data', jsonb_build_object('user_id', id, 'email', email, 'name', name)),
               now() + make_interval(secs => CASE WHEN ",
    outbox_is_long!(),
    " THEN 0 ELSE $9::int4 END)
        FROM new_user
        RETURNING event_id, exchange, event, leased_until
    ), remembered AS (
        INSERT INTO idempotency_keys (key_digest, body_digest, user_id, response)
        SELECT $10, $11, id, shown FROM new_user WHERE $10::text IS NOT NULL
    ), audited AS (",
    audit_row!("sign-up", "'success'", "id", "$12", "new_user"),
    ")
    SELECT (SELECT jsonb_build_object('user', shown,
                'event', CASE WHEN leased_until > now() THEN to_jsonb(kept) - 'leased_until' END)
            FROM new_user, kept)"
);

/// Marks the event `$1` as published, though perhaps not yet on disk, unless its lease has expired.
pub(super) const MARK_EVENT: &str = "
    WITH published AS (UPDATE outbox SET published_at = now() WHERE event_id = $1 AND leased_until > now())
    SELECT to_jsonb(true)";

/// Deletes the event `$1`, which is published and on disk.
pub(super) const FORGET_EVENT: &str = "
    WITH gone AS (DELETE FROM outbox WHERE event_id = $1)
    SELECT to_jsonb(true)";

/// Acquires a hashing permit, unless a rate limit applies: `$1` is a `users_domain::AcquirePermit`. Other statements
/// may call the function too.
pub(super) const ACQUIRE_HASH_PERMIT: &str = "SELECT acquire_hash_permit($1::text::jsonb)";

/// Releases a hashing permit, counts the attempt and writes what there is for the audit log: `$1` is a `users_domain::ReleasePermit`.
pub(super) const RELEASE_HASH_PERMIT: &str = "SELECT release_hash_permit($1::text::jsonb)";

/// Begins a sign-in: acquires a hashing permit as [`ACQUIRE_HASH_PERMIT`] does, and with it reads the credentials of
/// the first user found with one of the email keys `$2`; and one of the hashes that other systems made, if there are any.
///
/// Factors are counted and not asked for by EXISTS: PostgreSQL expects many keys, and would read all factors of all users at once.
pub(super) const BEGIN_SIGN_IN: &str = "
    WITH acquired AS MATERIALIZED (SELECT acquire_hash_permit($1::text::jsonb) AS answer)
    SELECT jsonb_build_object(
        'acquired', answer,
        'credentials', CASE WHEN answer -> 'place' <> 'null' THEN (
            SELECT to_jsonb(c) FROM (
                SELECT id, email, phone, role, password_hash, credentials_epoch, suspended_at IS NOT NULL AS suspended,
                    password_reset_required,
                    email_verified_at IS NOT NULL AS email_verified,
                    (SELECT count(*) FROM totp_factors f WHERE f.user_id = users.id AND f.confirmed_at IS NOT NULL) > 0
                        AS has_second_factor,
                    (SELECT count(*) FROM passkeys p WHERE p.user_id = users.id) > 0 AS has_passkey
                FROM jsonb_array_elements_text($2::text::jsonb) WITH ORDINALITY AS asked(key, place)
                JOIN users ON email_key = key ORDER BY place LIMIT 1) c)
        END,
        'foreign_hash', (SELECT password_hash FROM users WHERE password_hash LIKE 'f:%' ORDER BY password_hash DESC LIMIT 1))
    FROM acquired";

/// Ends a sign-in: releases the permit, counts the attempt and writes a row of the audit log as [`RELEASE_HASH_PERMIT`] does, by
/// `$1`.
///
/// After a success the session `$2` of the user `$3` begins with the refresh token `$6`, to live `$7` seconds unused
/// and `$8` at most, begun by the user agent `$14` from the network `$15`, if the user still has one of the email keys `$4`
/// and the epoch `$5` and is not suspended. The row is locked first: a
/// change either comes before, and is seen, or comes after, and raises the epoch above the session's. Ended sessions of
/// the user are deleted, and all but the 49 last used: with the new one they are 50, however many sign-ins end at once.
/// The hash `$10` replaces `$9` if given. The event, `$12` with the user's data, the number if it is confirmed and gets an SMS more today
/// (`sms_per_day` of `$16`, or NULL), and the rest of `$16`, is enqueued for the exchange `$11` and
/// leased to the caller for `$13` seconds, unless the outbox is so long that it is left to the sweeps. A success that
/// begins no session counts as a failure.
pub(super) const END_SIGN_IN: &str = concat!(
    "WITH account AS (
        SELECT id, email, CASE WHEN phone_verified_at IS NOT NULL THEN phone END AS phone, role, roles_json(role, roles) AS roles,
            credentials_epoch, email_verified_at IS NOT NULL AS email_verified FROM users
        WHERE id = $3::int8 AND $4::text::jsonb ? email_key AND credentials_epoch = $5::int4 AND suspended_at IS NULL
        FOR NO KEY UPDATE
    ), room AS MATERIALIZED (
        SELECT remove_surplus_sessions(id, 49) FROM account
    ), begun AS (
        INSERT INTO sessions (id, user_id, credentials_epoch, refresh_digest, idle_until, ends_at, user_agent, network)
        SELECT $2::text::uuid, id, credentials_epoch, $6,
            now() + make_interval(secs => $7::int4), now() + make_interval(secs => $8::int4), $14, $15
        FROM account, room ON CONFLICT DO NOTHING
        RETURNING id AS session_id, user_id, authentication_json(authenticated_at, amr) AS authentication
    ), renewed AS (
        UPDATE users u SET password_hash = $10 FROM account WHERE u.id = account.id AND u.password_hash = $9
    ), kept AS (
        INSERT INTO outbox (exchange, event, leased_until)
        SELECT $11, $12::text::jsonb || jsonb_build_object(
                   'subject', id::text,
                   'data', jsonb_build_object('user_id', id, 'email', email,
                    'phone', admit_sms(phone, ($16::text::jsonb ->> 'sms_per_day')::int4)) || ($16::text::jsonb - 'sms_per_day')),
               now() + make_interval(secs => CASE WHEN ",
    outbox_is_long!(),
    " THEN 0 ELSE $13::int4 END)
        FROM account JOIN begun ON user_id = id
        RETURNING event, leased_until
    ), released AS MATERIALIZED (
        SELECT release_hash_permit(request || CASE
            WHEN $3::int8 IS NULL THEN '{}' ELSE jsonb_build_object('succeeded', EXISTS (SELECT FROM begun)) END)
        FROM (VALUES ($1::text::jsonb)) AS r(request)
    )
    SELECT jsonb_build_object(
        'session', (SELECT to_jsonb(s) FROM (SELECT session_id, user_id, role, roles, email_verified, authentication FROM begun, account) s),
        'event', (SELECT event FROM kept WHERE leased_until > now()))
    FROM released"
);

/// Rotates the refresh token of the session `$1`, generation `$2`, from the digest `$3` to the digest `$4`. The session
/// then lives `$5` seconds unused; the previous token gets the same successor for `$6` seconds. That an older one was used is in
/// the audit log, by `$7`.
pub(super) const ROTATE: &str = concat!(
    "WITH rotated AS MATERIALIZED (
        SELECT rotate_refresh_token($1::text::uuid, $2, $3, $4, $5, $6) AS answer
    ), audited AS (",
    audit_row!(
        "refresh",
        "'reused'",
        "(answer #>> '{session,user_id}')::int8",
        "$7",
        "rotated WHERE answer ->> 'outcome' = 'reused'"
    ),
    ")
    SELECT CASE jsonb_typeof(answer -> 'session') WHEN 'object' THEN jsonb_set(answer, '{session,roles}', coalesce(
        (SELECT roles_json(role, roles) FROM users WHERE id = (answer #>> '{session,user_id}')::int8), '[]')) ELSE answer END
    FROM rotated"
);
