-- People who have to be asked for their consent sign in first, if their sign-in was a while ago. `issue_oauth_code` gets two more:
--   asks           whether the user has to be asked, even if they have consented before
--   ask_max_age    how many seconds ago a user may have authenticated who has to be asked, or null

CREATE OR REPLACE FUNCTION issue_oauth_code(request jsonb) RETURNS text
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint;
    epoch   integer;
    client  uuid := (request ->> 'client_id')::uuid;
    asked   text[] := ARRAY(SELECT jsonb_array_elements_text(request -> 'scopes'));
    allowed text[];
    s       sessions;
BEGIN
    SELECT user_id INTO of_user FROM sessions WHERE id = (request ->> 'session_id')::uuid AND client_id IS NULL;
    SELECT credentials_epoch INTO epoch FROM users WHERE id = of_user AND suspended_at IS NULL FOR NO KEY UPDATE;
    IF epoch IS NULL THEN
        RETURN 'session-ended';
    END IF;
    PERFORM FROM oauth_clients WHERE id = client FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN 'unknown-client';
    END IF;
    SELECT * INTO s FROM sessions WHERE id = (request ->> 'session_id')::uuid AND user_id = of_user
        AND credentials_epoch = epoch AND idle_until > now() AND ends_at > now();
    IF s.id IS NULL THEN
        RETURN 'session-ended';
    END IF;
    IF s.authenticated_at < now() - make_interval(secs => (request ->> 'max_age')::int) THEN
        RETURN 'login-required';
    END IF;
    SELECT c.scopes INTO allowed FROM oauth_consents c WHERE c.user_id = of_user AND c.client_id = client;
    IF (request ->> 'consented')::boolean THEN
        IF allowed IS NULL OR NOT asked <@ allowed THEN
            INSERT INTO oauth_consents AS c (user_id, client_id, scopes) VALUES (of_user, client, asked)
                ON CONFLICT (user_id, client_id) DO UPDATE
                SET scopes = ARRAY(SELECT DISTINCT unnest(c.scopes || asked) ORDER BY 1), updated_at = now();
            PERFORM write_audit(request -> 'trace', 'application-connected', 'success', of_user);
        END IF;
    ELSIF allowed IS NULL OR NOT asked <@ allowed OR (request ->> 'asks')::boolean THEN
        IF s.authenticated_at < now() - make_interval(secs => (request ->> 'ask_max_age')::int) THEN
            RETURN 'login-required';
        END IF;
        RETURN 'consent-required';
    END IF;
    -- However often somebody begins, a few codes are kept.
    DELETE FROM oauth_codes WHERE user_id = of_user AND digest NOT IN (
        SELECT digest FROM oauth_codes WHERE user_id = of_user ORDER BY created_at DESC LIMIT 9);
    INSERT INTO oauth_codes (digest, client_id, user_id, credentials_epoch, session_id, redirect_uri, code_challenge, nonce,
            scopes, authenticated_at, amr, expires_at)
        VALUES (request ->> 'code', client, of_user, epoch, CASE WHEN NOT (request ->> 'ends_session')::boolean THEN s.id END,
            request ->> 'redirect_uri', request ->> 'code_challenge', request ->> 'nonce', asked, s.authenticated_at, s.amr,
            now() + make_interval(secs => (request ->> 'seconds')::int))
        ON CONFLICT DO NOTHING;
    IF (request ->> 'ends_session')::boolean THEN
        DELETE FROM sessions WHERE id = s.id;
    END IF;
    RETURN 'issued';
END
$$;
