//! The statements that the benchmark's native peer runs too: the texts alone, so that both run the very same ones.

use identity::{Role, UserId};
use serde::{Deserialize, Serialize};

/// Sessions that have not come to either of their ends.
macro_rules! alive {
    () => {
        "idle_until > now() AND ends_at > now()"
    };
}

/// Sessions that have not come to either of their ends.
pub(super) const ALIVE: &str = alive!();

/// A sign of life.
pub(super) const PING: &str = "SELECT to_jsonb(1)";

/// A user as the API shows it; made by `user_json` in the database.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) id: UserId,
    name: String,
    surname: String,
    email: String,
    phone: Option<String>,
    role: Role,
    created_at: String,
    updated_at: String,
    pub(crate) version: i64,
}

/// What [`FIND_USER`] and [`FIND_USER_IN_SESSION`] give.
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

/// The user with the id `$1`, and whether the session `$2` is alive. It is a statement of its own: one for both, with a
/// `$2` that may be NULL, is cheapest by a plan for each value, so that PostgreSQL plans it anew each time.
pub(super) const FIND_USER_IN_SESSION: &str = concat!(
    "SELECT jsonb_build_object(
        'is_alive', EXISTS (SELECT FROM sessions WHERE id = $2::text::uuid AND ",
    alive!(),
    "),
        'user', (SELECT user_json(u) FROM users u WHERE id = $1))"
);

/// What auth needs to know about the user with the address `$1`.
pub(super) const FIND_CREDENTIALS: &str = "
    SELECT (SELECT to_jsonb(c) FROM
        (SELECT id, email, phone, role, password_hash FROM users WHERE email_key = $1) c)";

/// Keeps the event `$2` for the exchange `$1`. One that is kept already is kept once, and one about somebody who was
/// removed a moment ago is not.
pub(super) const KEEP_EVENT: &str = "
    WITH kept AS (
        INSERT INTO outbox (exchange, event) SELECT $1, event FROM (VALUES ($2::text::jsonb)) AS e(event)
        WHERE NOT EXISTS (SELECT FROM erasures WHERE user_id = (event #>> '{data,user_id}')::bigint)
        ON CONFLICT (event_id) DO NOTHING
    )
    SELECT to_jsonb(true)";

/// Acquires a hashing permit, unless a rate limit makes wait: `$1` is a `users_domain::AcquirePermit`. Other statements may
/// call the function beside what they do themselves.
pub(super) const ACQUIRE_HASH_PERMIT: &str = "SELECT acquire_hash_permit($1::text::jsonb)";

/// Releases a hashing permit and counts the attempt: `$1` is a `users_domain::ReleasePermit`.
pub(super) const RELEASE_HASH_PERMIT: &str = "SELECT release_hash_permit($1::text::jsonb)";

/// Begins the session `$1` of the user `$2` with the refresh token `$3`; false if the user is gone. It lives `$4` seconds
/// unused and `$5` at most. What has ended of the user's sessions is removed on the way, and all but the 49 newest: with
/// this one they are as many as somebody may have.
pub(super) const BEGIN_SESSION: &str = concat!(
    "WITH gone AS (
        DELETE FROM sessions WHERE user_id = $2 AND (NOT (",
    alive!(),
    ") OR id IN (
            SELECT id FROM sessions WHERE user_id = $2 ORDER BY created_at DESC OFFSET 49))
    ), begun AS (
        INSERT INTO sessions (id, user_id, refresh_digest, idle_until, ends_at)
        SELECT $1::text::uuid, id, $3, now() + make_interval(secs => $4::int4), now() + make_interval(secs => $5::int4)
        FROM users WHERE id = $2 RETURNING id
    )
    SELECT to_jsonb(EXISTS (SELECT FROM begun))"
);

/// Spends the refresh token `$1` for `$2`, which is good for `$3` seconds. Of two who try at once the row's lock lets one
/// through; the other finds another digest. A token that was spent before ends its session.
pub(super) const ROTATE: &str = concat!(
    "WITH rotated AS (
        UPDATE sessions s SET refresh_digest = $2, used_at = now(),
            idle_until = now() + make_interval(secs => $3::int4)
        FROM users u WHERE s.refresh_digest = $1 AND u.id = s.user_id AND ",
    alive!(),
    "
        RETURNING s.id AS session_id, s.user_id, u.role
    ), spent AS (
        INSERT INTO spent_refresh_tokens (digest, session_id) SELECT $1, session_id FROM rotated
    ), ended AS (
        DELETE FROM sessions WHERE id = (SELECT session_id FROM spent_refresh_tokens WHERE digest = $1)
        RETURNING id
    )
    SELECT jsonb_build_object('session', (SELECT to_jsonb(rotated) FROM rotated),
                              'was_reused', EXISTS (SELECT FROM ended))"
);
