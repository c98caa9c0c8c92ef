-- As before, but a sign-in that continues with a second factor is not a refused one.
-- Reads the statistics, at most a second old; as they were before, while another session takes new ones.
-- Answers {"taken_at", "minutes": [{"minute", "sign_ins", "failed_sign_ins", "sign_ups"}], "hash_permits": {"in_use", "waiting"},
-- "outbox": {"waiting", "oldest_seconds", "refused"}}.
CREATE OR REPLACE FUNCTION read_statistics() RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    last      statistics;
    moment    timestamptz := clock_timestamp();
    first     timestamptz := date_trunc('minute', moment) - interval '59 minutes';
    since     timestamptz;
    answer    jsonb;
BEGIN
    SELECT * INTO last FROM statistics;
    IF last.taken_at BETWEEN moment - interval '1 second' AND moment THEN
        RETURN last.document;
    END IF;
    SELECT * INTO last FROM statistics FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        SELECT * INTO last FROM statistics;
        -- The very first are waited for.
        IF last.document = '{}' THEN
            SELECT * INTO last FROM statistics FOR UPDATE;
        END IF;
        RETURN last.document;
    END IF;
    IF last.taken_at BETWEEN moment - interval '1 second' AND moment THEN
        RETURN last.document;
    END IF;
    -- Rows have the time at which their transaction began, and become visible later: minutes that were open when the statistics were
    -- last taken, or ended shortly before, are counted again.
    since := greatest(first, CASE WHEN isfinite(last.taken_at) AND last.taken_at <= moment
        THEN date_trunc('minute', last.taken_at - interval '10 seconds') ELSE first END);
    WITH counted AS (
        SELECT date_trunc('minute', created_at) AS minute,
               count(*) FILTER (WHERE action = 'login' AND result = 'success') AS sign_ins,
               count(*) FILTER (WHERE action = 'login' AND result NOT IN ('success', 'mfa-required', 'mfa-enrolment-required'))
                   AS failed_sign_ins,
               count(*) FILTER (WHERE action = 'sign-up' AND result = 'success') AS sign_ups
        FROM audit_log WHERE created_at >= since AND action IN ('login', 'sign-up') GROUP BY 1
    ), kept AS (
        SELECT (m ->> 'minute')::timestamptz AS minute, (m ->> 'sign_ins')::bigint AS sign_ins,
               (m ->> 'failed_sign_ins')::bigint AS failed_sign_ins, (m ->> 'sign_ups')::bigint AS sign_ups
        FROM jsonb_array_elements(coalesce(last.document -> 'minutes', '[]')) AS m
        WHERE (m ->> 'minute')::timestamptz < since
    ), minutes AS (
        SELECT minute, coalesce(sum(sign_ins), 0) AS sign_ins, coalesce(sum(failed_sign_ins), 0) AS failed_sign_ins,
               coalesce(sum(sign_ups), 0) AS sign_ups
        FROM generate_series(first, date_trunc('minute', moment), interval '1 minute') AS minute
        LEFT JOIN (SELECT * FROM kept UNION ALL SELECT * FROM counted) AS c USING (minute)
        GROUP BY minute
    )
    SELECT jsonb_build_object(
        'taken_at', statistics_time(moment),
        'minutes', (SELECT jsonb_agg(jsonb_build_object('minute', statistics_time(minute), 'sign_ins', sign_ins,
            'failed_sign_ins', failed_sign_ins, 'sign_ups', sign_ups) ORDER BY minute) FROM minutes),
        'hash_permits', jsonb_build_object(
            'in_use', (SELECT count(*) FROM hashing_places WHERE held_until > moment),
            'waiting', (SELECT count(*) FROM hash_permit_waiters WHERE waits_until > moment)),
        'outbox', (SELECT jsonb_build_object(
            'waiting', count(*),
            'oldest_seconds', floor(extract(epoch FROM moment - least(min(created_at), moment)))::int8
                * CASE WHEN count(*) > 0 THEN 1 END,
            'refused', count(*) FILTER (WHERE refusals > 0)) FROM outbox WHERE published_at IS NULL))
        INTO answer;
    UPDATE statistics SET taken_at = moment, document = answer;
    RETURN answer;
END
$$;
