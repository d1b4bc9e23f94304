-- Users have roles: platen.Role. Those from before are admins.
ALTER TABLE server_user ADD COLUMN role BIGINT NOT NULL DEFAULT 3;

-- What a change set or named: a role, or a token.
ALTER TABLE user_change ADD COLUMN detail TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Named tokens for programs. Times are Unix microseconds.
CREATE TABLE named_token (
    name       TEXT COLLATE "C" PRIMARY KEY,
    hash       BYTEA NOT NULL,   -- SHA-256 of the token
    owner      TEXT COLLATE "C" NOT NULL,   -- a user
    role       BIGINT NOT NULL,
    kinds      BIGINT NOT NULL,   -- platen.KindSet, 0: all
    disabled   BIGINT NOT NULL,   -- 1: it is not accepted
    created    BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    expires    BIGINT NOT NULL,   -- 0: never
    used       BIGINT NOT NULL    -- the last time, to within some minutes; 0: never
);
