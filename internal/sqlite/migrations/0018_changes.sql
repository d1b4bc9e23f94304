-- The last change of a list, 0 for none in the log. To add a column to a strict
-- table SQLite reads all of the table, to check its types. No row changes, so only the
-- text of the tables is written, as ALTER TABLE does in the end.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'list TEXT NOT NULL', 'list TEXT NOT NULL, change INTEGER NOT NULL DEFAULT 0')
    WHERE type = 'table' AND name IN ('properties', 'metadata', 'fields');
PRAGMA writable_schema = RESET;

-- What was changed: a block for each transaction, in parts (internal/changelog).
CREATE TABLE change_block (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,             -- when, in µs since 1970
    position INTEGER,                      -- in the order of the log
    body     BLOB NOT NULL                 -- the first part
) STRICT;
CREATE UNIQUE INDEX change_block_position ON change_block (position);

-- Further parts of large blocks, from 1.
CREATE TABLE change_part (
    id   INTEGER NOT NULL,
    part INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (id, part)
) STRICT;

-- The log as a whole, one row.
CREATE TABLE change_log (
    since           INTEGER NOT NULL,      -- changes are logged since then, in µs since 1970; 0: they are not
    position        INTEGER NOT NULL,      -- the last one that was given to a block
    pruned_id       INTEGER NOT NULL,      -- blocks up to it are removed,
    pruned_position INTEGER NOT NULL,      -- positions up to it,
    pruned_at       INTEGER NOT NULL       -- and times
) STRICT;
INSERT INTO change_log VALUES (CAST(strftime('%s', 'now') AS INTEGER) * 1000000, 0, 0, 0, 0);

-- The last change of sets as a whole, and when they were created.
CREATE TABLE change_set (
    id      INTEGER PRIMARY KEY,
    change  INTEGER NOT NULL,
    created INTEGER NOT NULL               -- in µs since 1970; 0: before the log
) STRICT;
