-- Who was given an export when: it looks through all that the broker keeps, so it is not had as often as somebody likes.
CREATE TABLE exports (
    user_id  bigint      PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    begun_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX exports_begun_at ON exports (begun_at);
