-- Entities, a row for each run of neighbours: identifiers first to last are
-- of one kind, have one parent and stand in it from place ord on. An id is in
-- one run at most, since all kinds share one sequence.
CREATE TABLE entity (
    first   INTEGER PRIMARY KEY,
    last    INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    parent  INTEGER,                      -- 0: a set; NULL: belongs to nothing
    ord     INTEGER NOT NULL DEFAULT 0,
    record  INTEGER,                      -- content items: data record of first
    details INTEGER                       -- content items: page_details.id
) STRICT;

CREATE INDEX entity_children ON entity (parent, kind, ord, first, last)
    WHERE parent IS NOT NULL;

-- The two lists of an entity, as they are sent. No row: an empty list.
CREATE TABLE properties (id INTEGER PRIMARY KEY, list TEXT NOT NULL) STRICT;
CREATE TABLE metadata   (id INTEGER PRIMARY KEY, list TEXT NOT NULL) STRICT;

-- Page details of content items; the same details are kept once.
CREATE TABLE page_details (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE) STRICT;

-- The contents of a job and its pages, packed: internal/sqlstore/block.go.
CREATE TABLE content_block (
    job    INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    count  INTEGER NOT NULL,              -- content items in pairs
    digits INTEGER NOT NULL,              -- decimal digits of all ids in pairs
    pairs  BLOB NOT NULL,
    pages  BLOB NOT NULL,
    PRIMARY KEY (job, seq)
) STRICT;

CREATE TABLE sequence (next INTEGER NOT NULL) STRICT;
INSERT INTO sequence (next) VALUES (1000);
