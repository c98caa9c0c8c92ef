-- Changes of an address: by a ticket that goes to the new one, told to the old one, which can be taken back.
ALTER TABLE tickets DROP CONSTRAINT tickets_purpose_check;
ALTER TABLE tickets ADD CONSTRAINT tickets_purpose_check
    CHECK (purpose IN ('verification', 'recovery', 'email_change', 'email_return'));

ALTER TABLE tickets
    -- The address that the account gets: {"address", "key", "keys": all that it may be stored under}.
    ADD COLUMN new_email  jsonb,
    -- The session in which that was asked for. It goes on where others end.
    ADD COLUMN session_id uuid,
    -- Whoever takes an address back has a link alone.
    ALTER COLUMN code_digest DROP NOT NULL;

-- Each address that an account had can be taken back: a second change does not invalidate what the first has given.
ALTER TABLE tickets DROP CONSTRAINT tickets_user_id_purpose_key;
CREATE UNIQUE INDEX tickets_purpose ON tickets (user_id, purpose) WHERE purpose <> 'email_return';
CREATE INDEX tickets_email_return ON tickets (email_key) WHERE purpose = 'email_return';

-- An address is known to be the user's if the statement that sets it says so.
CREATE OR REPLACE FUNCTION forget_verification() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.email_key <> OLD.email_key AND NEW.email_verified_at IS NOT DISTINCT FROM OLD.email_verified_at THEN
        NEW.email_verified_at := NULL;
    END IF;
    RETURN NEW;
END
$$;

-- Whether another user than `except` has an address with one of these keys, or may take one back.
CREATE FUNCTION is_email_taken(keys jsonb, except_user bigint) RETURNS boolean
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN EXISTS (
            SELECT FROM users u
            WHERE u.email_key IN (SELECT jsonb_array_elements_text(keys)) AND u.id IS DISTINCT FROM except_user)
        OR EXISTS (
            SELECT FROM tickets t
            WHERE t.purpose = 'email_return' AND t.email_key IN (SELECT jsonb_array_elements_text(keys))
                AND t.user_id IS DISTINCT FROM except_user AND t.expires_at > now());
END
$$;

-- As before; but the ticket that takes an address back stays good whatever changes meanwhile, for whoever has changed the address
-- may change the rest too. Only a suspension is an administrator's word.
-- Finds a ticket, by the digest of its secret or by an address and the digest of its code. Answers whose it is; NULL if there
-- is none that is good. A wrong code is counted, and too many end the ticket. The user is locked first: of several at once
-- each sees what those before it have done, and none that was issued for an address or credentials of before is good.
--   purpose         what the ticket is for
--   digest          the digest of the secret, or null
--   email_keys      the keys of the address, or null
--   code_digest     the digest of the code, or null
--   code_limits     the rate limits of wrong codes at the account; once one has come to its ceiling, no code is good
--   forget_seconds  after how long without a failure a count begins anew
CREATE OR REPLACE FUNCTION find_ticket(request jsonb) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user users;
    limits jsonb := coalesce(nullif(request -> 'code_limits', 'null'), '[]');
    forget_seconds integer := coalesce((request ->> 'forget_seconds')::int, 3600);
    is_good boolean;
BEGIN
    IF request ->> 'digest' IS NOT NULL THEN
        SELECT u.* INTO of_user FROM users u
            WHERE u.id = (SELECT t.user_id FROM tickets t WHERE t.digest = request ->> 'digest') FOR NO KEY UPDATE;
    ELSE
        SELECT u.* INTO of_user FROM users u
            WHERE u.email_key IN (SELECT jsonb_array_elements_text(request -> 'email_keys'))
            ORDER BY u.id LIMIT 1 FOR NO KEY UPDATE;
    END IF;
    IF of_user.id IS NULL THEN
        RETURN NULL;
    END IF;
    is_good := EXISTS (
        SELECT FROM tickets t
        WHERE t.user_id = of_user.id AND t.purpose = request ->> 'purpose'
            AND (t.digest = request ->> 'digest' OR t.code_digest = request ->> 'code_digest')
            AND CASE WHEN t.purpose = 'email_return' THEN of_user.suspended_at IS NULL
                ELSE t.email_key = of_user.email_key AND t.credentials_epoch = of_user.credentials_epoch END
            AND t.expires_at > now());
    IF request ->> 'code_digest' IS NOT NULL THEN
        is_good := is_good AND NOT (SELECT s.is_locked FROM rate_limit_state(limits, forget_seconds) AS s);
        IF NOT is_good THEN
            PERFORM count_failures(limits, forget_seconds);
            UPDATE tickets t SET tries_left = t.tries_left - 1
                WHERE t.user_id = of_user.id AND t.purpose = request ->> 'purpose';
            DELETE FROM tickets t
                WHERE t.user_id = of_user.id AND t.purpose = request ->> 'purpose' AND t.tries_left <= 0;
        END IF;
    END IF;
    RETURN CASE WHEN is_good THEN of_user.id END;
