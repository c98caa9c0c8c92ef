-- Mails that somebody else asks for do not make one's own invalid: as many are kept as an address can get in the ten minutes in which
-- they are good. That is five at once and ten more, with pauses of 1, 2, 4, ... seconds.

-- Keeps a ticket, and of the user's earlier ones the nineteen newest: anybody can ask for a mail to somebody, and takes nothing away
-- from whoever has asked before. The caller has locked the user.
CREATE OR REPLACE FUNCTION keep_sign_in_ticket(of_user bigint, key text, epoch integer, request jsonb) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM sign_in_tickets WHERE user_id = of_user AND digest NOT IN (
        SELECT digest FROM sign_in_tickets WHERE user_id = of_user ORDER BY created_at DESC LIMIT 19);
    INSERT INTO sign_in_tickets (digest, request_digest, code_digest, user_id, email_key, credentials_epoch, account_key, expires_at)
        VALUES (request ->> 'digest', request ->> 'request_digest', request ->> 'code_digest', of_user, key, epoch,
                request ->> 'account_key', now() + make_interval(secs => (request ->> 'seconds')::int))
        ON CONFLICT DO NOTHING;
    RETURN FOUND;
END
$$;
