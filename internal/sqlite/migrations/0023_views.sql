-- Listings that users have saved. Times are in µs since 1970.
CREATE TABLE saved_view (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    owner    TEXT NOT NULL, -- a user
    shared   INTEGER NOT NULL, -- 0: the owner alone sees it
    name     TEXT NOT NULL,
    kind     INTEGER NOT NULL, -- of the entities that it lists
    filter   TEXT NOT NULL, -- filter, order and fields are as requests have them; '': none
    order_by TEXT NOT NULL,
    fields   TEXT NOT NULL,
    version  INTEGER NOT NULL, -- grows with each change
    created  INTEGER NOT NULL,
    changed  INTEGER NOT NULL
) STRICT;
