-- Events that are yet to be published. A sign-up and its event are written in one statement, so neither can be
-- without the other; the row goes once the broker has the event.
CREATE TABLE outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    exchange     text        NOT NULL,
    event        jsonb       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- Until then one publisher has the row to itself; after it, a sweep may take it.
    leased_until timestamptz NOT NULL DEFAULT now(),
    -- An event that is kept twice is one event.
    event_id     text GENERATED ALWAYS AS (event ->> 'id') STORED NOT NULL
);

CREATE UNIQUE INDEX outbox_event_id ON outbox (event_id);
CREATE INDEX outbox_leased_until ON outbox (leased_until, id);
