-- Hashing permits and rate limits as functions. Request and answer are jsonb documents, so that a later version of a
-- function understands the callers of the version before: a member that is missing has a default.

-- Acquires a hashing permit, unless a rate limit makes wait or no permit is free.
--   permits   how many of the permits may be in use at once
--   seconds   after how many seconds the permit ends by itself
--   counters  the rate limits: [{"key", "free", "longest", "known_as"}]
-- Answers {"place": {"number", "holder"} or null, "retry_after": seconds or null}.
CREATE FUNCTION acquire_hash_permit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    wait integer;
    permit jsonb;
BEGIN
    SELECT max(ceil(extract(epoch FROM a.failed_at - now()) + least(c.longest, power(2, least(a.failures - c.free, 30)))))
        INTO wait
        FROM jsonb_to_recordset(request -> 'counters') AS c(key text, free int, longest int, known_as text)
        JOIN attempts a USING (key)
        WHERE a.failures >= c.free AND NOT EXISTS (
            SELECT FROM attempts known WHERE known.key = c.known_as AND known.known_until > now());
    IF wait > 0 THEN
        RETURN jsonb_build_object('place', NULL, 'retry_after', wait);
    END IF;
    UPDATE hashing_places p
        SET holder = gen_random_uuid(), held_until = now() + make_interval(secs => (request ->> 'seconds')::int)
        FROM (SELECT place FROM hashing_places
              WHERE place <= (request ->> 'permits')::int AND held_until <= now()
              ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED) AS free
        WHERE p.place = free.place
        RETURNING jsonb_build_object('number', p.place, 'holder', p.holder) INTO permit;
    RETURN jsonb_build_object('place', permit, 'retry_after', NULL);
END
$$;

-- Releases a hashing permit and counts the attempt.
--   place           the permit, as it was acquired
--   succeeded       whether the password was right; null if it was not looked at
--   counters        the rate limits that a failure counts for
--   known_as        where a success ends the failures, and under which the client is known from now on; or null
--   forget_seconds  after how long without a failure a count begins anew
--   known_seconds   for how long the client is known
CREATE FUNCTION release_hash_permit(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE hashing_places SET holder = NULL, held_until = '-infinity'
        WHERE place = (request #>> '{place,number}')::int AND holder = (request #>> '{place,holder}')::uuid;
    IF (request ->> 'succeeded')::boolean THEN
        INSERT INTO attempts (key, known_until)
            SELECT known_as, now() + make_interval(secs => (request ->> 'known_seconds')::int)
            FROM (SELECT request ->> 'known_as' AS known_as) AS k WHERE known_as IS NOT NULL
            ON CONFLICT (key) DO UPDATE SET failures = 0, known_until = excluded.known_until;
    ELSIF NOT (request ->> 'succeeded')::boolean THEN
        INSERT INTO attempts AS a (key, failures)
            SELECT c.key, 1 FROM jsonb_to_recordset(request -> 'counters') AS c(key text) ORDER BY c.key
            ON CONFLICT (key) DO UPDATE SET failed_at = now(), failures =
                CASE WHEN a.failed_at < now() - make_interval(secs => (request ->> 'forget_seconds')::int) THEN 1
                     ELSE a.failures + 1 END;
    END IF;
    RETURN to_jsonb(true);
END
$$;
