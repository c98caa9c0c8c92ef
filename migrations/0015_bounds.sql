-- Bounds that held for one after the other, and hold for many at once.

-- How many exports are made at once, of all users together: each looks through all that the broker keeps.
CREATE TABLE export_permits (
    number     integer     PRIMARY KEY,
    holder     uuid,
    held_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

INSERT INTO export_permits (number) SELECT generate_series(1, 4);

-- Begins an export: notes that it was asked for and acquires a permit.
--   asked_user     whose it is
--   pause          how many seconds have to be between two exports of one user
--   seconds        after how many seconds the permit ends by itself
-- Answers {"exists": whether there is such a user, "retry_after": seconds or null, "permit": {"number", "holder"} or null}.
CREATE FUNCTION begin_export(asked_user bigint, pause integer, seconds integer) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    permit jsonb;
    wait integer;
BEGIN
    PERFORM FROM users WHERE id = asked_user FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('exists', false, 'retry_after', NULL, 'permit', NULL);
    END IF;
    -- Of several at once one goes on, and the others see what it has noted.
    INSERT INTO exports AS e (user_id) VALUES (asked_user)
        ON CONFLICT (user_id) DO UPDATE SET begun_at = now()
            WHERE e.begun_at <= now() - make_interval(secs => pause);
    IF NOT FOUND THEN
        SELECT greatest(1, ceil(extract(epoch FROM begun_at - now()) + pause)) INTO wait
            FROM exports WHERE user_id = asked_user;
        RETURN jsonb_build_object('exists', true, 'retry_after', wait, 'permit', NULL);
    END IF;
    UPDATE export_permits p
        SET holder = gen_random_uuid(), held_until = clock_timestamp() + make_interval(secs => seconds)
        FROM (SELECT number FROM export_permits WHERE held_until <= clock_timestamp()
              ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED) AS free
        WHERE p.number = free.number
        RETURNING jsonb_build_object('number', p.number, 'holder', p.holder) INTO permit;
    IF permit IS NULL THEN
        -- What was not begun is not counted.
        UPDATE exports SET begun_at = now() - make_interval(secs => pause) WHERE user_id = asked_user;
    END IF;
    RETURN jsonb_build_object('exists', true, 'retry_after', NULL, 'permit', permit);
END
$$;

-- Removes the sessions of a user that have ended, and of the others all but those that were used last, as many as `kept`.
-- It is run by whoever has locked the user, and unlike the statement that calls it sees what others have begun until then.
CREATE FUNCTION remove_surplus_sessions(of_user bigint, kept integer) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM sessions s USING users u
        WHERE u.id = of_user AND s.user_id = of_user
            AND (s.idle_until <= now() OR s.ends_at <= now() OR s.credentials_epoch <> u.credentials_epoch);
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE user_id = of_user ORDER BY used_at DESC, id OFFSET kept);
    RETURN true;
END
$$;

-- Erasures whose first pass is open: when there are many, the broker is away or hangs, and further ones are left to sweeps.
CREATE INDEX erasures_first_pass ON erasures (user_id) WHERE passes = 0;
