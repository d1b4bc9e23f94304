-- What was changed: a block for each transaction, in parts (internal/changelog).
CREATE TABLE change_block (
    id       INTEGER NOT NULL,
    part     INTEGER NOT NULL,
    at       INTEGER NOT NULL,             -- when, in µs since 1970
    position INTEGER,                      -- of the first part: in the order of the log
    body     BLOB NOT NULL,
    PRIMARY KEY (id, part)
) STRICT;
CREATE UNIQUE INDEX change_block_position ON change_block (position) WHERE position IS NOT NULL;

-- The log as a whole, one row.
CREATE TABLE change_log (
    since           INTEGER NOT NULL,      -- changes are logged since then, in µs since 1970; 0: they are not
    position        INTEGER NOT NULL,      -- the last one that was given to a block
    pruned_id       INTEGER NOT NULL,      -- blocks up to it are removed,
    pruned_position INTEGER NOT NULL,      -- positions up to it,
    pruned_at       INTEGER NOT NULL       -- and times
) STRICT;
INSERT INTO change_log VALUES (CAST(strftime('%s', 'now') AS INTEGER) * 1000000, 0, 0, 0, 0);

-- The last change of a list, 0 for none in the log.
ALTER TABLE properties ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE metadata ADD COLUMN change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fields ADD COLUMN change INTEGER NOT NULL DEFAULT 0;

-- The last change of sets as a whole, and when they were created.
CREATE TABLE change_set (
    id      INTEGER PRIMARY KEY,
    change  INTEGER NOT NULL,
    created INTEGER NOT NULL               -- in µs since 1970; 0: before the log
) STRICT;
