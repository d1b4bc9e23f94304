-- What was done to users and sessions, for all servers to take up and to log.
CREATE TABLE user_change (
    version    INTEGER PRIMARY KEY,       -- users_version after the change
    action     TEXT NOT NULL,
    name       TEXT NOT NULL,             -- the user, '' for all
    address    TEXT NOT NULL,             -- of an unlock, '' for all
    changed_by TEXT NOT NULL
) STRICT;

-- The addresses that users have logged in from. Both are hashed.
CREATE TABLE known_login (
    name    BLOB NOT NULL,
    address BLOB NOT NULL,
    seen    INTEGER NOT NULL,             -- Unix seconds
    PRIMARY KEY (name, address)
) STRICT, WITHOUT ROWID;
