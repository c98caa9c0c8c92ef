-- A code is good as long as the session that has issued it: whoever signs out, or signs somebody else out, need not fear that an
-- application gets a session of its own afterwards. The session of a sign-in on the provider's page ends with the code's issue, and
-- such a code belongs to none.

ALTER TABLE oauth_codes ADD COLUMN session_id uuid;

-- Keeps a code for a client, by a session of the user's own, and what the user has consented to. Answers
--   issued            the code is kept
--   session-ended     the session is not alive
--   login-required    its user authenticated too long ago
--   consent-required  the user has not consented to all of it
--   unknown-client    there is no such client any more
-- The user is locked first, then the client, as in all statements.
--   code, client_id, session_id, redirect_uri, code_challenge, nonce, scopes   what the code is bound to
--   max_age        how many seconds ago the user may have authenticated, or null
--   consented      whether the user consents to this now
--   ends_session   whether the session was begun for this alone
--   seconds        how long the code is valid
--   trace          as `write_audit` has it
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
    ELSIF allowed IS NULL OR NOT asked <@ allowed THEN
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

-- Spends a code, and begins the session of its client. Whoever shows the code as its client spends it, whether the rest is right or
-- not. The lock of the user lets one through at a time, so of many at once one begins a session; and one that comes after it ends it.
--   begun    the session has begun
--   reused   the code was used before, and the session that it began has ended now
--   invalid  the code is none, or not this client's, or something else that it is bound to is not right, has changed or has ended
CREATE OR REPLACE FUNCTION spend_oauth_code(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint;
    epoch   integer;
    client  uuid := (request ->> 'client_id')::uuid;
    code    oauth_codes;
BEGIN
    SELECT user_id INTO of_user FROM oauth_codes WHERE digest = request ->> 'code' AND client_id = client;
    SELECT credentials_epoch INTO epoch FROM users WHERE id = of_user AND suspended_at IS NULL FOR NO KEY UPDATE;
    PERFORM FROM oauth_clients WHERE id = client FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN '{"outcome": "invalid"}';
    END IF;
    DELETE FROM oauth_codes WHERE digest = request ->> 'code' AND client_id = client RETURNING * INTO code;
    IF code.digest IS NULL THEN
        DELETE FROM sessions WHERE code_digest = request ->> 'code' AND client_id = client RETURNING user_id INTO of_user;
        IF NOT FOUND THEN
            RETURN '{"outcome": "invalid"}';
        END IF;
        PERFORM write_audit(request -> 'trace', 'authorization-code', 'reused', of_user);
        RETURN jsonb_build_object('outcome', 'reused', 'user_id', of_user);
    END IF;
    IF epoch IS NULL OR epoch <> code.credentials_epoch OR code.expires_at <= now()
        OR code.session_id IS NOT NULL AND NOT EXISTS (SELECT FROM sessions WHERE id = code.session_id)
        OR code.redirect_uri <> request ->> 'redirect_uri' OR code.code_challenge <> request ->> 'code_challenge' THEN
        RETURN '{"outcome": "invalid"}';
    END IF;
    PERFORM remove_surplus_sessions(of_user, 49);
    INSERT INTO sessions (id, user_id, credentials_epoch, refresh_digest, idle_until, ends_at, user_agent, network,
            authenticated_at, amr, client_id, scopes, code_digest)
        VALUES ((request ->> 'session_id')::uuid, of_user, epoch, request ->> 'refresh_digest',
            now() + make_interval(secs => CASE WHEN 'offline_access' = ANY (code.scopes)
                THEN (request ->> 'idle_seconds')::int ELSE (request ->> 'online_seconds')::int END),
            now() + make_interval(secs => (request ->> 'absolute_seconds')::int),
            request #>> '{trace,user_agent}', request #>> '{trace,network}',
            code.authenticated_at, code.amr, client, code.scopes, code.digest)
        ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN '{"outcome": "invalid"}';
    END IF;
    RETURN jsonb_build_object('outcome', 'begun', 'user_id', of_user, 'nonce', code.nonce, 'session', jsonb_build_object(
        'session_id', request ->> 'session_id', 'user_id', of_user, 'scopes', to_jsonb(code.scopes),
        'authentication', authentication_json(code.authenticated_at, code.amr)));
END
$$;
