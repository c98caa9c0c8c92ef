-- Who has to choose a new password before the next sign-in, at the word of an administrator.
ALTER TABLE users ADD COLUMN password_reset_required boolean NOT NULL DEFAULT false;

-- A new password is what was asked for; a hash that is renewed at a sign-in is one of the same password.
CREATE FUNCTION forget_password_reset() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.password_hash <> OLD.password_hash AND NEW.version <> OLD.version THEN
        NEW.password_reset_required := false;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER forget_password_reset BEFORE UPDATE OF password_hash ON users
    FOR EACH ROW EXECUTE FUNCTION forget_password_reset();
