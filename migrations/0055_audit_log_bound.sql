-- The audit log gets a table for each month, so that a month is dropped and not deleted row by row. The table of before becomes the
-- one for all that was until the end of this month, or of the next one where this one ends within a day. First it is told that it has
-- no later rows, for those to come; the next migration makes sure of those that are there, while others write.
DO $$
BEGIN
    EXECUTE format('ALTER TABLE audit_log ADD CONSTRAINT audit_log_bound CHECK (created_at < %L) NOT VALID',
        (date_trunc('month', (now() + interval '1 day') AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
END
$$;
