-- A user's JSON says whether the address is known to be the user's. The rest is as it was.
CREATE OR REPLACE FUNCTION user_json(u users) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', u.id,
        'name', u.name,
        'surname', u.surname,
        'email', u.email,
        'email_verified', u.email_verified_at IS NOT NULL,
        'phone', u.phone,
        'role', u.role,
        'roles', roles_json(u.role, u.roles),
        'locale', u.locale,
        'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', u.version
    )
$$;

-- So a confirmed address is another version, whichever statement confirms it.
CREATE FUNCTION show_verification() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF (NEW.email_verified_at IS NULL) <> (OLD.email_verified_at IS NULL) AND NEW.version = OLD.version THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER show_verification BEFORE UPDATE OF email_verified_at ON users
    FOR EACH ROW EXECUTE FUNCTION show_verification();

-- Whose address is yet to be confirmed, lists can ask for.
CREATE INDEX users_unverified ON users (id) WHERE email_verified_at IS NULL;
