-- Where a session was begun from, so that its owner knows a foreign one: what the client called itself, and the network of
-- its address (24 bits of IPv4, 48 of IPv6).
ALTER TABLE sessions
    ADD COLUMN user_agent text,
    ADD COLUMN network    text;
