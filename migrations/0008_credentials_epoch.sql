-- The credentials' epoch: a user's is raised with each new password and each new role, and a session has the one that
-- it was begun under. A session of an older epoch is none, so a sign-in that was under way during the change gains
-- nothing by coming after it.
ALTER TABLE users ADD COLUMN credentials_epoch integer NOT NULL DEFAULT 1;
ALTER TABLE sessions ADD COLUMN credentials_epoch integer NOT NULL DEFAULT 1;

CREATE FUNCTION raise_credentials_epoch() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    -- A hash that is renewed at a sign-in is one of the same password, and no new version of the user.
    IF NEW.role <> OLD.role OR (NEW.password_hash <> OLD.password_hash AND NEW.version <> OLD.version) THEN
        NEW.credentials_epoch := OLD.credentials_epoch + 1;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER raise_credentials_epoch BEFORE UPDATE OF role, password_hash ON users
    FOR EACH ROW EXECUTE FUNCTION raise_credentials_epoch();
