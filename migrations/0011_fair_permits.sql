-- Hashing permits have a client, of which one client holds so many at most, and some of them are for sign-ins alone.
-- Whoever finds none may wait, in a bounded number of places. Attempts are counted from their beginning.

-- Whose permit it is, since when, and the rate limits for which the attempt counts: while it is under way, and if it
-- never ends.
ALTER TABLE hashing_places
    ADD COLUMN client      text,
    ADD COLUMN acquired_at timestamptz NOT NULL DEFAULT '-infinity',
    ADD COLUMN counters    jsonb       NOT NULL DEFAULT '[]';

-- Callers that wait for a permit. Each holds a connection of the runtime, so there are not more of them than this.
CREATE TABLE hash_permit_waiters (
    place       integer     PRIMARY KEY,
    holder      uuid,
    client      text,
    waits_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

INSERT INTO hash_permit_waiters (place) SELECT generate_series(1, 128);

ALTER TABLE attempts
    -- Failures since the last success, however long ago they are.
    ADD COLUMN failures_in_a_row integer NOT NULL DEFAULT 0,
    -- The row may go after this day. It changes once a day at most, so that an update that counts a failure touches no index.
    ADD COLUMN keep_until        date    NOT NULL DEFAULT CURRENT_DATE + 2;

UPDATE attempts SET keep_until = greatest(failed_at, known_until)::date + 1;

DROP INDEX attempts_age;
CREATE INDEX attempts_keep_until ON attempts (keep_until);

-- What may be logged once a second at most, however many callers cause it.
CREATE TABLE log_limits (
    event     text        PRIMARY KEY,
    logged_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

INSERT INTO log_limits (event) VALUES ('too-busy'), ('too-many-attempts'), ('account-locked');

-- Whether a line about this event may be written now.
CREATE FUNCTION may_log(what text) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM log_limits
        WHERE event = what AND logged_at < clock_timestamp() - interval '1 second' FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE log_limits SET logged_at = clock_timestamp() WHERE event = what;
    RETURN true;
END
$$;

-- The failures that count now: none after `forget_seconds` without one, and one less for each `drain` seconds.
CREATE FUNCTION counted_failures(a attempts, drain integer, forget_seconds integer) RETURNS integer
    LANGUAGE sql STABLE
AS $$
    SELECT CASE
        WHEN a.key IS NULL OR a.failed_at < clock_timestamp() - make_interval(secs => forget_seconds) THEN 0
        WHEN drain IS NULL THEN a.failures
        ELSE greatest(0, a.failures - floor(extract(epoch FROM clock_timestamp() - a.failed_at) / drain)::int)
    END
$$;

-- How long the rate limits make wait, and whether one of them has come to its ceiling. Attempts under way count as
-- failures: those at the same moment cannot all be the first.
CREATE FUNCTION rate_limit_state(counters jsonb, forget_seconds integer, OUT wait integer, OUT is_locked boolean)
    LANGUAGE sql STABLE
AS $$
    SELECT max(ceil(extract(epoch FROM s.latest - clock_timestamp()) + least(s.longest, power(2, least(s.counted - s.free, 30)))))
               FILTER (WHERE s.counted >= s.free AND NOT s.is_known),
           coalesce(bool_or(s.in_a_row >= s.ceiling), false)
    FROM (
        SELECT c.free, c.longest, c.ceiling, greatest(a.failed_at, under_way.latest) AS latest,
               counted_failures(a, c.drain, forget_seconds) + under_way.attempts AS counted,
               coalesce(a.failures_in_a_row, 0) + under_way.attempts AS in_a_row,
               EXISTS (SELECT FROM attempts k WHERE k.key = c.known_as AND k.known_until > now()) AS is_known
        FROM jsonb_to_recordset(counters) AS c(key text, free int, longest int, drain int, ceiling int, known_as text)
        LEFT JOIN attempts a ON a.key = c.key
        CROSS JOIN LATERAL (
            SELECT count(*)::int AS attempts, max(p.acquired_at) AS latest FROM hashing_places p
            WHERE p.held_until > clock_timestamp()
                AND p.counters @> jsonb_build_array(jsonb_build_object('key', c.key))
        ) AS under_way
    ) AS s
$$;

-- Counts a failure for each of the rate limits; answers those that have come to their ceiling by it.
CREATE FUNCTION count_failures(counters jsonb, forget_seconds integer) RETURNS text[]
    LANGUAGE plpgsql
AS $$
DECLARE
    counter record;
    in_a_row integer;
    locked text[] := '{}';
BEGIN
    FOR counter IN
        SELECT * FROM jsonb_to_recordset(counters) AS c(key text, drain int, ceiling int) ORDER BY c.key
    LOOP
        INSERT INTO attempts AS a (key, failures, failures_in_a_row, failed_at, keep_until)
            VALUES (counter.key, 1, (counter.ceiling IS NOT NULL)::int, clock_timestamp(),
                    CURRENT_DATE + CASE WHEN counter.ceiling IS NULL THEN 1 ELSE 30 END)
            ON CONFLICT (key) DO UPDATE SET
                failures = counted_failures(a, counter.drain, forget_seconds) + 1,
                failures_in_a_row = a.failures_in_a_row + excluded.failures_in_a_row,
                failed_at = excluded.failed_at,
                keep_until = greatest(a.keep_until, excluded.keep_until)
            RETURNING a.failures_in_a_row INTO in_a_row;
        IF in_a_row = counter.ceiling THEN
            locked := locked || counter.key;
        END IF;
    END LOOP;
    RETURN locked;
END
$$;

-- Whether the client holds fewer permits than this.
CREATE FUNCTION holds_fewer_permits(asked_client text, permits integer) RETURNS boolean
    LANGUAGE sql VOLATILE
AS $$
    SELECT asked_client IS NULL OR permits IS NULL OR permits > (
        SELECT count(*) FROM hashing_places WHERE client = asked_client AND held_until > clock_timestamp())
$$;

-- Acquires a hashing permit, unless a rate limit makes wait or no permit is free.
--   permits          how many of the permits may be in use at once
--   reserved         how many of them are not for this caller
--   seconds          after how many seconds the permit ends by itself
--   client           who asks; null if nothing is counted
--   client_permits   how many permits a client holds at once
--   counters         the rate limits: [{"key", "free", "longest", "drain", "ceiling", "known_as"}]
--   forget_seconds   after how long without a failure a count begins anew
--   waiter           the place to wait in that an answer before gave; or null
--   client_waiters   how many of a client wait at once
--   wait_seconds     how long somebody waits at most
-- Answers {"place": {"number", "holder"} or null, "retry_after": seconds or null, "locked": whether a rate limit has
-- come to its ceiling, "waiter": a place to wait in or null, "report": whether a refusal may be logged}.
CREATE OR REPLACE FUNCTION acquire_hash_permit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    asked_client text := request ->> 'client';
    limits jsonb := coalesce(request -> 'counters', '[]');
    forget_seconds integer := coalesce((request ->> 'forget_seconds')::int, 3600);
    last_place integer := (request ->> 'permits')::int - coalesce((request ->> 'reserved')::int, 0);
    client_permits integer := (request ->> 'client_permits')::int;
    waiter jsonb := nullif(request -> 'waiter', 'null');
    state record;
    permit hashing_places;
    holder_id uuid := gen_random_uuid();
BEGIN
    -- First without a lock: whoever is refused now costs nobody anything.
    SELECT * INTO state FROM rate_limit_state(limits, forget_seconds);
    IF NOT state.is_locked AND coalesce(state.wait, 0) <= 0 AND holds_fewer_permits(asked_client, client_permits) AND EXISTS (
        SELECT FROM hashing_places WHERE place <= last_place AND held_until <= clock_timestamp())
    THEN
        -- Attempts of one client or at one account go on one after the other from here, so that each sees those before it.
        PERFORM pg_advisory_xact_lock(l.key)
            FROM (SELECT DISTINCT hashtextextended(k.key, 0) AS key
                  FROM (SELECT c.key FROM jsonb_to_recordset(limits) AS c(key text)
                        UNION ALL SELECT asked_client WHERE asked_client IS NOT NULL) AS k
                  ORDER BY 1) AS l;
        SELECT * INTO state FROM rate_limit_state(limits, forget_seconds);
        IF NOT state.is_locked AND coalesce(state.wait, 0) <= 0 AND holds_fewer_permits(asked_client, client_permits) THEN
            -- The last ones first: they are those that the fewest may have.
            SELECT * INTO permit FROM hashing_places
                WHERE place <= last_place AND held_until <= clock_timestamp()
                ORDER BY place DESC LIMIT 1 FOR UPDATE SKIP LOCKED;
        END IF;
    END IF;
    IF state.is_locked OR state.wait > 0 THEN
        RETURN jsonb_build_object('place', NULL, 'waiter', NULL, 'locked', state.is_locked,
            'retry_after', CASE WHEN NOT state.is_locked THEN state.wait END,
            'report', may_log(CASE WHEN state.is_locked THEN 'account-locked' ELSE 'too-many-attempts' END));
    END IF;
    IF permit.place IS NOT NULL THEN
        IF permit.holder IS NOT NULL THEN
            -- Its time was over before it was released: nobody knows what came of that attempt.
            PERFORM count_failures(permit.counters, forget_seconds);
        END IF;
        UPDATE hashing_places SET
            holder = holder_id, client = asked_client, acquired_at = clock_timestamp(),
            held_until = clock_timestamp() + make_interval(secs => (request ->> 'seconds')::int),
            counters = limits
            WHERE place = permit.place;
        UPDATE hash_permit_waiters SET holder = NULL, client = NULL, waits_until = '-infinity'
            WHERE place = (waiter ->> 'number')::int AND holder = (waiter ->> 'holder')::uuid;
        RETURN jsonb_build_object('place', jsonb_build_object('number', permit.place, 'holder', holder_id),
            'retry_after', NULL, 'locked', false, 'waiter', NULL, 'report', false);
    END IF;
    IF waiter IS NULL AND (request ->> 'wait_seconds')::int > 0 THEN
        UPDATE hash_permit_waiters w SET
            holder = holder_id, client = asked_client,
            waits_until = clock_timestamp() + make_interval(secs => (request ->> 'wait_seconds')::int)
            FROM (SELECT place FROM hash_permit_waiters
                  WHERE waits_until <= clock_timestamp() AND (asked_client IS NULL OR (request ->> 'client_waiters')::int > (
                      SELECT count(*) FROM hash_permit_waiters WHERE client = asked_client AND waits_until > clock_timestamp()))
                  ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED) AS free
            WHERE w.place = free.place
            RETURNING jsonb_build_object('number', w.place, 'holder', w.holder) INTO waiter;
    END IF;
    RETURN jsonb_build_object('place', NULL, 'retry_after', NULL, 'locked', false, 'waiter', waiter,
        'report', may_log('too-busy'));
END
$$;

-- Releases a hashing permit and counts the attempt.
--   place           the permit, as it was acquired
--   succeeded       whether the password was right; null if it was not looked at
--   counters        the rate limits that a failure counts for
--   passed          the rate limits of a success, whose failures in a row end: [{"key", "ends": whether all of its failures
--                   do, "known_seconds": for how long the client is known there, or null}]
--   lock            {"user_id", "exchange", "event"}: the event, without its subject and data, that tells the owner when the
--                   rate limit "key" comes to its ceiling; or null
--   forget_seconds  after how long without a failure a count begins anew
-- A request of the version before has "known_as" and "known_seconds" in place of "passed".
-- Answers {"locked": whether the account was locked by this attempt}.
CREATE OR REPLACE FUNCTION release_hash_permit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    forget_seconds integer := coalesce((request ->> 'forget_seconds')::int, 3600);
    verdict boolean := (request ->> 'succeeded')::boolean;
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
    RETURN jsonb_build_object('locked', cardinality(locked) > 0);
END
$$;
