-- Codes to one number use up half of its SMS of a day at most: strangers who have codes sent there leave some for notices to whoever has
-- confirmed it.

-- Issues a code, in the place of an earlier one. The user is locked first.
--   request  {"code_digest", "seconds": for how long it is good, "per_number", "per_account": how many SMS a day, or null}
-- Answers {"outcome", "email", "phone"}:
--   sent       with address and number
--   silent     the number gets no more SMS today, or no more codes
--   too-many   the account has had as many codes today
--   no-phone, verified, gone
CREATE OR REPLACE FUNCTION issue_phone_code(of_user bigint, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    u users;
    per_number integer := (request ->> 'per_number')::int;
BEGIN
    SELECT * INTO u FROM users WHERE id = of_user AND suspended_at IS NULL FOR NO KEY UPDATE;
    IF u.id IS NULL THEN
        RETURN '{"outcome": "gone"}';
    ELSIF u.phone IS NULL THEN
        RETURN '{"outcome": "no-phone"}';
    ELSIF u.phone_verified_at IS NOT NULL THEN
        RETURN '{"outcome": "verified"}';
    ELSIF NOT count_sms('account ' || u.id, (request ->> 'per_account')::int) THEN
        RETURN '{"outcome": "too-many"}';
    ELSIF NOT count_sms('codes ' || encode(sha256(convert_to(u.phone, 'UTF8')), 'hex'), (per_number + 1) / 2)
        OR admit_sms(u.phone, per_number) IS NULL THEN
        RETURN '{"outcome": "silent"}';
    END IF;
    INSERT INTO phone_codes AS c (user_id, phone, credentials_epoch, code_digest, expires_at)
        VALUES (u.id, u.phone, u.credentials_epoch, request ->> 'code_digest',
            now() + make_interval(secs => (request ->> 'seconds')::int))
        ON CONFLICT (user_id) DO UPDATE SET phone = excluded.phone, credentials_epoch = excluded.credentials_epoch,
            code_digest = excluded.code_digest, tries_left = DEFAULT, expires_at = excluded.expires_at;
    RETURN jsonb_build_object('outcome', 'sent', 'email', u.email, 'phone', u.phone);
END
$$;
