-- Phone numbers: known to be the user's since a code came back that went there. No other SMS goes to a number before.
ALTER TABLE users ADD COLUMN phone_verified_at timestamptz;

-- Codes that wait to be shown, each for its user, number and credentials epoch. It is kept as a digest alone.
CREATE TABLE phone_codes (
    -- A newer code takes the place of the older one.
    user_id           bigint      PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    phone             text        NOT NULL,
    credentials_epoch integer     NOT NULL,
    code_digest       text        NOT NULL,
    -- How often a wrong one may still be shown; then the code is gone.
    tries_left        integer     NOT NULL DEFAULT 5,
    expires_at        timestamptz NOT NULL
);

CREATE INDEX phone_codes_expires_at ON phone_codes (expires_at);

-- How many SMS a number got, and how many codes an account had sent, on a day in UTC. An account that is removed leaves the count
-- of its number, which is a digest: otherwise whoever signs up anew could have it called as often as they like.
CREATE TABLE sms_counts (
    key  text    NOT NULL,
    day  date    NOT NULL,
    sent integer NOT NULL,
    PRIMARY KEY (key, day)
);

-- Counts an SMS under a key, unless it has had as many today. NULL is no limit. Of several at once each sees those before it.
CREATE FUNCTION count_sms(of_key text, most integer) RETURNS boolean
    LANGUAGE plpgsql
AS $$
BEGIN
    IF most IS NULL THEN
        RETURN true;
    ELSIF most <= 0 THEN
        RETURN false;
    END IF;
    INSERT INTO sms_counts AS c (key, day, sent) VALUES (of_key, (now() AT TIME ZONE 'UTC')::date, 1)
        ON CONFLICT (key, day) DO UPDATE SET sent = c.sent + 1 WHERE c.sent < most;
    RETURN FOUND;
END
$$;

-- What an account had sent goes with it.
CREATE FUNCTION forget_sms_count() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM sms_counts WHERE key = 'account ' || OLD.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER forget_sms_count AFTER DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION forget_sms_count();

-- The number, if one more SMS may go there today, whoever's it is; else NULL.
CREATE FUNCTION admit_sms(phone text, most integer) RETURNS text
    LANGUAGE plpgsql
AS $$
BEGIN
    RETURN CASE WHEN phone IS NOT NULL THEN
        CASE WHEN count_sms('number ' || encode(sha256(convert_to(phone, 'UTF8')), 'hex'), most) THEN phone END END;
END
$$;

-- Issues a code, in the place of an earlier one. The user is locked first.
--   request  {"code_digest", "seconds": for how long it is good, "per_number", "per_account": how many SMS a day, or null}
-- Answers {"outcome", "email", "phone"}:
--   sent       with address and number
--   silent     the number gets no more SMS today
--   too-many   the account has had as many codes today
--   no-phone, verified, gone
CREATE FUNCTION issue_phone_code(of_user bigint, request jsonb) RETURNS jsonb
    LANGUAGE plpgsql
AS $$
DECLARE
    u users;
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
    ELSIF admit_sms(u.phone, (request ->> 'per_number')::int) IS NULL THEN
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

-- Spends a code and notes that the number is the user's. Answers whether it was good; a wrong one is counted. The user is locked
-- first: of several at once each sees what those before it have done, and none that went to an earlier number is good.
CREATE FUNCTION confirm_phone(of_user bigint, shown_digest text) RETURNS boolean
    LANGUAGE plpgsql
AS $$
DECLARE
    u users;
BEGIN
    SELECT * INTO u FROM users WHERE id = of_user AND suspended_at IS NULL FOR NO KEY UPDATE;
    DELETE FROM phone_codes c
        WHERE c.user_id = u.id AND c.code_digest = shown_digest AND c.phone = u.phone
            AND c.credentials_epoch = u.credentials_epoch AND c.expires_at > now();
    IF FOUND THEN
        UPDATE users SET phone_verified_at = now() WHERE id = u.id;
        RETURN true;
    END IF;
    UPDATE phone_codes c SET tries_left = c.tries_left - 1 WHERE c.user_id = u.id;
    DELETE FROM phone_codes c WHERE c.user_id = u.id AND c.tries_left <= 0;
    RETURN false;
END
$$;

