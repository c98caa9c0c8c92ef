-- The audit log in partitions by month, in UTC. Nothing is copied: the table of before is attached as it is, with its indexes, and its
-- bound spares it from being read. Statements of an earlier version of the services go on as before.
DO $$
DECLARE
    bound timestamptz := (SELECT substring(pg_get_constraintdef(oid) FROM '''([^'']+)''')::timestamptz
        FROM pg_constraint WHERE conrelid = 'audit_log'::regclass AND conname = 'audit_log_bound');
    first bigint := nextval(pg_get_serial_sequence('audit_log', 'id'));
    may   record;
BEGIN
    ALTER TABLE audit_log ALTER COLUMN id DROP IDENTITY;
    ALTER TABLE audit_log RENAME TO audit_log_before;
    ALTER INDEX audit_log_pkey RENAME TO audit_log_before_pkey;
    ALTER INDEX audit_log_user RENAME TO audit_log_before_user;
    ALTER INDEX audit_log_administrator RENAME TO audit_log_before_administrator;
    ALTER INDEX audit_log_rare RENAME TO audit_log_before_rare;

    CREATE TABLE audit_log (
        id         bigint      GENERATED ALWAYS AS IDENTITY,
        created_at timestamptz NOT NULL DEFAULT now(),
        action     text        NOT NULL,
        result     text        NOT NULL,
        user_id    bigint,
        actor_kind text        NOT NULL,
        actor_id   bigint,
        network    text,
        user_agent text,
        request_id text        NOT NULL,
        PRIMARY KEY (created_at, id),
        CONSTRAINT audit_log_actor_kind_check CHECK (actor_kind IN ('self', 'administrator', 'service', 'nobody'))
    ) PARTITION BY RANGE (created_at);
    EXECUTE format('ALTER TABLE audit_log ALTER COLUMN id RESTART WITH %s', first);
    CREATE INDEX audit_log_user ON audit_log (user_id, created_at, id) WHERE user_id IS NOT NULL;
    CREATE INDEX audit_log_administrator ON audit_log (actor_id, created_at, id) WHERE actor_kind = 'administrator';
    CREATE INDEX audit_log_rare ON audit_log (action, created_at, id) WHERE action NOT IN ('login', 'logout', 'sign-up');
    EXECUTE format('ALTER TABLE audit_log ATTACH PARTITION audit_log_before FOR VALUES FROM (MINVALUE) TO (%L)', bound);
    ALTER TABLE audit_log_before DROP CONSTRAINT audit_log_bound;
    -- For rows of a month that has no table of its own, where nobody has swept for months.
    CREATE TABLE audit_log_other PARTITION OF audit_log DEFAULT;

    -- Whoever had to do with the table of before has to do with all of it.
    FOR may IN SELECT a.grantee::regrole::text AS who, a.privilege_type AS what
        FROM pg_class, aclexplode(relacl) a WHERE oid = 'audit_log_before'::regclass AND a.grantee <> 0
    LOOP
        EXECUTE format('GRANT %s ON audit_log TO %s', may.what, may.who);
    END LOOP;
END
$$;

-- The tables of the audit log that end at some time, and when.
CREATE VIEW audit_log_months AS
    SELECT c.relname::text AS name,
        substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''([^'']+)''\)')::timestamptz AS ends_at
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'audit_log'::regclass AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT';

-- Keeps the audit log: makes the tables of this month and the next three, drops those of months that ended so many days ago, and deletes
-- so many old rows of where there is no month: from before there were months, and of months that had no table in time. Answers how
-- many rows it deleted. What cannot be done within 200 milliseconds, since others use the table, is left to the next time.
--   days    after how long rows expire, 1 or more
--   most    how many rows to delete
--   moment  now
-- It does what the tables' owner may: services may not make or drop tables. Whoever may delete rows may call it.
CREATE FUNCTION keep_audit_log(days int, most bigint, moment timestamptz DEFAULT now()) RETURNS bigint
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    SET lock_timeout = '200ms'
AS $$
DECLARE
    expiry  timestamptz := moment - make_interval(days => days);
    month   timestamp   := date_trunc('month', moment AT TIME ZONE 'UTC');
    bounds  record;
    part    text;
    deleted bigint := 0;
    step    bigint;
BEGIN
    IF days IS NULL OR days < 1 OR NOT has_table_privilege(session_user, 'public.audit_log', 'DELETE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'nobody may drop the audit log of today, and some may drop nothing of it';
    END IF;
    -- One at a time; who comes second has nothing to do.
    IF pg_try_advisory_xact_lock(hashtext('keep_audit_log')) THEN
        BEGIN
            FOR bounds IN SELECT m AT TIME ZONE 'UTC' AS since, (m + interval '1 month') AT TIME ZONE 'UTC' AS until, m
                FROM generate_series(month, month + interval '3 months', interval '1 month') m
            LOOP
                part := 'audit_log_' || to_char(bounds.m, 'YYYY_MM');
                IF to_regclass('public.' || part) IS NOT NULL
                    OR bounds.since < (SELECT max(ends_at) FROM public.audit_log_months WHERE name = 'audit_log_before')
                    OR EXISTS (SELECT FROM public.audit_log_other WHERE created_at >= bounds.since AND created_at < bounds.until)
                THEN
                    CONTINUE;
                END IF;
                EXECUTE format('CREATE TABLE public.%I (LIKE public.audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
                EXECUTE format('ALTER TABLE public.audit_log ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
                    part, bounds.since, bounds.until);
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
        BEGIN
            FOR part IN SELECT name FROM public.audit_log_months WHERE ends_at <= expiry LOOP
                EXECUTE format('DROP TABLE public.%I', part);
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END IF;
    FOREACH part IN ARRAY ARRAY['audit_log_before', 'audit_log_other'] LOOP
        CONTINUE WHEN to_regclass('public.' || part) IS NULL;
        EXECUTE format('WITH gone AS (
                DELETE FROM public.%1$I WHERE (created_at, id) IN (
                    SELECT created_at, id FROM public.%1$I WHERE created_at < $1
                    ORDER BY created_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)
                RETURNING id)
            SELECT count(*) FROM gone', part) INTO step USING expiry, most - deleted;
        deleted := deleted + step;
    END LOOP;
    RETURN deleted;
END
$$;

-- From the first day on.
SELECT keep_audit_log(36500, 0);
