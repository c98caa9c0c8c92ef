-- One event that the broker refuses does not keep the others waiting, and an event that was published stays until the
-- broker has it on disk.
ALTER TABLE outbox
    -- How often the broker has refused the event, though it was there. Each time the next try is later.
    ADD COLUMN refusals     integer NOT NULL DEFAULT 0,
    -- Since when the broker has it; not yet on disk, perhaps.
    ADD COLUMN published_at timestamptz;

DROP INDEX outbox_leased_until;
CREATE INDEX outbox_due ON outbox (leased_until, id) WHERE published_at IS NULL;
CREATE INDEX outbox_published_at ON outbox (published_at) WHERE published_at IS NOT NULL;

-- The run of the broker that was seen last, and since when. One row.
CREATE TABLE broker_run (
    one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
    run_id text        NOT NULL,
    since  timestamptz NOT NULL
);
