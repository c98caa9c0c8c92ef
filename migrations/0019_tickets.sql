-- Tickets: what is proved by a link or a code that went to an address. Each is for one purpose, and for the user, the address and
-- the credentials epoch that it was issued for. A ticket is kept as digests alone: whoever reads this table cannot spend one.
CREATE TABLE tickets (
    -- The digest of the secret in the link.
    digest            text        PRIMARY KEY,
    purpose           text        NOT NULL CHECK (purpose IN ('verification')),
    user_id           bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    email_key         text        NOT NULL,
    credentials_epoch integer     NOT NULL,
    -- The digest of the code, and how often a wrong one may still be tried; then the ticket is gone, and its link with it.
    code_digest       text        NOT NULL,
    tries_left        integer     NOT NULL DEFAULT 5,
    expires_at        timestamptz NOT NULL,
    -- A newer ticket takes the place of the older one.
    UNIQUE (user_id, purpose)
);

CREATE INDEX tickets_expires_at ON tickets (expires_at);

-- Since when it is known that the address is the user's. A new address is not known to be.
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

CREATE FUNCTION forget_verification() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.email_key <> OLD.email_key THEN
        NEW.email_verified_at := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER forget_verification BEFORE UPDATE OF email_key ON users
    FOR EACH ROW EXECUTE FUNCTION forget_verification();

-- Counts a request, unless one of the rate limits makes it wait. Answers for how many seconds, or NULL.
CREATE FUNCTION admit_request(counters jsonb, forget_seconds integer) RETURNS integer
    LANGUAGE plpgsql
AS $$
DECLARE
    seconds integer;
BEGIN
    -- One after the other, so that each sees those before it.
    PERFORM pg_advisory_xact_lock(l.key)
        FROM (SELECT DISTINCT hashtextextended(c.key, 0) AS key FROM jsonb_to_recordset(counters) AS c(key text) ORDER BY 1) AS l;
    SELECT s.wait INTO seconds FROM rate_limit_state(counters, forget_seconds) AS s;
    IF seconds > 0 THEN
        RETURN seconds;
    END IF;
    PERFORM count_failures(counters, forget_seconds);
    RETURN NULL;
END
$$;

-- Spends a ticket, by the digest of its secret or by an address and the digest of its code. Answers whose it was; NULL if there is
-- none that is good. The user is locked first: of several at once one spends it, and none that was issued for an address or
-- credentials of before is good.
--   purpose      what the ticket is for
--   digest       the digest of the secret, or null
--   email_keys   the keys of the address, or null
--   code_digest  the digest of the code, or null
CREATE FUNCTION spend_ticket(request jsonb) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user users;
    is_spent boolean;
BEGIN
    IF request ->> 'digest' IS NOT NULL THEN
        SELECT u.* INTO of_user FROM users u
            WHERE u.id = (SELECT t.user_id FROM tickets t WHERE t.digest = request ->> 'digest') FOR NO KEY UPDATE;
    ELSE
        SELECT u.* INTO of_user FROM users u
            WHERE u.email_key IN (SELECT jsonb_array_elements_text(request -> 'email_keys'))
            ORDER BY u.id LIMIT 1 FOR NO KEY UPDATE;
    END IF;
    IF of_user.id IS NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM tickets t
        WHERE t.user_id = of_user.id AND t.purpose = request ->> 'purpose'
            AND (t.digest = request ->> 'digest' OR t.code_digest = request ->> 'code_digest')
            AND t.email_key = of_user.email_key AND t.credentials_epoch = of_user.credentials_epoch AND t.expires_at > now();
    is_spent := FOUND;
    IF NOT is_spent AND request ->> 'code_digest' IS NOT NULL THEN
        UPDATE tickets t SET tries_left = t.tries_left - 1
            WHERE t.user_id = of_user.id AND t.purpose = request ->> 'purpose';
        DELETE FROM tickets t
            WHERE t.user_id = of_user.id AND t.purpose = request ->> 'purpose' AND t.tries_left <= 0;
    END IF;
    RETURN CASE WHEN is_spent THEN of_user.id END;
END
$$;

-- As before, and answers whether the address of the user is verified.
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
            'email_verified', is_verified) END);
END
$$;

-- As before; and the operator vouches for the address, so that the first administrator needs no mail.
-- Makes an administrator, at the word of whoever runs the database; gives a line of the audit log. For an address that
-- nobody has, its result is `unknown`. The address is as it was typed at the sign-up, or in lower case.
CREATE OR REPLACE FUNCTION make_administrator(address text) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    who     users;
    outcome text := 'unknown';
BEGIN
    SELECT * INTO who FROM users WHERE email = address OR email_key = lower(address) FOR NO KEY UPDATE;
    UPDATE users SET email_verified_at = coalesce(email_verified_at, now()) WHERE id = who.id;
    IF who.role = 'admin' THEN
        outcome := 'unchanged';
    ELSIF who.id IS NOT NULL THEN
        UPDATE users SET role = 'admin', version = version + 1, updated_at = now() WHERE id = who.id;
        -- As after any change of a role: an access token that says the old one is worth nothing.
        DELETE FROM sessions WHERE user_id = who.id;
        outcome := 'success';
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'time', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'level', 'info',
        'message', 'audit: role-changed: ' || outcome,
        'audit', 'role-changed',
        'result', outcome,
        'user_id', who.id::text,
        'by', 'operator',
        'role', 'admin'));
END
$$;
