//! The statements of sign-ins with a code or a passkey that the benchmark's native peer executes too: only their texts.

use super::statements::OUTBOX_IS_LONG;

/// The condition that a challenge `c` of the user `u` can be answered, over parameters 1 and 2.
const IS_OPEN: &str = "c.digest = $1 AND c.client = $2 AND c.expires_at > now() AND c.tries_left > 0
    AND u.id = c.user_id AND u.credentials_epoch = c.credentials_epoch AND u.suspended_at IS NULL";

/// Releases by `$1` the permit of a sign-in by the user `$2` under the epoch `$3` whose password was right, and keeps its challenge `$4`;
/// the hash `$6` replaces `$5` if given. Answers whether it is kept: not if the credentials have changed.
pub(super) const BEGIN_CHALLENGE: &str = "
        WITH account AS (
            SELECT id, credentials_epoch FROM users
            WHERE id = $2 AND credentials_epoch = $3 AND suspended_at IS NULL FOR NO KEY UPDATE
        ), renewed AS (
            UPDATE users u SET password_hash = $6 FROM account WHERE u.id = account.id AND u.password_hash = $5
        ), begun AS MATERIALIZED (
            SELECT keep_sign_in_challenge(id, credentials_epoch, $4::text::jsonb) AS is_kept FROM account
        ), released AS MATERIALIZED (
            SELECT release_hash_permit(request) FROM (VALUES ($1::text::jsonb)) AS r(request),
                (SELECT count(*) FROM begun) AS after_that
        )
        SELECT to_jsonb(coalesce((SELECT is_kept FROM begun), false)) FROM released";

/// The challenge `$1` of the client `$2`, if it can be answered.
pub(super) fn find_challenge() -> String {
    format!(
        "SELECT (SELECT jsonb_build_object('user_id', c.user_id, 'keys', c.keys, 'task', c.task,
                'first_method', c.first_method)
                 FROM sign_in_challenges c, users u WHERE {IS_OPEN})"
    )
}

/// Counts a try at the challenge `$1` of the client `$2`; answers with the app that its code is of, or with NULL if the challenge cannot be
/// answered any more.
pub(super) fn count_try() -> String {
    format!(
        "WITH tried AS (
            UPDATE sign_in_challenges c SET tries_left = c.tries_left - 1 FROM users u WHERE {IS_OPEN}
            RETURNING c.user_id, c.credentials_epoch, c.task
         )
         SELECT (SELECT jsonb_build_object('credentials_epoch', credentials_epoch, 'factor',
                (SELECT jsonb_build_object('factor_id', f.factor_id, 'sealed_secret', f.sealed_secret) FROM totp_factors f
                 WHERE f.user_id = tried.user_id AND (f.confirmed_at IS NOT NULL) = (task = 'code')))
            FROM tried)"
    )
}

