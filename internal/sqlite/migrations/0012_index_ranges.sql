-- Entities of an import, from first to last, whose lists are not in the search
-- index yet. root is the set that was imported, or 0.
CREATE TABLE find_range (
    seq   INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    root  INTEGER NOT NULL
) STRICT;
