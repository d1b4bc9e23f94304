-- Users have roles: platen.Role. Those from before are admins.
ALTER TABLE server_user ADD COLUMN role INTEGER NOT NULL DEFAULT 3;

-- What a change set or named: a role, or a token.
ALTER TABLE user_change ADD COLUMN detail TEXT NOT NULL DEFAULT '';

-- Named tokens for programs. Times are Unix microseconds.
CREATE TABLE named_token (
    name       TEXT PRIMARY KEY,
    hash       BLOB NOT NULL,   -- SHA-256 of the token
    owner      TEXT NOT NULL,   -- a user
    role       INTEGER NOT NULL,
    kinds      INTEGER NOT NULL,   -- platen.KindSet, 0: all
    disabled   INTEGER NOT NULL,   -- 1: it is not accepted
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires    INTEGER NOT NULL,   -- 0: never
    used       INTEGER NOT NULL    -- the last time, to within some minutes; 0: never
) STRICT;