/// Ends a sign-in of the user `$2` under the epoch `$3`: the function `spend` of the database spends what was proved and the challenge, `$4`.
/// If it was good, the session `$5` begins, with the refresh token `$6`, to live `$7` seconds unused and `$8` at most, by the user agent `$9`
/// from the network `$10`, with the methods `$11`. The events, `$12` with the user's data and `$17` as `END_SIGN_IN` has it, and `$13` if a change `$14` is told of,
/// are enqueued, and leased to the callers for `$15` seconds; the first is that of the exchange `$16`. The permit is released by `$1`.
pub(super) fn end_challenge(spend: &str) -> String {
    format!(
        "WITH account AS (
            SELECT id, email, CASE WHEN phone_verified_at IS NOT NULL THEN phone END AS phone, role, roles_json(role, roles) AS roles,
            credentials_epoch, email_verified_at IS NOT NULL AS email_verified FROM users
            WHERE id = $2 AND credentials_epoch = $3 AND suspended_at IS NULL FOR NO KEY UPDATE
         ), spent AS MATERIALIZED (
            SELECT {spend}(id, $4::text::jsonb) AS is_spent FROM account
         ), room AS MATERIALIZED (
            SELECT remove_surplus_sessions(id, 49) FROM account, spent WHERE is_spent
         ), begun AS (
            INSERT INTO sessions
                (id, user_id, credentials_epoch, refresh_digest, idle_until, ends_at, user_agent, network, amr)
            SELECT $5::text::uuid, id, credentials_epoch, $6, now() + make_interval(secs => $7::int4),
                now() + make_interval(secs => $8::int4), $9, $10, string_to_array($11, ' ')
            FROM account, room ON CONFLICT DO NOTHING
            RETURNING id AS session_id, user_id, authentication_json(authenticated_at, amr) AS authentication
         ), happened AS (
            SELECT 1 AS place, id, $12::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email,
                    'phone', admit_sms(phone, ($17::text::jsonb ->> 'sms_per_day')::int4)) || ($17::text::jsonb - 'sms_per_day') AS data
            FROM account JOIN begun ON user_id = id
            UNION ALL
            SELECT 2, id, $13::text::jsonb, jsonb_build_object('user_id', id, 'email', email, 'change', $14::text)
            FROM account JOIN begun ON user_id = id WHERE $14::text IS NOT NULL
         ), kept AS (
            INSERT INTO outbox (exchange, event, leased_until)
            SELECT event ->> 'type', event || jsonb_build_object('subject', id::text, 'data', data),
                now() + make_interval(secs => CASE WHEN {OUTBOX_IS_LONG} THEN 0 ELSE $15::int4 END)
            FROM happened ORDER BY place
            RETURNING event_id, exchange, event, leased_until
         ), released AS MATERIALIZED (
            SELECT release_hash_permit($1::text::jsonb || jsonb_build_object('succeeded', EXISTS (SELECT FROM begun)))
         )
         SELECT jsonb_build_object(
            'session', (SELECT to_jsonb(s) FROM
                (SELECT session_id, user_id, role, roles, email_verified, authentication FROM begun, account) s),
            'event', (SELECT event FROM kept WHERE leased_until > now() AND exchange = $16),
            'events', (SELECT coalesce(jsonb_agg(to_jsonb(kept) - 'leased_until'), '[]')
                       FROM kept WHERE leased_until > now() AND exchange <> $16))
         FROM released"
    )
}

/// Keeps the digest `$3` of a passkey's challenge for the client `$4` for `$5` seconds, unless by `$1` and `$2` it has begun too many
/// sign-ins: answers after how many seconds it may begin another.
pub(super) const BEGIN_PASSKEY: &str = "
        WITH admitted AS MATERIALIZED (
            SELECT admit_request($1::text::jsonb, $2::int4) AS wait
        ), kept AS (
            INSERT INTO passkey_challenges (digest, client, expires_at)
            SELECT $3, $4, now() + make_interval(secs => $5::int4) FROM admitted WHERE wait IS NULL
            ON CONFLICT DO NOTHING
        )
        SELECT to_jsonb(wait) FROM admitted";

/// Whether the challenge `$1` was issued to the client `$2` and is not used; and the passkey with the credential `$3` and its account.
pub(super) const FIND_PASSKEY: &str = "
        SELECT jsonb_build_object(
            'is_open', EXISTS (SELECT FROM passkey_challenges WHERE digest = $1 AND client = $2 AND expires_at > now()),
            'known', (SELECT to_jsonb(k) FROM (
                SELECT p.id, p.user_id, u.email_key, h.handle, p.public_key, p.sign_count, p.backup, u.credentials_epoch,
                    u.suspended_at IS NOT NULL AS suspended, u.password_reset_required,
                    u.email_verified_at IS NOT NULL AS email_verified
                FROM passkeys p JOIN users u ON u.id = p.user_id JOIN passkey_handles h ON h.user_id = p.user_id
                WHERE p.credential_id = $3) k))";
