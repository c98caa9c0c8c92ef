-- The audit log: what happened to whose access, by whom, and with which result. A row is written by the statement that does what
-- it records, so neither is without the other. Of the client it has what a session has, and nothing else that is personal.
CREATE TABLE audit_log (
    id         bigint      GENERATED ALWAYS AS IDENTITY,
    created_at timestamptz NOT NULL DEFAULT now(),
    action     text        NOT NULL,
    result     text        NOT NULL,
    -- Whom it is about. No foreign key: an erasure decides which rows go with their user.
    user_id    bigint,
    actor_kind text        NOT NULL CHECK (actor_kind IN ('self', 'administrator', 'service', 'nobody')),
    actor_id   bigint,
    network    text,
    user_agent text,
    request_id text        NOT NULL,
    -- In the order in which rows are read, and in which they expire.
    PRIMARY KEY (created_at, id)
);

CREATE INDEX audit_log_user ON audit_log (user_id, created_at, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_log_administrator ON audit_log (actor_id, created_at, id) WHERE actor_kind = 'administrator';
-- What happens all the time is found without it.
CREATE INDEX audit_log_rare ON audit_log (action, created_at, id) WHERE action NOT IN ('login', 'logout', 'sign-up');

-- Writes a row, for other functions. A statement inserts it by itself.
--   trace   who does it, from where and in which request: {"actor_kind", "actor_id", "network", "user_agent", "request_id"}
CREATE FUNCTION write_audit(trace jsonb, what text, came_to text, of_user bigint) RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO audit_log (action, result, user_id, actor_kind, actor_id, network, user_agent, request_id)
    VALUES (what, came_to, of_user, trace ->> 'actor_kind',
        CASE WHEN trace ->> 'actor_kind' = 'self' THEN of_user ELSE (trace ->> 'actor_id')::bigint END,
        trace ->> 'network', trace ->> 'user_agent', trace ->> 'request_id');
END
$$;

-- As before, and writes a row of the audit log.
-- Releases a hashing permit and counts the attempt.
--   place           the permit, as it was acquired
--   succeeded       whether the password was right; null if it was not looked at
--   counters        the rate limits that a failure counts for
--   passed          the rate limits of a success, whose failures in a row end: [{"key", "ends": whether all of its failures
--                   do, "known_seconds": for how long the client is known there, or null}]
--   lock            {"user_id", "exchange", "event"}: the event, without its subject and data, that tells the owner when the
--                   rate limit "key" comes to its ceiling; or null
--   forget_seconds  after how long without a failure a count begins anew
--   audit           {"action", "result": that of anything but a success, "user_id", "proves": whether only a success shows who
--                   it was, "trace": as `write_audit` has it}; or null
-- A request of an earlier version has "known_as" and "known_seconds" in place of "passed", and no "audit".
-- Answers {"locked": whether the account was locked by this attempt}.
CREATE OR REPLACE FUNCTION release_hash_permit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    forget_seconds integer := coalesce((request ->> 'forget_seconds')::int, 3600);
    verdict boolean := (request ->> 'succeeded')::boolean;
    audit jsonb := nullif(request -> 'audit', 'null');
    trace jsonb;
    proven record;
    locked text[] := '{}';
BEGIN
    UPDATE hashing_places SET holder = NULL, held_until = '-infinity', client = NULL, counters = '[]'
        WHERE place = (request #>> '{place,number}')::int AND holder = (request #>> '{place,holder}')::uuid;
    IF verdict THEN
        FOR proven IN
            SELECT p.key, bool_or(p.ends) AS ends, max(p.known_seconds) AS known_seconds
            FROM (SELECT key, ends, known_seconds
                  FROM jsonb_to_recordset(coalesce(nullif(request -> 'passed', 'null'), '[]'))
                      AS passed(key text, ends boolean, known_seconds int)
                  UNION ALL
                  SELECT request ->> 'known_as', true, (request ->> 'known_seconds')::int) AS p
            WHERE p.key IS NOT NULL GROUP BY p.key ORDER BY p.key
        LOOP
            IF proven.known_seconds IS NULL THEN
                UPDATE attempts a
                    SET failures_in_a_row = 0, failures = CASE WHEN proven.ends THEN 0 ELSE a.failures END
                    WHERE a.key = proven.key AND (a.failures_in_a_row > 0 OR proven.ends AND a.failures > 0);
            ELSE
                INSERT INTO attempts AS a (key, known_until, keep_until)
                    VALUES (proven.key, now() + make_interval(secs => proven.known_seconds),
                            CURRENT_DATE + proven.known_seconds / 86400 + 1)
                    ON CONFLICT (key) DO UPDATE SET failures = 0, failures_in_a_row = 0,
                        known_until = excluded.known_until, keep_until = greatest(a.keep_until, excluded.keep_until);
            END IF;
        END LOOP;
    ELSIF NOT verdict THEN
        locked := count_failures(coalesce(request -> 'counters', '[]'), forget_seconds);
        IF request #>> '{lock,key}' = ANY (locked) THEN
            INSERT INTO outbox (exchange, event)
                SELECT request #>> '{lock,exchange}',
                       request #> '{lock,event}' || jsonb_build_object('subject', u.id::text, 'data',
                           jsonb_build_object('user_id', u.id, 'email', u.email))
                FROM users u WHERE u.id = (request #>> '{lock,user_id}')::bigint;
        END IF;
    END IF;
    IF audit IS NOT NULL THEN
        trace := audit -> 'trace';
        IF verdict IS NOT TRUE AND (audit ->> 'proves')::boolean THEN
            trace := trace || '{"actor_kind": "nobody", "actor_id": null}';
        END IF;
        PERFORM write_audit(trace, audit ->> 'action', CASE WHEN verdict THEN 'success' ELSE audit ->> 'result' END,
            (audit ->> 'user_id')::bigint);
        IF request #>> '{lock,key}' = ANY (locked) THEN
            PERFORM write_audit(trace, 'account-locked', 'success', (audit ->> 'user_id')::bigint);
        END IF;
    END IF;
    RETURN jsonb_build_object('locked', cardinality(locked) > 0);
END
$$;

-- As before, and writes a row of the audit log.
-- Makes an administrator, at the word of whoever runs the database; gives a line of the audit log. For an address that
-- nobody has, its result is `unknown`. The address is as it was typed at the sign-up, or in lower case. The operator vouches for
-- the address, so that the first administrator needs no mail.
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
        PERFORM write_audit('{"actor_kind": "service", "request_id": "operator"}', 'role-changed', 'success', who.id);
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
