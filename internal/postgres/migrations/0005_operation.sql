CREATE TABLE operation (
    id      TEXT COLLATE "C" PRIMARY KEY,
    type    TEXT COLLATE "C" NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT,
    result  BIGINT,
    message TEXT COLLATE "C" NOT NULL DEFAULT ''
);
