-- Sign-ups that may be repeated: under which key, with which body, and what they were answered. Key and body are kept
-- as digests that need the pepper, for there is a password in the body. A row is written with its user and goes with it,
-- or after a day.
CREATE TABLE idempotency_keys (
    key_digest  text        PRIMARY KEY,
    body_digest text        NOT NULL,
    user_id     bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    -- The user as it was shown.
    response    jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX idempotency_keys_user_id ON idempotency_keys (user_id);
CREATE INDEX idempotency_keys_created_at ON idempotency_keys (created_at);
