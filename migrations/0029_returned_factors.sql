-- An address that is taken back takes a second factor away that was added after the change. The rest of this function is as it was.
-- The request has `return_seconds` too: for how long a way back is good.
CREATE OR REPLACE FUNCTION return_email(request jsonb) RETURNS jsonb
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
    -- Whoever changed the address may have added a factor since, which would keep the owner out.
    DELETE FROM totp_factors f WHERE f.user_id = of_user
        AND f.created_at >= ticket.expires_at - make_interval(secs => (request ->> 'return_seconds')::int);
    DELETE FROM recovery_codes c
        WHERE c.user_id = of_user AND NOT EXISTS (SELECT FROM totp_factors f WHERE f.user_id = of_user);
    -- What came to addresses of after that one takes nothing back any more; what came to those of before it still does.
    DELETE FROM tickets t WHERE t.user_id = of_user AND (t.purpose <> 'email_return' OR t.expires_at >= ticket.expires_at);
    INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
    VALUES (request ->> 'recovery_digest', 'recovery', of_user, ticket.new_email ->> 'key', epoch,
        request ->> 'recovery_code_digest', now() + make_interval(secs => (request ->> 'recovery_seconds')::int));
    RETURN jsonb_build_object('user_id', of_user, 'email', ticket.new_email ->> 'address');
END
$$;
