-- Roles beside that of administrators: names that mean something to other services, in their order.
ALTER TABLE users ADD COLUMN roles text[] NOT NULL DEFAULT '{}' CHECK (cardinality(roles) <= 16 AND NOT 'admin' = ANY (roles));

CREATE INDEX users_roles ON users USING gin (roles) WHERE roles <> '{}';

-- All roles of a user, `admin` among them.
CREATE FUNCTION roles_json(role text, others text[]) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN CASE WHEN role = 'admin' THEN '["admin"]'::jsonb ELSE '[]' END || to_jsonb(others);
END
$$;

CREATE OR REPLACE FUNCTION user_json(u users) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', u.id,
        'name', u.name,
        'surname', u.surname,
        'email', u.email,
        'phone', u.phone,
        'role', u.role,
        'roles', roles_json(u.role, u.roles),
        'locale', u.locale,
        'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', u.version
    )
$$;

-- As before, and also with other roles.
CREATE OR REPLACE FUNCTION raise_credentials_epoch() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    -- A hash that is renewed at a sign-in is one of the same password, and no new version of the user.
    IF NEW.role <> OLD.role OR NEW.roles <> OLD.roles
        OR (NEW.password_hash <> OLD.password_hash AND NEW.version <> OLD.version) THEN
        NEW.credentials_epoch := OLD.credentials_epoch + 1;
    END IF;
    RETURN NEW;
END
$$;

DROP TRIGGER raise_credentials_epoch ON users;
CREATE TRIGGER raise_credentials_epoch BEFORE UPDATE OF role, roles, password_hash ON users
    FOR EACH ROW EXECUTE FUNCTION raise_credentials_epoch();

-- As before, with roles.
-- Creates users who come from elsewhere, of each address one, unless it is taken or can be taken back. Answers for each line the id
-- of its user and whether it is new; null if the address is nobody's yet.
--   lines  [{"line", "email", "email_key", "email_keys", "name", "surname", "phone", "role", "roles", "locale", "email_verified", "suspended",
--          "password_reset_required", "public", "private", "created_at", "password_hash"}]
--   trace  as `write_audit` has it: a row for each new user, and one for the whole
CREATE OR REPLACE FUNCTION import_users(lines jsonb, trace jsonb) RETURNS jsonb
    LANGUAGE sql
AS $$
    WITH line AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(lines) AS l(line int, email text, email_key text, email_keys jsonb, name text, surname text,
            phone text, role text, roles jsonb, locale text, email_verified boolean, suspended boolean, password_reset_required boolean,
            public jsonb, private jsonb, created_at timestamptz, password_hash text)
    ), first AS MATERIALIZED (
        SELECT DISTINCT ON (email_key) * FROM line ORDER BY email_key, line
    ), made AS (
        -- In the order of their keys: of two imports at once neither waits for the other in a circle.
        INSERT INTO users (email, email_key, name, surname, phone, role, roles, locale, password_hash, email_verified_at, suspended_at,
            password_reset_required, created_at)
        SELECT email, email_key, name, surname, phone, role,
            ARRAY(SELECT jsonb_array_elements_text(coalesce(roles, '[]'))), locale, password_hash, CASE WHEN email_verified THEN now() END,
            CASE WHEN suspended THEN now() END, password_reset_required, least(created_at, now())
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
