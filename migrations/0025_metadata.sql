-- What applications keep about a user: public metadata, which the user sees, and private, which administrators see. A row is there
-- once there is any, beside the row that every request reads.
CREATE TABLE user_metadata (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    public  jsonb  NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(public) = 'object'),
    private jsonb  NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(private) = 'object')
);
