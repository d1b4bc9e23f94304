CREATE TABLE server_user (
    name     TEXT COLLATE "C" PRIMARY KEY,
    password TEXT COLLATE "C" NOT NULL,
    epoch    BIGINT NOT NULL,
    changed  BIGINT NOT NULL
);

CREATE TABLE users_version (version BIGINT NOT NULL);
INSERT INTO users_version (version) VALUES (1);

CREATE TABLE secret (name TEXT COLLATE "C" PRIMARY KEY, value BYTEA NOT NULL);
