-- Invitations: an administrator lets somebody sign up who shows a link or a code that went to an address. The secrets are kept as
-- digests alone.
CREATE TABLE invitations (
    -- The id that the user will have who accepts: what the broker keeps about an invitation goes with that user.
    user_id     bigint      PRIMARY KEY,
    email       text        NOT NULL,
    -- An address has one invitation: a newer one takes the place of the older one.
    email_key   text        NOT NULL UNIQUE,
    -- All keys that the address may be stored under.
    email_keys  jsonb       NOT NULL,
    role        text        NOT NULL,
    locale      text        CHECK (length(locale) <= 35),
    -- Who has sent it last. An invitation is good as long as this is an administrator.
    inviter_id  bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    digest      text        NOT NULL UNIQUE,
    code_digest text        NOT NULL,
    -- How often a wrong code may still be tried. Then only the link is good: it cannot be guessed, and strangers cannot spoil it.
    tries_left  integer     NOT NULL DEFAULT 5,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL
);

CREATE INDEX invitations_expires_at ON invitations (expires_at);
CREATE INDEX invitations_inviter_id ON invitations (inviter_id);

CREATE FUNCTION invitation_json(i invitations) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', i.user_id,
        'email', i.email,
        'role', i.role,
        'locale', i.locale,
        'invited_by', i.inviter_id,
        'created_at', to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'expires_at', to_char(i.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    )
$$;

-- Finds an invitation, by the digest of its secret or by an address and the digest of its code. Answers its id; NULL if there is none
-- that is good: also if somebody has the address meanwhile. The inviter is locked first, so that no acceptance outlives a
-- suspension; then the invitation, so that each of several at once sees what those before it have done.
--   digest       the digest of the secret, or null
--   email_keys   the keys of the address, or null
--   code_digest  the digest of the code, or null
CREATE FUNCTION find_invitation(request jsonb) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    asked   bigint;
    inviter bigint;
    invited invitations;
    is_good boolean;
BEGIN
    SELECT i.user_id, i.inviter_id INTO asked, inviter FROM invitations i
        WHERE i.digest = request ->> 'digest'
            OR i.email_key IN (SELECT jsonb_array_elements_text(coalesce(nullif(request -> 'email_keys', 'null'), '[]')))
        ORDER BY i.user_id LIMIT 1;
    PERFORM FROM users u WHERE u.id = inviter AND u.role = 'admin' AND u.suspended_at IS NULL FOR SHARE;
    is_good := FOUND;
    SELECT i.* INTO invited FROM invitations i WHERE i.user_id = asked FOR UPDATE;
    IF invited.user_id IS NULL OR invited.inviter_id <> inviter THEN
        RETURN NULL;
    END IF;
    IF request ->> 'digest' IS NOT NULL THEN
        is_good := is_good AND invited.digest = request ->> 'digest';
    ELSIF invited.code_digest IS DISTINCT FROM request ->> 'code_digest' OR invited.tries_left <= 0 THEN
        UPDATE invitations i SET tries_left = greatest(i.tries_left - 1, 0) WHERE i.user_id = asked;
        RETURN NULL;
    END IF;
    is_good := is_good AND invited.expires_at > now() AND NOT is_email_taken(invited.email_keys, NULL);
    RETURN CASE WHEN is_good THEN asked END;
END
$$;

-- Spends the invitation that `find_invitation` finds, and makes its user, whose address is confirmed: its mail was read. Answers the
-- user; NULL if the invitation is not good. The request has these too:
--   name, surname, password_hash
--   locale  the language of messages, if the inviter has chosen none; or null
CREATE FUNCTION accept_invitation(request jsonb) RETURNS jsonb
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
    INSERT INTO users (id, email, email_key, name, surname, password_hash, role, locale, email_verified_at)
        OVERRIDING SYSTEM VALUE
        VALUES (invited.user_id, invited.email, invited.email_key, request ->> 'name', request ->> 'surname',
            request ->> 'password_hash', invited.role, coalesce(invited.locale, request ->> 'locale'), now())
        ON CONFLICT DO NOTHING RETURNING * INTO made;
    RETURN CASE WHEN made.id IS NOT NULL THEN user_json(made) END;
END
$$;
