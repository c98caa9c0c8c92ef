-- How the user of a session has authenticated (RFC 8176): tokens say it, also after a refresh. All sessions until now were begun with a
-- password alone.
ALTER TABLE sessions ADD COLUMN amr text[] NOT NULL DEFAULT '{pwd}';

-- When and how, as tokens say it.
CREATE FUNCTION authentication_json(authenticated_at timestamptz, amr text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN jsonb_build_object('auth_time', floor(extract(epoch FROM authenticated_at))::bigint, 'amr', to_jsonb(amr));
END
$$;

-- As before, and answers when and how the user has authenticated.
-- Rotates the refresh token of a session. The session is the one that the token says, or that a token of before belongs to.
-- Its lock lets one through at a time, and whoever comes second sees what the first has done.
--   renewed   the session goes on with the next token
--   repeated  it went on with that token a moment ago
--   reused    the token was rotated before that: the session has ended now
--   unknown   the token belongs to no session that is alive; nothing has changed
CREATE OR REPLACE FUNCTION rotate_refresh_token(
    shown_session uuid, shown_generation bigint, shown_digest text, next_digest text, idle_seconds integer,
    leeway_seconds integer
) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    s       sessions;
    is_role text;
    is_verified boolean;
    outcome text;
BEGIN
    SELECT * INTO s FROM sessions
    WHERE id = coalesce(shown_session, (SELECT session_id FROM former_refresh_tokens WHERE digest = shown_digest))
    FOR NO KEY UPDATE;
    -- Of an older epoch than the user's, a session is none.
    SELECT role, email_verified_at IS NOT NULL INTO is_role, is_verified
    FROM users WHERE id = s.user_id AND credentials_epoch = s.credentials_epoch;
    IF is_role IS NULL OR s.idle_until <= now() OR s.ends_at <= now() THEN
        outcome := 'unknown';
    ELSIF shown_generation = s.generation AND shown_digest = s.refresh_digest THEN
        UPDATE sessions SET refresh_digest = next_digest, generation = s.generation + 1, previous_digest = shown_digest,
            rotated_at = now(), used_at = now(), idle_until = now() + make_interval(secs => idle_seconds)
        WHERE id = s.id;
        outcome := 'renewed';
    ELSIF shown_generation = s.generation - 1 AND shown_digest = s.previous_digest
        AND s.rotated_at > now() - make_interval(secs => leeway_seconds) THEN
        -- Another successor than it was given the first time would be good for nothing.
        outcome := CASE WHEN next_digest = s.refresh_digest THEN 'repeated' ELSE 'unknown' END;
    ELSIF shown_generation < s.generation OR shown_session IS NULL THEN
        DELETE FROM sessions WHERE id = s.id;
        outcome := 'reused';
        is_role := NULL;
    ELSE
        outcome := 'unknown';
    END IF;
    RETURN jsonb_build_object('outcome', outcome, 'session', CASE WHEN outcome <> 'unknown' THEN
        jsonb_build_object('session_id', s.id, 'user_id', s.user_id, 'role', is_role,
            'email_verified', is_verified, 'authentication', authentication_json(s.authenticated_at, s.amr)) END);
END
$$;
