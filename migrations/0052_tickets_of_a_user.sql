-- The tickets of a user, for a removal and an export: the index by user and purpose leaves those out that lead back to a former
-- address.
CREATE INDEX tickets_user_id ON tickets (user_id);
