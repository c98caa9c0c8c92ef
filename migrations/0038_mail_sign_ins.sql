-- Sign-in by mail: a link, and a code that is good only together with the secret of whoever has asked for the mail.

CREATE TABLE sign_in_tickets (
    -- The digest of the secret in the link.
    digest            text        PRIMARY KEY,
    -- The digest of the secret that the request for the mail was answered with, and of that and the code.
    request_digest    text        NOT NULL UNIQUE,
    code_digest       text        NOT NULL,
    user_id           bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    email_key         text        NOT NULL,
    credentials_epoch integer     NOT NULL,
    -- What wrong codes at the account are counted under, of all its tickets.
    account_key       text        NOT NULL,
    -- How often a wrong code may still be tried; then the ticket is gone, and its link with it.
    tries_left        integer     NOT NULL DEFAULT 5,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at        timestamptz NOT NULL
);

CREATE INDEX sign_in_tickets_user_id ON sign_in_tickets (user_id);
CREATE INDEX sign_in_tickets_expires_at ON sign_in_tickets (expires_at);

-- Keeps a ticket, and of the user's earlier ones the four newest: anybody can ask for a mail to somebody, and takes nothing away from
-- whoever has asked before. The caller has locked the user.
CREATE FUNCTION keep_sign_in_ticket(of_user bigint, key text, epoch integer, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM sign_in_tickets WHERE user_id = of_user AND digest NOT IN (
        SELECT digest FROM sign_in_tickets WHERE user_id = of_user ORDER BY created_at DESC LIMIT 4);
    INSERT INTO sign_in_tickets (digest, request_digest, code_digest, user_id, email_key, credentials_epoch, account_key, expires_at)
        VALUES (request ->> 'digest', request ->> 'request_digest', request ->> 'code_digest', of_user, key, epoch,
                request ->> 'account_key', now() + make_interval(secs => (request ->> 'seconds')::int))
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;

-- Finds a ticket, by the digest of its link or by those of request and code. Answers whose it is; NULL if there is none that is good.
-- A wrong code is counted, and too many end the ticket. The user is locked first, as in `find_ticket`. Of somebody who was suspended
-- since, the ticket is found all the same: whoever has it may be told.
--   digest                       the digest of the link's secret, or null
--   request_digest, code_digest  in its place, those of request and code
--   code_limit                   the rate limit of wrong codes at the account, without its key
--   forget_seconds               after how long without a failure a count begins anew
CREATE FUNCTION find_sign_in_ticket(request jsonb) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user users;
    ticket  sign_in_tickets;
    limits  jsonb;
    is_good boolean;
BEGIN
    SELECT u.* INTO of_user FROM users u WHERE u.id = (
        SELECT t.user_id FROM sign_in_tickets t
        WHERE t.digest = request ->> 'digest' OR t.request_digest = request ->> 'request_digest') FOR NO KEY UPDATE;
    SELECT t.* INTO ticket FROM sign_in_tickets t
        WHERE t.user_id = of_user.id
            AND (t.digest = request ->> 'digest' OR t.request_digest = request ->> 'request_digest');
    IF ticket.digest IS NULL THEN
        RETURN NULL;
    END IF;
    is_good := ticket.expires_at > now() AND ticket.email_key = of_user.email_key
        AND (ticket.credentials_epoch = of_user.credentials_epoch OR of_user.suspended_at IS NOT NULL);
    IF request ->> 'digest' IS NULL THEN
        limits := jsonb_build_array(request -> 'code_limit' || jsonb_build_object('key', ticket.account_key));
        is_good := is_good AND ticket.code_digest = request ->> 'code_digest'
            AND NOT (SELECT s.is_locked FROM rate_limit_state(limits, (request ->> 'forget_seconds')::int) AS s);
        IF NOT is_good THEN
            PERFORM count_failures(limits, (request ->> 'forget_seconds')::int);
            UPDATE sign_in_tickets t SET tries_left = t.tries_left - 1 WHERE t.digest = ticket.digest;
            DELETE FROM sign_in_tickets t WHERE t.digest = ticket.digest AND t.tries_left <= 0;
        END IF;
    END IF;
    RETURN CASE WHEN is_good THEN of_user.id END;
END
$$;

-- Spends a ticket, and with it all of the user; answers whether it was good. The address is confirmed, for its mail was read, and
-- wrong codes are forgotten. The caller has locked the user, so of several at once one spends it.
CREATE FUNCTION spend_sign_in_ticket(of_user bigint, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
DECLARE
    spent_key text;
BEGIN
    DELETE FROM sign_in_tickets t USING users u
        WHERE u.id = of_user AND t.user_id = of_user AND t.expires_at > now()
            AND (t.digest = request ->> 'digest'
                 OR t.request_digest = request ->> 'request_digest' AND t.code_digest = request ->> 'code_digest')
            AND t.email_key = u.email_key AND t.credentials_epoch = u.credentials_epoch
        RETURNING t.account_key INTO spent_key;
    IF spent_key IS NULL THEN
        RETURN false;
    END IF;
    DELETE FROM sign_in_tickets WHERE user_id = of_user;
    UPDATE users SET email_verified_at = now() WHERE id = of_user AND email_verified_at IS NULL;
    UPDATE attempts SET failures = 0, failures_in_a_row = 0 WHERE key = spent_key;
    RETURN true;
END
$$;

-- Gives an account whose address nobody has confirmed to whoever reads its mail, before they sign in: whoever has signed up with the
-- address may be somebody else. Their password, which `password_hash` replaces by one that nobody knows, their factors and their
-- sessions are good for nothing any more; the ticket stays. Answers the credentials epoch from then on; NULL if the ticket is not good.
CREATE FUNCTION claim_unconfirmed_account(request jsonb) RETURNS integer
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint := find_sign_in_ticket(request);
    epoch   integer;
BEGIN
    UPDATE users SET password_hash = request ->> 'password_hash', email_verified_at = now(), version = version + 1,
        updated_at = now()
        WHERE id = of_user AND email_verified_at IS NULL AND suspended_at IS NULL
        RETURNING credentials_epoch INTO epoch;
    IF epoch IS NULL THEN
        RETURN (SELECT credentials_epoch FROM users WHERE id = of_user);
    END IF;
    DELETE FROM totp_factors WHERE user_id = of_user;
    DELETE FROM recovery_codes WHERE user_id = of_user;
    DELETE FROM passkeys WHERE user_id = of_user;
    DELETE FROM sign_in_challenges WHERE user_id = of_user;
    UPDATE sign_in_tickets SET credentials_epoch = epoch
        WHERE user_id = of_user AND (digest = request ->> 'digest' OR request_digest = request ->> 'request_digest');
    DELETE FROM sessions WHERE user_id = of_user;
    RETURN epoch;
END
$$;

-- What a sign-in that waits for a second factor has begun with (RFC 8176).
ALTER TABLE sign_in_challenges ADD COLUMN first_method text NOT NULL DEFAULT 'pwd';

-- As before, with the first method, a password unless the request has another `first_method`.
-- Keeps a challenge, and of the user's earlier ones the four newest.
CREATE OR REPLACE FUNCTION keep_sign_in_challenge(of_user bigint, epoch integer, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM sign_in_challenges WHERE user_id = of_user AND digest NOT IN (
        SELECT digest FROM sign_in_challenges WHERE user_id = of_user ORDER BY created_at DESC LIMIT 4);
    INSERT INTO sign_in_challenges (digest, user_id, credentials_epoch, client, keys, task, first_method, expires_at)
        VALUES (request ->> 'digest', of_user, epoch, request ->> 'client', request -> 'keys', request ->> 'task',
                coalesce(request ->> 'first_method', 'pwd'), now() + make_interval(secs => (request ->> 'seconds')::int))
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
