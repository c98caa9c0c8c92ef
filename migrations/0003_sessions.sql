-- Sessions: a sign-in and all that was refreshed from it (the refresh tokens' family). Tokens are kept as digests
-- alone: whoever reads this table cannot sign in with it. When a user goes, the sessions go.
CREATE TABLE sessions (
    id             uuid        PRIMARY KEY,
    user_id        bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    refresh_digest text        NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    used_at        timestamptz NOT NULL DEFAULT now(),
    -- The idle and the absolute end; whichever comes first.
    idle_until     timestamptz NOT NULL,
    ends_at        timestamptz NOT NULL
);

CREATE UNIQUE INDEX sessions_refresh_digest ON sessions (refresh_digest);
CREATE INDEX sessions_user_id ON sessions (user_id, created_at);
CREATE INDEX sessions_ends_at ON sessions (ends_at);

-- Refresh tokens that were used: one that comes again was stolen, by the first who used it or by the second.
CREATE TABLE spent_refresh_tokens (
    digest     text PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE
);

CREATE INDEX spent_refresh_tokens_session_id ON spent_refresh_tokens (session_id);
