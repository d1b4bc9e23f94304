-- Names, page details and tables that nothing uses any more are removed. An id
-- is not given twice, so that who has read one before finds nothing of another.
CREATE TABLE new_name (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind  INTEGER NOT NULL,
    facet INTEGER NOT NULL,
    name  BLOB NOT NULL,
    UNIQUE (kind, facet, name)
) STRICT;
INSERT INTO new_name SELECT id, kind, facet, name FROM find_name;
DROP TABLE find_name;
ALTER TABLE new_name RENAME TO find_name;

CREATE TABLE new_details (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    body     TEXT NOT NULL UNIQUE,
    pages    INTEGER NOT NULL,
    sheets   INTEGER NOT NULL,
    sections INTEGER NOT NULL,
    duplex   INTEGER NOT NULL,
    template TEXT NOT NULL
) STRICT;
INSERT INTO new_details SELECT id, body, pages, sheets, sections, duplex, template FROM details;
DROP TABLE details;
ALTER TABLE new_details RENAME TO details;

CREATE TABLE new_table (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;
INSERT INTO new_table SELECT id, name FROM record_table;
DROP TABLE record_table;
ALTER TABLE new_table RENAME TO record_table;

-- The nested data records of each table.
CREATE INDEX entity_table ON entity (details) WHERE kind = 2 AND details IS NOT NULL;
