-- The language in which a user reads messages: a tag of BCP 47, chosen by the user or, at the sign-up, by the browser.
ALTER TABLE users ADD COLUMN locale text CHECK (length(locale) <= 35);

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
        'locale', u.locale,
        'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', u.version
    )
$$;

-- An event says in which language its messages are: that of the user whom it is about, as it is in the same statement. A user
-- without one, or who is gone, has none.
CREATE FUNCTION add_locale_to_event() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    spoken text := (SELECT locale FROM users WHERE id = (NEW.event #> '{data,user_id}')::int8);
BEGIN
    IF spoken IS NOT NULL THEN
        NEW.event := jsonb_set(NEW.event, '{data,locale}', to_jsonb(spoken));
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER outbox_locale BEFORE INSERT ON outbox
    FOR EACH ROW EXECUTE FUNCTION add_locale_to_event();
