-- Acquiring a hashing permit looks at all permits once for all of its rate limits, and does not wait for the disk. A permit that nobody
-- has heard of is not held to its end.

ALTER TABLE hashing_places
    -- The keys of `counters`.
    ADD COLUMN keys    text[] NOT NULL DEFAULT '{}',
    -- The process of the connection by which the permit was acquired.
    ADD COLUMN backend integer;

UPDATE hashing_places SET keys = ARRAY(SELECT c.key FROM jsonb_to_recordset(counters) AS c(key text)) WHERE counters <> '[]';

INSERT INTO log_limits (event) VALUES ('lost-permits');

-- Ends the permits that were acquired by connections that are gone, once a second at most. Whoever gives up a statement closes its
-- connection; a statement that was already on its way, to a database that stood still, acquires a permit all the same. The attempt
-- counts as one that never ended.
CREATE FUNCTION end_lost_permits() RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    IF may_log('lost-permits') THEN
        UPDATE hashing_places SET held_until = clock_timestamp()
            WHERE place IN (
                SELECT place FROM hashing_places
                WHERE holder IS NOT NULL AND held_until > clock_timestamp()
                    AND backend <> ALL (ARRAY(SELECT pid FROM pg_stat_activity))
                FOR UPDATE SKIP LOCKED);
    END IF;
END
$$;

-- One rate limit after the other, each by the index, whatever the statistics say of a table that changes all the time.
CREATE OR REPLACE FUNCTION rate_limit_state(counters jsonb, forget_seconds integer, OUT wait integer, OUT is_locked boolean)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    asked_keys text[] := ARRAY(SELECT c.key FROM jsonb_to_recordset(counters) AS c(key text));
    -- Most attempts have nothing under way beside them, and look at the permits once.
    has_others boolean := EXISTS (
        SELECT FROM hashing_places WHERE held_until > clock_timestamp() AND keys && asked_keys);
    counter record;
    failed attempts;
    under_way integer := 0;
    latest timestamptz;
    counted integer;
BEGIN
    is_locked := false;
    FOR counter IN
        SELECT * FROM jsonb_to_recordset(counters)
            AS c(key text, free int, longest int, drain int, ceiling int, known_as text)
    LOOP
        SELECT * INTO failed FROM attempts WHERE key = counter.key;
        IF has_others THEN
            SELECT count(*), max(acquired_at) INTO under_way, latest FROM hashing_places
                WHERE held_until > clock_timestamp() AND counter.key = ANY (keys);
        END IF;
        is_locked := is_locked OR coalesce(coalesce(failed.failures_in_a_row, 0) + under_way >= counter.ceiling, false);
        counted := counted_failures(failed, counter.drain, forget_seconds) + under_way;
        IF counted >= counter.free AND (counter.known_as IS NULL OR NOT EXISTS (
            SELECT FROM attempts WHERE key = counter.known_as AND known_until > now()))
        THEN
            wait := greatest(wait, ceil(extract(epoch FROM greatest(failed.failed_at, latest) - clock_timestamp())
                + least(counter.longest, power(2, least(counted - counter.free, 30)))));
        END IF;
    END LOOP;
END
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
            counters = limits, keys = ARRAY(SELECT c.key FROM jsonb_to_recordset(limits) AS c(key text)),
            backend = pg_backend_pid()
            WHERE place = permit.place;
        UPDATE hash_permit_waiters SET holder = NULL, client = NULL, waits_until = '-infinity'
            WHERE place = (waiter ->> 'number')::int AND holder = (waiter ->> 'holder')::uuid;
        -- Nobody waits for the disk or a standby: a permit that a crash of the database takes back is no longer needed. What a
        -- sign-in writes is committed as ever, with the statement that releases the permit.
        PERFORM set_config('synchronous_commit', 'off', true);
        RETURN jsonb_build_object('place', jsonb_build_object('number', permit.place, 'holder', holder_id),
            'retry_after', NULL, 'locked', false, 'waiter', NULL, 'report', false);
    END IF;
    PERFORM end_lost_permits();
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
