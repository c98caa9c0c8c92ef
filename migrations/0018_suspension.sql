-- A suspended user has no sessions and cannot begin one.
ALTER TABLE users ADD COLUMN suspended_at timestamptz;

-- As before, but an administrator who is suspended cannot stand in for another one.
CREATE OR REPLACE FUNCTION another_admin_stays(but_for bigint) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    -- The ASCII letters "admins".
    PERFORM pg_advisory_xact_lock(107083960249971);
    RETURN EXISTS (SELECT FROM users WHERE role = 'admin' AND suspended_at IS NULL AND id <> but_for);
END
$$;
