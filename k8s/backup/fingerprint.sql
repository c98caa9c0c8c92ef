-- A line for each table and sequence: its name, how many rows, and a sum over all that is in them, which does not depend on their
-- order. Two databases with the same lines have the same content.
\pset tuples_only on
\pset format unaligned
SELECT format(
    'SELECT %L, count(*), coalesce(sum((''x'' || substr(md5(t::text), 1, 15))::bit(60)::bigint), 0) FROM public.%I t',
    tablename, tablename)
FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename \gexec
SELECT format('SELECT %L, last_value, is_called::int FROM public.%I', sequencename, sequencename)
FROM pg_sequences WHERE schemaname = 'public' ORDER BY sequencename \gexec
