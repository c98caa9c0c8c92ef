-- A statement sees what was there when it began, also where it has waited for a lock. These look again once they have it, so that nothing
-- that was under way outlives what ends it.

-- Forgets what a user has allowed a client, with its codes, and ends its sessions. Answers whether there was anything allowed; NULL if
-- there is no such user.
CREATE FUNCTION disconnect_application(of_user bigint, of_client uuid) RETURNS boolean
    LANGUAGE plpgsql
AS $$
DECLARE
    was_allowed boolean;
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    DELETE FROM oauth_codes WHERE user_id = of_user AND client_id = of_client;
    DELETE FROM oauth_consents WHERE user_id = of_user AND client_id = of_client;
    was_allowed := FOUND;
    DELETE FROM sessions WHERE user_id = of_user AND client_id = of_client;
    RETURN was_allowed;
END
$$;

-- As before, but the session that adds a passkey is still one when the user is locked: whoever has said "this was not me", or recovered
-- the account, in between finds none afterwards that was under way.
-- Adds a passkey to an account by the answer to a challenge, which is spent. Answers {"outcome": "added", or why not}: the challenge
-- is invalid, the account has as many as it may have, or the credential belongs to an account already.
--   challenge, session                                            the challenge, and the session that it was issued to
--   id, credential_id, public_key, name, sign_count, backup       the passkey
--   most                                                          how many an account may have
CREATE OR REPLACE FUNCTION add_passkey(of_user bigint, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    epoch integer;
BEGIN
    SELECT credentials_epoch INTO epoch FROM users WHERE id = of_user FOR NO KEY UPDATE;
    PERFORM FROM sessions WHERE id = (request ->> 'session')::uuid AND user_id = of_user AND credentials_epoch = epoch;
    IF NOT FOUND THEN
        RETURN '{"outcome": "invalid-challenge"}';
    END IF;
    DELETE FROM passkey_challenges WHERE digest = request ->> 'challenge' AND user_id = of_user
        AND session_id = (request ->> 'session')::uuid AND expires_at > now();
    IF NOT FOUND THEN
        RETURN '{"outcome": "invalid-challenge"}';
    END IF;
    IF (SELECT count(*) FROM passkeys WHERE user_id = of_user) >= (request ->> 'most')::int THEN
        RETURN '{"outcome": "too-many"}';
    END IF;
    INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, backup)
        VALUES ((request ->> 'id')::uuid, of_user, request ->> 'credential_id', request ->> 'public_key', request ->> 'name',
                (request ->> 'sign_count')::bigint, request ->> 'backup')
        ON CONFLICT (credential_id) DO NOTHING;
    IF NOT FOUND THEN
        RETURN '{"outcome": "taken"}';
    END IF;
    -- Whoever has only the password adds no other factor with a challenge of before.
    DELETE FROM sign_in_challenges WHERE user_id = of_user AND task = 'enrolment';
    RETURN '{"outcome": "added"}';
END
$$;
