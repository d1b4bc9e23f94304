-- Where events are sent to. Times are in microseconds since 1970, 0 for none.
CREATE TABLE webhook (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    url          TEXT NOT NULL,
    description  TEXT NOT NULL,
    filter       TEXT NOT NULL,            -- JSON: kinds, sets, types, names
    enabled      INTEGER NOT NULL,
    reason       TEXT NOT NULL,            -- why it is not enabled
    created      INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    updated      INTEGER NOT NULL,
    secret       BLOB NOT NULL,
    old_secret   BLOB NOT NULL,            -- from before a rotation; empty: none
    old_until    INTEGER NOT NULL,
    version      INTEGER NOT NULL,         -- counts the changes by requests
    epoch        INTEGER NOT NULL,         -- another one: progress of before no longer counts
    position     INTEGER NOT NULL,         -- of the last event that was delivered
    failures     INTEGER NOT NULL,
    failing      INTEGER NOT NULL,         -- since when
    next_attempt INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_attempt (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook  INTEGER NOT NULL,
    event    TEXT NOT NULL,
    type     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    took     INTEGER NOT NULL,             -- microseconds
    status   INTEGER NOT NULL,             -- 0: no answer
    error    TEXT NOT NULL,                -- '': it was delivered
    response TEXT NOT NULL
) STRICT;
CREATE INDEX webhook_attempt_of ON webhook_attempt (webhook, id);
CREATE INDEX webhook_attempt_at ON webhook_attempt (at);
