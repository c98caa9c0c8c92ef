-- Finds who comes next in the order of the ids and has a part of a name or an address. Whatever many have is soon found in the
-- nearest parts of the table; whatever is not found there few have, and the whole index is asked (`find_users`). Answers ids in no
-- order, among them the next ones if there are that many; null if there are more than are worth to be sorted.
--   pattern        of LIKE, in lower case
--   beyond         the id that all come after; the first or last possible one if none is
--   is_descending  whether those with lower ids come next
--   wanted         how many are asked for
CREATE FUNCTION find_next_users(pattern text, beyond bigint, is_descending boolean, wanted integer) RETURNS bigint[]
    LANGUAGE plpgsql
    STABLE
    SET enable_seqscan = off
    -- By no other index either.
    SET enable_indexscan = off
    SET enable_indexonlyscan = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    part  bigint := beyond >> 16;
    found bigint[] := '{}';
BEGIN
    FOR near IN 1..4 LOOP
        found := found || ARRAY(SELECT id FROM users
            WHERE id >> 16 = part AND lower(name || ' ' || surname || ' ' || email) LIKE pattern
                AND CASE WHEN is_descending THEN id < beyond ELSE id > beyond END);
        IF cardinality(found) >= wanted THEN
            RETURN found;
        END IF;
        part := part + CASE WHEN is_descending THEN -1 ELSE 1 END;
    END LOOP;
    RETURN find_users(pattern);
END
$$;
