-- Metrics: what those who watch the services count. Numbers alone, so there is nothing here that an erasure would have to find.
--
-- Rows of the audit log are counted when metrics are read, and not when they are written: many sign-ins at once would wait for each
-- other at one row.
CREATE TABLE audit_totals (
    action text   NOT NULL,
    result text   NOT NULL,
    total  bigint NOT NULL,
    PRIMARY KEY (action, result)
) WITH (fillfactor = 50);

-- Up to which time rows are counted.
CREATE TABLE audit_counted (
    one      boolean     PRIMARY KEY DEFAULT true CHECK (one),
    up_to    timestamptz NOT NULL DEFAULT now()
);

INSERT INTO audit_counted DEFAULT VALUES;

-- Counts the rows that were written since the last time, unless another session does. Rows have the time at which their transaction
-- began, and become visible later, so the last ten seconds are left for the next time. After an hour in which nobody asked, the hour
-- is counted and not what was before it.
CREATE FUNCTION count_audit_log() RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    since  timestamptz;
    moment timestamptz := clock_timestamp() - interval '10 seconds';
BEGIN
    SELECT up_to INTO since FROM audit_counted FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR moment <= since THEN
        RETURN;
    END IF;
    INSERT INTO audit_totals AS t (action, result, total)
    SELECT action, result, count(*) FROM audit_log
    WHERE created_at > greatest(since, moment - interval '1 hour') AND created_at <= moment
    GROUP BY action, result
    ON CONFLICT (action, result) DO UPDATE SET total = t.total + excluded.total;
    UPDATE audit_counted SET up_to = moment;
END
$$;

-- Reads the metrics.
-- Answers {"audit_events": [{"action", "result", "total"}], "hash_permits": {"in_use", "waiting"},
-- "outbox": {"waiting", "oldest_seconds", "refused"}, "tickets": {<purpose>: <number>}, "users", "sessions",
-- "connections", "connections_limit", "database_bytes"}. Users and sessions are estimates, null before the first one.
CREATE FUNCTION read_metrics() RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    PERFORM count_audit_log();
    RETURN jsonb_build_object(
        'audit_events', (SELECT coalesce(jsonb_agg(jsonb_build_object('action', action, 'result', result, 'total', total)
            ORDER BY action, result), '[]') FROM audit_totals),
        'hash_permits', jsonb_build_object(
            'in_use', (SELECT count(*) FROM hashing_places WHERE held_until > moment),
            'waiting', (SELECT count(*) FROM hash_permit_waiters WHERE waits_until > moment)),
        'outbox', (SELECT jsonb_build_object(
            'waiting', count(*),
            'oldest_seconds', coalesce(floor(extract(epoch FROM moment - least(min(created_at), moment)))::int8, 0),
            'refused', count(*) FILTER (WHERE refusals > 0)) FROM outbox WHERE published_at IS NULL),
        'tickets', (SELECT coalesce(jsonb_object_agg(purpose, number), '{}') FROM (
            SELECT purpose, count(*) AS number FROM tickets WHERE expires_at > moment GROUP BY purpose) AS t),
        'users', (SELECT nullif(reltuples::int8, -1) FROM pg_class WHERE oid = 'users'::regclass),
        'sessions', (SELECT nullif(reltuples::int8, -1) FROM pg_class WHERE oid = 'sessions'::regclass),
        'connections', (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()),
        'connections_limit', current_setting('max_connections')::int8,
        'database_bytes', pg_database_size(current_database()));
END
$$;
