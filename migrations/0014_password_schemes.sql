-- Hashes that name their pepper, beside those of the scheme before it. Every kept hash fits the new rule already.
ALTER TABLE users DROP CONSTRAINT users_password_hash_check;
ALTER TABLE users ADD CONSTRAINT users_password_hash_check
    CHECK (password_hash ~ '^(v1|v2:[a-z0-9_-]{1,32}):\$2');
