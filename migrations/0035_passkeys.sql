-- Passkeys: credentials of WebAuthn (level 3) that sign in without a password.

-- Whom authenticators know an account as. It is random, for an authenticator may show it to anybody.
CREATE TABLE passkey_handles (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    handle  uuid   NOT NULL UNIQUE DEFAULT gen_random_uuid()
);

CREATE TABLE passkeys (
    id            uuid        PRIMARY KEY,
    user_id       bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    -- As the authenticator calls it, in base64url. Another account cannot have the same.
    credential_id text        NOT NULL UNIQUE CHECK (length(credential_id) <= 1364),
    -- In the form of the verifier, in base64url.
    public_key    text        NOT NULL CHECK (length(public_key) <= 4096),
    name          text        NOT NULL CHECK (length(name) <= 100),
    -- How often the authenticator says that it was used; 0 if it does not count.
    sign_count    bigint      NOT NULL,
    -- Whether it is on more than one device: it cannot be, may be, or is.
    backup        text        NOT NULL CHECK (backup IN ('none', 'eligible', 'exists')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    last_used_at  timestamptz
);

CREATE INDEX passkeys_user_id ON passkeys (user_id);

-- Challenges that authenticators sign, as digests: of sign-ins by whoever it may be, and of registrations by one session.
CREATE TABLE passkey_challenges (
    digest     text        PRIMARY KEY,
    -- Of a registration.
    user_id    bigint      REFERENCES users ON DELETE CASCADE,
    session_id uuid,
    -- Of a sign-in: the digest of what the client calls itself.
    client     text,
    expires_at timestamptz NOT NULL,
    CHECK ((user_id IS NULL) = (client IS NOT NULL))
);

CREATE INDEX passkey_challenges_user_id ON passkey_challenges (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX passkey_challenges_expires_at ON passkey_challenges (expires_at);

-- Adds a passkey to an account by the answer to a challenge, which is spent. Answers {"outcome": "added", or why not}: the challenge
-- is invalid, the account has as many as it may have, or the credential belongs to an account already.
--   challenge, session                                            the challenge, and the session that it was issued to
--   id, credential_id, public_key, name, sign_count, backup       the passkey
--   most                                                          how many an account may have
CREATE FUNCTION add_passkey(of_user bigint, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
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

-- Removes a passkey of a user, or all of them, and ends all sessions but one. Recovery codes go with the last factor. Answers how
-- many were removed, or NULL for none.
CREATE FUNCTION remove_passkeys(of_user bigint, which uuid, own_session uuid) RETURNS integer
    LANGUAGE plpgsql
AS $$
DECLARE
    removed integer;
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
    DELETE FROM passkeys WHERE user_id = of_user AND (which IS NULL OR id = which);
    GET DIAGNOSTICS removed = ROW_COUNT;
    IF removed = 0 THEN
        RETURN NULL;
    END IF;
    DELETE FROM recovery_codes WHERE user_id = of_user
        AND NOT EXISTS (SELECT FROM totp_factors WHERE user_id = of_user AND confirmed_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = of_user);
    PERFORM end_other_sessions(of_user, own_session, NULL);
    RETURN removed;
END
$$;

-- Spends the challenge of a sign-in by a passkey; answers whether challenge and passkey were good. The caller has locked the user, so
-- of several at once with one challenge one spends it.
--   challenge, client                     the challenge, and the client that it was issued to
--   id, sign_count, backup                the passkey, and what has changed of it
CREATE FUNCTION spend_passkey(of_user bigint, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
DECLARE
    counted bigint := (request ->> 'sign_count')::bigint;
BEGIN
    DELETE FROM passkey_challenges WHERE digest = request ->> 'challenge' AND client = request ->> 'client'
        AND expires_at > now();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE passkeys SET sign_count = counted, backup = request ->> 'backup', last_used_at = now()
        WHERE id = (request ->> 'id')::uuid AND user_id = of_user AND (sign_count < counted OR sign_count = 0);
    RETURN FOUND;
END
$$;

-- As before, and a user with passkeys alone has recovery codes too: where a second factor is required, they are the way in beside
-- the password when the passkeys are lost.
CREATE OR REPLACE FUNCTION replace_recovery_codes(of_user bigint, codes jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
    IF NOT EXISTS (SELECT FROM totp_factors WHERE user_id = of_user AND confirmed_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM passkeys WHERE user_id = of_user) THEN
        RETURN false;
    END IF;
    DELETE FROM recovery_codes WHERE user_id = of_user;
    INSERT INTO recovery_codes (user_id, digest)
        SELECT of_user, digest FROM jsonb_array_elements_text(codes) AS c(digest) ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;

-- An address that is taken back takes away passkeys too that were added after the change. The rest of this function is as it was.
CREATE OR REPLACE FUNCTION return_email(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint := find_ticket(request);
    ticket  tickets;
    epoch   integer;
BEGIN
    SELECT t.* INTO ticket FROM tickets t WHERE t.user_id = of_user AND t.digest = request ->> 'digest';
    IF ticket.digest IS NULL OR is_email_taken(ticket.new_email -> 'keys', of_user) THEN
        RETURN NULL;
    END IF;
    BEGIN
        UPDATE users u SET email = ticket.new_email ->> 'address', email_key = ticket.new_email ->> 'key',
            email_verified_at = now(), password_hash = request ->> 'password_hash', version = u.version + 1, updated_at = now()
            WHERE u.id = of_user RETURNING u.credentials_epoch INTO epoch;
    EXCEPTION WHEN unique_violation THEN
        RETURN NULL;
    END;
    DELETE FROM sessions s WHERE s.user_id = of_user;
    -- Whoever changed the address may have added a factor since, which would keep the owner out, or let somebody else in.
    DELETE FROM totp_factors f WHERE f.user_id = of_user
        AND f.created_at >= ticket.expires_at - make_interval(secs => (request ->> 'return_seconds')::int);
    DELETE FROM passkeys p WHERE p.user_id = of_user
        AND p.created_at >= ticket.expires_at - make_interval(secs => (request ->> 'return_seconds')::int);
    DELETE FROM recovery_codes c WHERE c.user_id = of_user
        AND NOT EXISTS (SELECT FROM totp_factors f WHERE f.user_id = of_user)
        AND NOT EXISTS (SELECT FROM passkeys p WHERE p.user_id = of_user);
    -- What came to addresses of after that one takes nothing back any more; what came to those of before it still does.
    DELETE FROM tickets t WHERE t.user_id = of_user AND (t.purpose <> 'email_return' OR t.expires_at >= ticket.expires_at);
    INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
    VALUES (request ->> 'recovery_digest', 'recovery', of_user, ticket.new_email ->> 'key', epoch,
        request ->> 'recovery_code_digest', now() + make_interval(secs => (request ->> 'recovery_seconds')::int));
    RETURN jsonb_build_object('user_id', of_user, 'email', ticket.new_email ->> 'address');
END
$$;
