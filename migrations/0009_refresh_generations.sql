-- Refresh tokens carry their session and a generation, and the next secret is derived from the one before. So a session
-- keeps two digests, however often it is refreshed: the current token's, and that of the one before, which for a moment
-- gives the same successor again.
ALTER TABLE sessions
    ADD COLUMN generation       bigint NOT NULL DEFAULT 0,
    ADD COLUMN previous_digest  text,
    ADD COLUMN rotated_at       timestamptz,
    -- When somebody last showed who they are in this session: at its begin, or by the current password since.
    ADD COLUMN authenticated_at timestamptz NOT NULL DEFAULT now(),
    -- The day on which it ends, in UTC. It changes once a day however often the session is refreshed, so that nearly all
    -- refreshes leave the index on it alone.
    ADD COLUMN ends_on          date GENERATED ALWAYS AS
        ((least(idle_until, ends_at) AT TIME ZONE 'UTC')::date) STORED;

UPDATE sessions SET authenticated_at = created_at;

-- A session is found by its id. With no index on what every refresh changes, and with room in the page, a refresh is a
-- HOT update.
DROP INDEX sessions_refresh_digest;
DROP INDEX sessions_ends_at;
CREATE INDEX sessions_ends_on ON sessions (ends_on);
ALTER TABLE sessions SET (fillfactor = 70);

-- Tokens of before, which say no session: the spent ones and those that are current. Nothing is added any more. A row goes
-- with its session, so 90 days after this migration the table is empty.
ALTER TABLE spent_refresh_tokens RENAME TO former_refresh_tokens;
ALTER INDEX spent_refresh_tokens_pkey RENAME TO former_refresh_tokens_pkey;
ALTER INDEX spent_refresh_tokens_session_id RENAME TO former_refresh_tokens_session_id;
INSERT INTO former_refresh_tokens (digest, session_id) SELECT refresh_digest, id FROM sessions;

-- Rotates the refresh token of a session. The session is the one that the token says, or that a token of before belongs to.
-- Its lock lets one through at a time, and whoever comes second sees what the first has done.
--   renewed   the session goes on with the next token
--   repeated  it went on with that token a moment ago
--   reused    the token was rotated before that: the session has ended now
--   unknown   the token belongs to no session that is alive; nothing has changed
CREATE FUNCTION rotate_refresh_token(
    shown_session uuid, shown_generation bigint, shown_digest text, next_digest text, idle_seconds integer,
    leeway_seconds integer
) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    s       sessions;
    is_role text;
    outcome text;
BEGIN
    SELECT * INTO s FROM sessions
    WHERE id = coalesce(shown_session, (SELECT session_id FROM former_refresh_tokens WHERE digest = shown_digest))
    FOR NO KEY UPDATE;
    -- Of an older epoch than the user's, a session is none.
    SELECT role INTO is_role FROM users WHERE id = s.user_id AND credentials_epoch = s.credentials_epoch;
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
        jsonb_build_object('session_id', s.id, 'user_id', s.user_id, 'role', is_role) END);
END
$$;
