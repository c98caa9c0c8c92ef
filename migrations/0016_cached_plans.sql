-- What every refused sign-in and sign-up runs, in PL/pgSQL: it keeps its plans for the length of a connection, while a
-- function in SQL is parsed and planned anew at each call, which took most of the database's time in a flood.

CREATE OR REPLACE FUNCTION counted_failures(a attempts, drain integer, forget_seconds integer) RETURNS integer
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN CASE
        WHEN a.key IS NULL OR a.failed_at < clock_timestamp() - make_interval(secs => forget_seconds) THEN 0
        WHEN drain IS NULL THEN a.failures
        ELSE greatest(0, a.failures - floor(extract(epoch FROM clock_timestamp() - a.failed_at) / drain)::int)
    END;
END
$$;

CREATE OR REPLACE FUNCTION rate_limit_state(counters jsonb, forget_seconds integer, OUT wait integer, OUT is_locked boolean)
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT max(ceil(extract(epoch FROM s.latest - clock_timestamp()) + least(s.longest, power(2, least(s.counted - s.free, 30)))))
               FILTER (WHERE s.counted >= s.free AND NOT s.is_known),
           coalesce(bool_or(s.in_a_row >= s.ceiling), false)
    INTO wait, is_locked
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
    ) AS s;
END
$$;

CREATE OR REPLACE FUNCTION holds_fewer_permits(asked_client text, permits integer) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN asked_client IS NULL OR permits IS NULL OR permits > (
        SELECT count(*) FROM hashing_places WHERE client = asked_client AND held_until > clock_timestamp());
END
$$;
