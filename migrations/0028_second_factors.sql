-- Second factors: an authenticator app (TOTP, RFC 6238) and recovery codes, and the challenges with which a sign-in goes on after the
-- right password.

-- The app of a user. The secret is sealed by a key that only users has; a challenge and a code are worth nothing without it.
CREATE TABLE totp_factors (
    user_id       bigint      PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- Each enrolment has another.
    factor_id     uuid        NOT NULL,
    sealed_secret text        NOT NULL CHECK (length(sealed_secret) <= 200),
    created_at    timestamptz NOT NULL DEFAULT now(),
    -- Before that, it is only being added.
    confirmed_at  timestamptz,
    -- The last step of time whose code was used: none of it or before it is good again.
    last_step     bigint      NOT NULL DEFAULT 0
);

-- Recovery codes that are not used yet, as digests.
CREATE TABLE recovery_codes (
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    digest  text   NOT NULL,
    PRIMARY KEY (user_id, digest)
);

-- Challenges, as digests. Each is good for one sign-in, by the client that has shown the password.
CREATE TABLE sign_in_challenges (
    digest            text        PRIMARY KEY,
    user_id           bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    credentials_epoch integer     NOT NULL,
    -- The digest of what the client calls itself.
    client            text        NOT NULL,
    -- The rate limits that applied to the password apply to the code.
    keys              jsonb       NOT NULL,
    task              text        NOT NULL CHECK (task IN ('code', 'enrolment')),
    -- How often a code may still be tried.
    tries_left        integer     NOT NULL DEFAULT 5,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL
);

CREATE INDEX sign_in_challenges_user_id ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_expires_at ON sign_in_challenges (expires_at);

-- Raises the credentials epoch of a user and ends all sessions but one, which goes on; and all challenges but one. Answers the new
-- epoch. The caller has locked the user.
CREATE FUNCTION end_other_sessions(of_user bigint, own_session uuid, own_challenge text) RETURNS integer
    LANGUAGE plpgsql
AS $$
DECLARE
    epoch integer;
BEGIN
    UPDATE users SET credentials_epoch = credentials_epoch + 1 WHERE id = of_user RETURNING credentials_epoch INTO epoch;
    DELETE FROM sign_in_challenges WHERE user_id = of_user AND digest IS DISTINCT FROM own_challenge;
    DELETE FROM sessions WHERE user_id = of_user AND id IS DISTINCT FROM own_session;
    UPDATE sessions SET credentials_epoch = epoch
        WHERE id = own_session AND user_id = of_user AND credentials_epoch = epoch - 1;
    RETURN epoch;
END
$$;

-- Confirms the authenticator app that is being added, and stores the recovery codes. Answers the new credentials epoch, or NULL if no
-- such app is being added.
--   factor_id      the app
--   valid_seconds  for how long it may be confirmed
--   last_step      the step of the code that confirms it
--   codes          the digests of the recovery codes
--   session        the session that goes on, or null
--   challenge      the challenge that goes on, or null
CREATE FUNCTION confirm_totp_factor(of_user bigint, request jsonb) RETURNS integer
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
    UPDATE totp_factors SET confirmed_at = now(), last_step = (request ->> 'last_step')::bigint
        WHERE user_id = of_user AND factor_id = (request ->> 'factor_id')::uuid AND confirmed_at IS NULL
            AND created_at > now() - make_interval(secs => (request ->> 'valid_seconds')::int);
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    DELETE FROM recovery_codes WHERE user_id = of_user;
    INSERT INTO recovery_codes (user_id, digest)
        SELECT of_user, digest FROM jsonb_array_elements_text(request -> 'codes') AS c(digest) ON CONFLICT DO NOTHING;
    RETURN end_other_sessions(of_user, (request ->> 'session')::uuid, request ->> 'challenge');
END
$$;

-- Stores new recovery codes in the place of the earlier ones; answers whether the user has a second factor.
CREATE FUNCTION replace_recovery_codes(of_user bigint, codes jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
    PERFORM FROM totp_factors WHERE user_id = of_user AND confirmed_at IS NOT NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM recovery_codes WHERE user_id = of_user;
    INSERT INTO recovery_codes (user_id, digest)
        SELECT of_user, digest FROM jsonb_array_elements_text(codes) AS c(digest) ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;

-- Removes the second factor of a user; answers whether there was one. An app that was only being added was none.
CREATE FUNCTION remove_second_factor(of_user bigint, own_session uuid) RETURNS boolean
    LANGUAGE plpgsql
AS $$
DECLARE
    was_confirmed boolean;
BEGIN
    PERFORM FROM users WHERE id = of_user FOR NO KEY UPDATE;
    DELETE FROM totp_factors WHERE user_id = of_user RETURNING confirmed_at IS NOT NULL INTO was_confirmed;
    DELETE FROM recovery_codes WHERE user_id = of_user;
    IF was_confirmed THEN
        PERFORM end_other_sessions(of_user, own_session, NULL);
    END IF;
    RETURN coalesce(was_confirmed, false);
END
$$;

-- Keeps a challenge, and of the user's earlier ones the four newest.
CREATE FUNCTION keep_sign_in_challenge(of_user bigint, epoch integer, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM sign_in_challenges WHERE user_id = of_user AND digest NOT IN (
        SELECT digest FROM sign_in_challenges WHERE user_id = of_user ORDER BY created_at DESC LIMIT 4);
    INSERT INTO sign_in_challenges (digest, user_id, credentials_epoch, client, keys, task, expires_at)
        VALUES (request ->> 'digest', of_user, epoch, request ->> 'client', request -> 'keys', request ->> 'task',
                now() + make_interval(secs => (request ->> 'seconds')::int))
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

-- Spends a code that is right, and the challenge that it answers; answers whether both were good. The caller has locked the user, so
-- of several at once with one code one spends it.
--   challenge      the digest of the challenge
--   factor_id      the app, with
--   step           the step of its code, and
--   sealed_secret  the secret sealed by another key, or null
--   recovery_code  in their place, the digest of a recovery code
CREATE FUNCTION spend_second_factor(of_user bigint, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    IF request ->> 'recovery_code' IS NOT NULL THEN
        DELETE FROM recovery_codes WHERE user_id = of_user AND digest = request ->> 'recovery_code';
    ELSE
        UPDATE totp_factors SET last_step = (request ->> 'step')::bigint,
            sealed_secret = coalesce(request ->> 'sealed_secret', sealed_secret)
            WHERE user_id = of_user AND factor_id = (request ->> 'factor_id')::uuid AND confirmed_at IS NOT NULL
                AND last_step < (request ->> 'step')::bigint;
    END IF;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM sign_in_challenges
        WHERE digest = request ->> 'challenge' AND user_id = of_user AND expires_at > now();
    RETURN FOUND;
END
$$;
