-- People who were removed and may still have traces at the broker. A row has nothing personal: only the id, which is
-- nobody's any more. It goes after two passes with some time between them, since a consumer may have been in the
-- middle of something at the first.
CREATE TABLE erasures (
    user_id bigint      PRIMARY KEY,
    -- Passes that were made.
    passes  integer     NOT NULL DEFAULT 0,
    -- Where an unfinished pass goes on.
    place   jsonb,
    -- Until then somebody has the row in hand, or it is too early.
    due_at  timestamptz NOT NULL
);

CREATE INDEX erasures_due_at ON erasures (due_at, user_id);
-- Whose events wait in the outbox.
CREATE INDEX outbox_user_id ON outbox ((event #>> '{data,user_id}'));
