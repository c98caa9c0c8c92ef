-- Administrators are few, and are looked for by what keeps the last one.
CREATE INDEX users_admins ON users (id) WHERE role = 'admin';

-- Whether there is an administrator beside this one. Whoever asks goes on alone until the end of the statement, so of two
-- administrators that remove each other at once the second finds the first one gone.
CREATE FUNCTION another_admin_stays(but_for bigint) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    -- The ASCII letters "admins".
    PERFORM pg_advisory_xact_lock(107083960249971);
    RETURN EXISTS (SELECT FROM users WHERE role = 'admin' AND id <> but_for);
END
$$;

-- Makes an administrator, at the word of whoever runs the database; gives a line of the audit log. For an address that
-- nobody has, its result is `unknown`. The address is as it was typed at the sign-up, or in lower case.
CREATE FUNCTION make_administrator(address text) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    who     users;
    outcome text := 'unknown';
BEGIN
    SELECT * INTO who FROM users WHERE email = address OR email_key = lower(address) FOR NO KEY UPDATE;
    IF who.role = 'admin' THEN
        outcome := 'unchanged';
    ELSIF who.id IS NOT NULL THEN
        UPDATE users SET role = 'admin', version = version + 1, updated_at = now() WHERE id = who.id;
        -- As after any change of a role: an access token that says the old one is worth nothing.
        DELETE FROM sessions WHERE user_id = who.id;
        outcome := 'success';
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'time', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'level', 'info',
        'message', 'audit: role-changed: ' || outcome,
        'audit', 'role-changed',
        'result', outcome,
        'user_id', who.id::text,
        'by', 'operator',
        'role', 'admin'));
END
$$;
-- For the owner of the database alone.
REVOKE EXECUTE ON FUNCTION make_administrator(text) FROM PUBLIC;
