-- Operations: what was begun at a request and goes on after its answer.
CREATE TABLE operation (
    id      TEXT PRIMARY KEY,
    type    TEXT NOT NULL,
    started INTEGER NOT NULL,             -- Unix milliseconds
    ended   INTEGER,                      -- Unix milliseconds; NULL: it runs
    result  INTEGER,                      -- what it made; NULL: nothing
    message TEXT NOT NULL DEFAULT ''      -- why it failed
) STRICT;
