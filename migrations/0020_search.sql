-- Users are searched for by a part of their name or address. The extension comes with PostgreSQL, and an owner of the
-- database may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE INDEX users_search ON users USING gin (lower(name || ' ' || surname || ' ' || email) gin_trgm_ops);
