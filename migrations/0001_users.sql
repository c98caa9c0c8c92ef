-- Users. `email` is what the person typed; `email_key`, made by the service, is what makes it unique.
CREATE TABLE users (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text        NOT NULL,
    email_key     text        NOT NULL,
    name          text        NOT NULL,
    surname       text        NOT NULL,
    phone         text,
    role          text        NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
    password_hash text        NOT NULL CHECK (password_hash LIKE 'v1:$2%'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    version       bigint      NOT NULL DEFAULT 1
);

CREATE UNIQUE INDEX users_email_key ON users (email_key);
-- Lists are in the order of ids; with the id in the index a filtered page is one range scan.
CREATE INDEX users_name ON users (lower(name), id);
CREATE INDEX users_surname ON users (lower(surname), id);

-- A user as the API shows it. The hash has no way out through here. Times are text, in UTC, to the microsecond.
CREATE FUNCTION user_json(u users) RETURNS jsonb
    LANGUAGE sql STABLE
AS $$
    SELECT jsonb_build_object(
        'id', u.id,
        'name', u.name,
        'surname', u.surname,
        'email', u.email,
        'phone', u.phone,
        'role', u.role,
        'created_at', to_char(u.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'updated_at', to_char(u.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'version', u.version
    )
$$;
