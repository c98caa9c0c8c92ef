-- Recovery: a new password for whoever reads the mail of an account, by a ticket.
ALTER TABLE tickets DROP CONSTRAINT tickets_purpose_check;
ALTER TABLE tickets ADD CONSTRAINT tickets_purpose_check CHECK (purpose IN ('verification', 'recovery'));

-- Finds a ticket, by the digest of its secret or by an address and the digest of its code. Answers whose it is; NULL if there
-- is none that is good. A wrong code is counted, and too many end the ticket. The user is locked first: of several at once
-- each sees what those before it have done, and none that was issued for an address or credentials of before is good.
--   purpose         what the ticket is for
--   digest          the digest of the secret, or null
--   email_keys      the keys of the address, or null
--   code_digest     the digest of the code, or null
--   code_limits     the rate limits of wrong codes at the account; once one has come to its ceiling, no code is good
--   forget_seconds  after how long without a failure a count begins anew
CREATE FUNCTION find_ticket(request jsonb) RETURNS bigint
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
            AND t.email_key = of_user.email_key AND t.credentials_epoch = of_user.credentials_epoch AND t.expires_at > now());
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

-- Spends the ticket that `find_ticket` finds. Answers whose it was; NULL if there is none that is good.
CREATE OR REPLACE FUNCTION spend_ticket(request jsonb) RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint := find_ticket(request);
BEGIN
    DELETE FROM tickets t WHERE t.user_id = of_user AND t.purpose = request ->> 'purpose';
    RETURN of_user;
END
$$;
