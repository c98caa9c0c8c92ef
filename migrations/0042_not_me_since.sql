-- "This was not me", said of a sign-in, ends all that may have come of it: whoever has signed in once is a known device, of whose
-- further sign-ins no mail tells, and may have connected applications and added factors. The session of a sign-in on the page of the
-- OpenID Connect provider ends when its code is kept, so the link names one that is gone, and the application has what came of it.

-- Uses a link by which the owner of an account says that it was not they who signed in, or changed how one does. Nobody signs in before
-- a new password was set, for which a recovery begins. After a sign-in its session ends and all that were begun since, and the factors
-- that were added since go; after a change all sessions end, and what was added shortly before or since goes.
--   digest                   of the link
--   user_id                  whose account it is
--   session                  the session that was begun; null after a change
--   issued_at, expires_at    of the link, in seconds since 1970
--   added_seconds            of what age, when the link was issued, a factor may be that goes after a change
--   recovery_digest, recovery_code_digest, recovery_seconds  of the ticket that recovers the account
-- Answers {"user_id", "email"}; NULL if the link was used, or the account is suspended or has another address since.
CREATE OR REPLACE FUNCTION report_not_me(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user   users;
    disowned  uuid := (request ->> 'session')::uuid;
    issued_at timestamptz := to_timestamp((request ->> 'issued_at')::bigint);
    since     timestamptz := issued_at - make_interval(secs => (request ->> 'added_seconds')::int);
    epoch     integer;
BEGIN
    SELECT u.* INTO of_user FROM users u
        WHERE u.id = (request ->> 'user_id')::bigint AND u.suspended_at IS NULL
            AND (u.email_changed_at IS NULL OR u.email_changed_at < issued_at)
        FOR NO KEY UPDATE;
    IF of_user.id IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO used_links (digest, expires_at)
        VALUES (request ->> 'digest', to_timestamp((request ->> 'expires_at')::bigint))
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE users u SET password_reset_required = true, credentials_epoch = u.credentials_epoch + 1, version = u.version + 1,
        updated_at = now()
        WHERE u.id = of_user.id RETURNING u.credentials_epoch INTO epoch;
    INSERT INTO tickets AS t (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
        VALUES (request ->> 'recovery_digest', 'recovery', of_user.id, of_user.email_key, epoch, request ->> 'recovery_code_digest',
            now() + make_interval(secs => (request ->> 'recovery_seconds')::int))
        ON CONFLICT (user_id, purpose) WHERE purpose <> 'email_return' DO UPDATE SET digest = excluded.digest,
            email_key = excluded.email_key, credentials_epoch = excluded.credentials_epoch, code_digest = excluded.code_digest,
            tries_left = DEFAULT, expires_at = excluded.expires_at;
    DELETE FROM sign_in_challenges c WHERE c.user_id = of_user.id;
    IF disowned IS NOT NULL THEN
        -- The session knows better than the link, which has whole seconds.
        since := coalesce((SELECT s.created_at FROM sessions s WHERE s.id = disowned AND s.user_id = of_user.id), issued_at);
    END IF;
    DELETE FROM totp_factors f WHERE f.user_id = of_user.id AND f.created_at >= since;
    DELETE FROM passkeys p WHERE p.user_id = of_user.id AND p.created_at >= since;
    IF disowned IS NULL THEN
        -- Somebody else may have seen them.
        DELETE FROM recovery_codes c WHERE c.user_id = of_user.id;
        DELETE FROM sessions s WHERE s.user_id = of_user.id;
    ELSE
        DELETE FROM recovery_codes c WHERE c.user_id = of_user.id
            AND NOT EXISTS (SELECT FROM totp_factors f WHERE f.user_id = of_user.id AND f.confirmed_at IS NOT NULL)
            AND NOT EXISTS (SELECT FROM passkeys p WHERE p.user_id = of_user.id);
        DELETE FROM sessions s WHERE s.user_id = of_user.id AND (s.id = disowned OR s.created_at >= since);
        UPDATE sessions s SET credentials_epoch = epoch WHERE s.user_id = of_user.id AND s.credentials_epoch = epoch - 1;
    END IF;
    RETURN jsonb_build_object('user_id', of_user.id, 'email', of_user.email);
END
$$;
