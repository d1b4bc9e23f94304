-- What was done to users and sessions, for all servers to take up and to log.
CREATE TABLE user_change (
    version    BIGINT PRIMARY KEY,        -- users_version after the change
    action     TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL, -- the user, '' for all
    address    TEXT COLLATE "C" NOT NULL, -- of an unlock, '' for all
    changed_by TEXT COLLATE "C" NOT NULL
);

-- The addresses that users have logged in from. Both are hashed.
CREATE TABLE known_login (
    name    BYTEA NOT NULL,
    address BYTEA NOT NULL,
    seen    BIGINT NOT NULL,              -- Unix seconds
    PRIMARY KEY (name, address)
);

-- Whoever records failed logins locks this row, so that they become visible in
-- the order of their numbers and no reader passes over one.
INSERT INTO lease (name) VALUES ('failures');
