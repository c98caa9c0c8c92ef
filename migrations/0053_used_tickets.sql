-- Links and codes that were used under an idempotency key: whoever sends the same request again, by a double click or since the answer
-- was lost, is told that it is done. Key and body are kept as one digest that needs the pepper, for there may be a password in the
-- body. A row is written by the statement that uses the ticket and goes with its user, or after a day.
CREATE TABLE used_tickets (
    digest  text        PRIMARY KEY,
    user_id bigint      NOT NULL REFERENCES users ON DELETE CASCADE,
    used_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX used_tickets_user_id ON used_tickets (user_id);
CREATE INDEX used_tickets_used_at ON used_tickets (used_at);
