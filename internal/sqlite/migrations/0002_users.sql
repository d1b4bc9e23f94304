CREATE TABLE server_user (
    name     TEXT PRIMARY KEY,
    password TEXT NOT NULL,               -- argon2id, PHC form
    epoch    INTEGER NOT NULL,            -- new with each password
    changed  INTEGER NOT NULL             -- Unix seconds
) STRICT;

CREATE TABLE users_version (version INTEGER NOT NULL) STRICT;
INSERT INTO users_version (version) VALUES (1);

CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
