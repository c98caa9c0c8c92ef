-- Failed attempts to sign in, counted by digests that say neither who nor from where. A row goes when nothing has
-- happened to it for a while.
CREATE TABLE attempts (
    key         text        PRIMARY KEY,
    failures    integer     NOT NULL DEFAULT 0,
    failed_at   timestamptz NOT NULL DEFAULT now(),
    -- A client that has signed in to an account is known there until then.
    known_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 70);

CREATE INDEX attempts_age ON attempts (greatest(failed_at, known_until));

-- The places for passwords that are being hashed or checked at the same time, in all replicas together. Whoever dies
-- with a place in hand loses it when its time is over.
CREATE TABLE hashing_places (
    place      integer     PRIMARY KEY,
    holder     uuid,
    held_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

INSERT INTO hashing_places (place) SELECT generate_series(1, 256);
