-- Whoever has signed up with somebody else's address may have confirmed a phone number of their own, and allowed applications what they
-- ask for. Once the owner of the address has come, neither speaks for the account any more: notices of sign-ins would go to the
-- stranger, and applications would be told that the number is the owner's.

-- Gives an account whose address nobody has confirmed to whoever reads its mail, before they sign in: whoever has signed up with the
-- address may be somebody else. Their password, which `password_hash` replaces by one that nobody knows, their factors, their sessions
-- and what they have allowed applications are good for nothing any more, and their phone number is not confirmed; the ticket stays.
-- Answers the credentials epoch from then on; NULL if the ticket is not good.
CREATE OR REPLACE FUNCTION claim_unconfirmed_account(request jsonb) RETURNS integer
    LANGUAGE plpgsql
AS $$
DECLARE
    of_user bigint := find_sign_in_ticket(request);
    epoch   integer;
BEGIN
    UPDATE users SET password_hash = request ->> 'password_hash', email_verified_at = now(), phone_verified_at = NULL,
        version = version + 1, updated_at = now()
        WHERE id = of_user AND email_verified_at IS NULL AND suspended_at IS NULL
        RETURNING credentials_epoch INTO epoch;
    IF epoch IS NULL THEN
        RETURN (SELECT credentials_epoch FROM users WHERE id = of_user);
    END IF;
    DELETE FROM totp_factors WHERE user_id = of_user;
    DELETE FROM recovery_codes WHERE user_id = of_user;
    DELETE FROM passkeys WHERE user_id = of_user;
    DELETE FROM oauth_consents WHERE user_id = of_user;
    DELETE FROM sign_in_challenges WHERE user_id = of_user;
    UPDATE sign_in_tickets SET credentials_epoch = epoch
        WHERE user_id = of_user AND (digest = request ->> 'digest' OR request_digest = request ->> 'request_digest');
    DELETE FROM sessions WHERE user_id = of_user;
    RETURN epoch;
END
$$;
