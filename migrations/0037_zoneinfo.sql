-- The time zone in which a user reads times: a name of the IANA database. The service knows the names.
ALTER TABLE users ADD COLUMN zoneinfo text CHECK (length(zoneinfo) <= 40);

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
        'zoneinfo', u.zoneinfo,
        'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', u.version
    )
$$;

-- As before, and in which time zone: an event says how its user reads messages.
CREATE OR REPLACE FUNCTION add_locale_to_event() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    reads jsonb := (SELECT jsonb_strip_nulls(jsonb_build_object('locale', locale, 'zoneinfo', zoneinfo)) FROM users
        WHERE id = (NEW.event #> '{data,user_id}')::int8);
BEGIN
    IF reads <> '{}' THEN
        NEW.event := jsonb_set(NEW.event, '{data}', (NEW.event -> 'data') || reads);
    END IF;
    RETURN NEW;
END
$$;

-- As before, with time zones.
-- Creates users who come from elsewhere, of each address one, unless it is taken or can be taken back. Answers for each line the id
-- of its user and whether it is new; null if the address is nobody's yet.
--   lines  [{"line", "email", "email_key", "email_keys", "name", "surname", "phone", "role", "roles", "locale", "zoneinfo", "email_verified", "phone_verified",
--          "suspended", "password_reset_required", "public", "private", "created_at", "password_hash"}]
--   trace  as `write_audit` has it: a row for each new user, and one for the whole
CREATE OR REPLACE FUNCTION import_users(lines jsonb, trace jsonb) RETURNS jsonb
    LANGUAGE sql
AS $$
    WITH line AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(lines) AS l(line int, email text, email_key text, email_keys jsonb, name text, surname text,
            phone text, role text, roles jsonb, locale text, zoneinfo text, email_verified boolean, phone_verified boolean, suspended boolean,
            password_reset_required boolean, public jsonb, private jsonb, created_at timestamptz, password_hash text)
    ), first AS MATERIALIZED (
        SELECT DISTINCT ON (email_key) * FROM line ORDER BY email_key, line
    ), made AS (
        -- In the order of their keys: of two imports at once neither waits for the other in a circle.
        INSERT INTO users (email, email_key, name, surname, phone, role, roles, locale, zoneinfo, password_hash, email_verified_at, phone_verified_at,
            suspended_at, password_reset_required, created_at)
        SELECT email, email_key, name, surname, phone, role,
            ARRAY(SELECT jsonb_array_elements_text(coalesce(roles, '[]'))), locale, zoneinfo, password_hash, CASE WHEN email_verified THEN now() END,
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
