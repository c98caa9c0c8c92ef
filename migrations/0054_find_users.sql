-- Finds who has a part of a name or an address, by the index `users_search` and no other way, however the planner reckons: it knows
-- nothing of how common a part is. Answers their ids in no order; null if there are more than are worth to be sorted. So many are
-- the root of twelve times the users: then one user after the other, until a page is full, is as short a way.
--   pattern  of LIKE, in lower case
CREATE FUNCTION find_users(pattern text) RETURNS bigint[]
    LANGUAGE plpgsql
    STABLE
    SET enable_seqscan = off
    SET max_parallel_workers_per_gather = 0
    SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    most  bigint := (SELECT greatest(1000, sqrt(12 * greatest(reltuples, 0)))::bigint FROM pg_class WHERE oid = 'users'::regclass);
    found bigint[] := ARRAY(SELECT id FROM users
        WHERE lower(name || ' ' || surname || ' ' || email) LIKE pattern LIMIT most + 1);
BEGIN
    RETURN CASE WHEN cardinality(found) <= most THEN found END;
END
$$;