END
$$;

-- Spends a ticket and gives the account its new address, which is confirmed by that. The epoch is raised: all sessions end but the
-- one in which the change was asked for, and so does what else was under way for the address of before. If that one was
-- confirmed, whoever reads its mail can take it back.
--   request         what `find_ticket` takes, and of the ticket that takes the address back
--   return_digest   the digest of its secret
--   return_seconds  for how long it is good
-- Answers {"user_id", "email": the address of before, "may_return": whether it can be taken back}; NULL if the ticket is not good,
-- or if somebody else has the address by now.
CREATE FUNCTION change_email(request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint := find_ticket(request);
    ticket  tickets;
    earlier users;
BEGIN
    DELETE FROM tickets t WHERE t.user_id = of_user AND t.purpose = request ->> 'purpose' RETURNING t.* INTO ticket;
    IF ticket.digest IS NULL OR is_email_taken(ticket.new_email -> 'keys', of_user) THEN
        RETURN NULL;
    END IF;
    SELECT u.* INTO earlier FROM users u WHERE u.id = of_user;
    BEGIN
        UPDATE users u SET email = ticket.new_email ->> 'address', email_key = ticket.new_email ->> 'key',
            email_verified_at = now(), credentials_epoch = u.credentials_epoch + 1, version = u.version + 1, updated_at = now()
            WHERE u.id = of_user;
    EXCEPTION WHEN unique_violation THEN
        RETURN NULL;
    END;
    DELETE FROM sessions s WHERE s.user_id = of_user AND s.id IS DISTINCT FROM ticket.session_id;
    UPDATE sessions s SET credentials_epoch = earlier.credentials_epoch + 1
        WHERE s.id = ticket.session_id AND s.user_id = of_user AND s.credentials_epoch = earlier.credentials_epoch;
    IF earlier.email_verified_at IS NOT NULL THEN
        INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, expires_at, new_email)
        VALUES (request ->> 'return_digest', 'email_return', of_user, earlier.email_key, earlier.credentials_epoch,
            now() + make_interval(secs => (request ->> 'return_seconds')::int),
            jsonb_build_object('address', earlier.email, 'key', earlier.email_key, 'keys', jsonb_build_array(earlier.email_key)));
    END IF;
    RETURN jsonb_build_object('user_id', of_user, 'email', earlier.email, 'may_return', earlier.email_verified_at IS NOT NULL);
END
$$;

-- Spends a ticket that takes an address back. Whoever has changed the address knew the password, so that is replaced by one that
-- nobody knows, all sessions end, and a recovery begins.
--   request           what `find_ticket` takes
--   password_hash     the hash of the password that nobody knows
--   recovery_digest, recovery_code_digest, recovery_seconds  of the ticket that recovers the account
-- Answers {"user_id", "email"}; NULL if the ticket is not good.
CREATE FUNCTION return_email(request jsonb) RETURNS jsonb
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
    -- What came to addresses of after that one takes nothing back any more; what came to those of before it still does.
    DELETE FROM tickets t WHERE t.user_id = of_user AND (t.purpose <> 'email_return' OR t.expires_at >= ticket.expires_at);
    INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
    VALUES (request ->> 'recovery_digest', 'recovery', of_user, ticket.new_email ->> 'key', epoch,
        request ->> 'recovery_code_digest', now() + make_interval(secs => (request ->> 'recovery_seconds')::int));
    RETURN jsonb_build_object('user_id', of_user, 'email', ticket.new_email ->> 'address');
END
$$;
