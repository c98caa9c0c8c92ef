-- The OAuth 2.1 and OpenID Connect provider: clients, what users have consented to, codes, and the sessions that clients have.

CREATE TABLE oauth_clients (
    id                        uuid        PRIMARY KEY,
    name                      text        NOT NULL CHECK (length(name) <= 100),
    -- SHA-256 of the secret, which has 256 random bits. A public client has none.
    secret_digest             text        CHECK (length(secret_digest) = 64),
    redirect_uris             text[]      NOT NULL CHECK (cardinality(redirect_uris) <= 20),
    post_logout_redirect_uris text[]      NOT NULL CHECK (cardinality(post_logout_redirect_uris) <= 20),
    scopes                    text[]      NOT NULL CHECK (cardinality(scopes) <= 32),
    grants                    text[]      NOT NULL CHECK (cardinality(grants) <= 3),
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now()
);

-- A session of a client: its access tokens are for userinfo, and its refresh tokens are the client's alone. Other sessions have neither
-- of these.
ALTER TABLE sessions
    ADD COLUMN client_id   uuid REFERENCES oauth_clients ON DELETE CASCADE,
    ADD COLUMN scopes      text[],
    -- The code that it began with: if that is shown again, the session ends (RFC 9700, 2.1.1).
    ADD COLUMN code_digest text;

CREATE INDEX sessions_client ON sessions (client_id, user_id) WHERE client_id IS NOT NULL;
CREATE INDEX sessions_code ON sessions (code_digest) WHERE code_digest IS NOT NULL;

-- What a user has allowed a client.
CREATE TABLE oauth_consents (
    user_id    bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    client_id  uuid        NOT NULL REFERENCES oauth_clients ON DELETE CASCADE,
    scopes     text[]      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, client_id)
);

CREATE INDEX oauth_consents_client ON oauth_consents (client_id);

-- Authorization codes, as digests, each with all that it is bound to.
CREATE TABLE oauth_codes (
    digest            text        PRIMARY KEY,
    client_id         uuid        NOT NULL REFERENCES oauth_clients ON DELETE CASCADE,
    user_id           bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    credentials_epoch integer     NOT NULL,
    redirect_uri      text        NOT NULL,
    code_challenge    text        NOT NULL,
    nonce             text,
    scopes            text[]      NOT NULL,
    authenticated_at  timestamptz NOT NULL,
    amr               text[]      NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL
);

CREATE INDEX oauth_codes_user_id ON oauth_codes (user_id);
CREATE INDEX oauth_codes_client_id ON oauth_codes (client_id);
CREATE INDEX oauth_codes_expires_at ON oauth_codes (expires_at);

-- A client, as administrators and services see it.
CREATE FUNCTION oauth_client_json(c oauth_clients) RETURNS jsonb
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN jsonb_build_object(
        'id', c.id,
        'name', c.name,
        'confidential', c.secret_digest IS NOT NULL,
        'redirect_uris', to_jsonb(c.redirect_uris),
        'post_logout_redirect_uris', to_jsonb(c.post_logout_redirect_uris),
        'scopes', to_jsonb(c.scopes),
        'grants', to_jsonb(c.grants),
        'created_at', to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(c.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'));
END
$$;

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
CREATE FUNCTION issue_oauth_code(request jsonb) RETURNS text
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
    INSERT INTO oauth_codes (digest, client_id, user_id, credentials_epoch, redirect_uri, code_challenge, nonce, scopes,
            authenticated_at, amr, expires_at)
        VALUES (request ->> 'code', client, of_user, epoch, request ->> 'redirect_uri', request ->> 'code_challenge',
            request ->> 'nonce', asked, s.authenticated_at, s.amr, now() + make_interval(secs => (request ->> 'seconds')::int))
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
--   invalid  the code is none, or not this client's, or something else that it is bound to is not right or has changed
CREATE FUNCTION spend_oauth_code(request jsonb) RETURNS jsonb
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

-- Rotates the refresh token of a session of this client, as `rotate_refresh_token` does.
CREATE FUNCTION rotate_oauth_token(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    s      sessions;
    answer jsonb;
BEGIN
    SELECT * INTO s FROM sessions WHERE id = (request ->> 'session_id')::uuid AND client_id = (request ->> 'client_id')::uuid
        FOR NO KEY UPDATE;
    IF s.id IS NULL THEN
        RETURN '{"outcome": "unknown"}';
    END IF;
    answer := rotate_refresh_token(s.id, (request ->> 'generation')::bigint, request ->> 'refresh_digest',
        request ->> 'next_digest', (request ->> 'idle_seconds')::int, (request ->> 'leeway_seconds')::int);
    IF answer ->> 'outcome' = 'reused' THEN
        PERFORM write_audit(request -> 'trace', 'refresh', 'reused', s.user_id);
    END IF;
    RETURN jsonb_build_object('outcome', answer ->> 'outcome', 'user_id', s.user_id, 'session',
        CASE WHEN answer ->> 'outcome' IN ('renewed', 'repeated') THEN jsonb_build_object(
            'session_id', s.id, 'user_id', s.user_id, 'scopes', to_jsonb(s.scopes),
            'authentication', authentication_json(s.authenticated_at, s.amr)) END);
END
$$;
