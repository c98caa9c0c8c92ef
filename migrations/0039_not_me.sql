-- "This was not me": the links in mails about sign-ins and changes of credentials. They are signed and not stored, since one goes out
-- with every sign-in; a link that was used is.

-- Links that were used, as digests, until they would have expired.
CREATE TABLE used_links (
    digest     text        PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX used_links_expires_at ON used_links (expires_at);

-- Since when the account has its address, if it had another one before: links that went to that one are not good any more.
ALTER TABLE users ADD COLUMN email_changed_at timestamptz;

CREATE FUNCTION note_email_change() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.email_key <> OLD.email_key THEN
        NEW.email_changed_at := now();
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER note_email_change BEFORE UPDATE OF email_key ON users
    FOR EACH ROW EXECUTE FUNCTION note_email_change();

-- Uses a link by which the owner of an account says that it was not they who signed in, or changed how one does. Nobody signs in before
-- a new password was set, for which a recovery begins. After a sign-in its session ends; after a change all sessions do, and what was
-- added shortly before or since goes.
--   digest                   of the link
--   user_id                  whose account it is
--   session                  the session that was begun; null after a change
--   issued_at, expires_at    of the link, in seconds since 1970
--   added_seconds            of what age, when the link was issued, a factor may be that goes
--   recovery_digest, recovery_code_digest, recovery_seconds  of the ticket that recovers the account
-- Answers {"user_id", "email"}; NULL if the link was used, or the account is suspended or has another address since.
CREATE FUNCTION report_not_me(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user   users;
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
    IF request ->> 'session' IS NULL THEN
        DELETE FROM totp_factors f WHERE f.user_id = of_user.id AND f.created_at >= since;
        DELETE FROM passkeys p WHERE p.user_id = of_user.id AND p.created_at >= since;
        -- Somebody else may have seen them.
        DELETE FROM recovery_codes c WHERE c.user_id = of_user.id;
        DELETE FROM sessions s WHERE s.user_id = of_user.id;
    ELSE
        DELETE FROM sessions s WHERE s.user_id = of_user.id AND s.id = (request ->> 'session')::uuid;
        UPDATE sessions s SET credentials_epoch = epoch WHERE s.user_id = of_user.id AND s.credentials_epoch = epoch - 1;
    END IF;
    RETURN jsonb_build_object('user_id', of_user.id, 'email', of_user.email);
END
$$;
