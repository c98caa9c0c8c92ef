-- The roles beside `admin` that somebody is invited to have.
ALTER TABLE invitations ADD COLUMN roles text[] NOT NULL DEFAULT '{}';

-- As before, with roles.
CREATE OR REPLACE FUNCTION invitation_json(i invitations) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', i.user_id,
        'email', i.email,
        'role', i.role,
        'roles', roles_json(i.role, i.roles),
        'locale', i.locale,
        'invited_by', i.inviter_id,
        'created_at', to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'expires_at', to_char(i.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )
$$;

-- As before, with roles.
-- Spends the invitation that `find_invitation` finds, and makes its user, whose address is confirmed: its mail was read. Answers the
-- user; NULL if the invitation is not good. The request has these too:
--   name, surname, password_hash
--   locale  the language of messages, if the inviter has chosen none; or null
CREATE OR REPLACE FUNCTION accept_invitation(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    asked   bigint := find_invitation(request);
    invited invitations;
    made    users;
BEGIN
    DELETE FROM invitations i WHERE i.user_id = asked RETURNING i.* INTO invited;
    IF invited.user_id IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO users (id, email, email_key, name, surname, password_hash, role, roles, locale, email_verified_at)
        OVERRIDING SYSTEM VALUE
        VALUES (invited.user_id, invited.email, invited.email_key, request ->> 'name', request ->> 'surname',
            request ->> 'password_hash', invited.role, invited.roles, coalesce(invited.locale, request ->> 'locale'), now())
        ON CONFLICT DO NOTHING RETURNING * INTO made;
    RETURN CASE WHEN made.id IS NOT NULL THEN user_json(made) END;
END
$$;