-- Another number is not known to be the user's, and the code that went to the earlier one is not good any more.
CREATE FUNCTION forget_phone_verification() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.phone IS DISTINCT FROM OLD.phone THEN
        NEW.phone_verified_at := NULL;
        DELETE FROM phone_codes WHERE user_id = NEW.id;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER forget_phone_verification BEFORE UPDATE OF phone ON users
    FOR EACH ROW EXECUTE FUNCTION forget_phone_verification();

-- A confirmed number is another version of the user, as a confirmed address is.
CREATE FUNCTION show_phone_verification() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF (NEW.phone_verified_at IS NULL) <> (OLD.phone_verified_at IS NULL) AND NEW.version = OLD.version THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := now();
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER show_phone_verification BEFORE UPDATE OF phone_verified_at ON users
    FOR EACH ROW EXECUTE FUNCTION show_phone_verification();

CREATE OR REPLACE FUNCTION user_json(u users) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', u.id,
        'name', u.name,
        'surname', u.surname,
        'email', u.email,
        'email_verified', u.email_verified_at IS NOT NULL,
        'phone', u.phone,
        'phone_verified', u.phone_verified_at IS NOT NULL,
        'role', u.role,
        'roles', roles_json(u.role, u.roles),
        'locale', u.locale,
        'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', u.version
    )
$$;

-- As before, with confirmed numbers.
-- Creates users who come from elsewhere, of each address one, unless it is taken or can be taken back. Answers for each line the id
-- of its user and whether it is new; null if the address is nobody's yet.
--   lines  [{"line", "email", "email_key", "email_keys", "name", "surname", "phone", "role", "roles", "locale", "email_verified", "phone_verified",
--          "suspended", "password_reset_required", "public", "private", "created_at", "password_hash"}]
--   trace  as `write_audit` has it: a row for each new user, and one for the whole
CREATE OR REPLACE FUNCTION import_users(lines jsonb, trace jsonb) RETURNS jsonb
    LANGUAGE sql
AS $$
    WITH line AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(lines) AS l(line int, email text, email_key text, email_keys jsonb, name text, surname text,
            phone text, role text, roles jsonb, locale text, email_verified boolean, phone_verified boolean, suspended boolean,
            password_reset_required boolean, public jsonb, private jsonb, created_at timestamptz, password_hash text)
    ), first AS MATERIALIZED (
        SELECT DISTINCT ON (email_key) * FROM line ORDER BY email_key, line
    ), made AS (
        -- In the order of their keys: of two imports at once neither waits for the other in a circle.
        INSERT INTO users (email, email_key, name, surname, phone, role, roles, locale, password_hash, email_verified_at, phone_verified_at,
            suspended_at, password_reset_required, created_at)
        SELECT email, email_key, name, surname, phone, role,
            ARRAY(SELECT jsonb_array_elements_text(coalesce(roles, '[]'))), locale, password_hash, CASE WHEN email_verified THEN now() END,
            CASE WHEN phone_verified AND phone IS NOT NULL THEN now() END, CASE WHEN suspended THEN now() END, password_reset_required, least(created_at, now())
        FROM first WHERE NOT is_email_taken(email_keys, NULL) ORDER BY email_key
        ON CONFLICT (email_key) DO NOTHING
        RETURNING id, email_key
    ), described AS (
        INSERT INTO user_metadata (user_id, public, private)
        SELECT m.id, f.public, f.private FROM made m JOIN first f USING (email_key)
        WHERE f.public <> '{}' OR f.private <> '{}'
    ), audited AS (
        INSERT INTO audit_log (action, result, user_id, actor_kind, actor_id, network, user_agent, request_id)
        SELECT w.action, 'success', w.id, t.actor_kind, t.actor_id, t.network, t.user_agent, t.request_id
        FROM (SELECT 'user-imported' AS action, id FROM made UNION ALL SELECT 'users-imported', NULL) w,
            jsonb_to_record(trace) AS t(actor_kind text, actor_id bigint, network text, user_agent text, request_id text)
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'line', l.line, 'is_new', m.id IS NOT NULL AND f.line = l.line,
        'id', coalesce(m.id, (SELECT u.id FROM users u
            WHERE u.email_key IN (SELECT jsonb_array_elements_text(l.email_keys)) ORDER BY u.id LIMIT 1))) ORDER BY l.line), '[]')
    FROM line l JOIN first f USING (email_key) LEFT JOIN made m USING (email_key)
$$;
