-- A value in the index that is longer than 512 bytes is whole in a table of its
-- own: comparing keys of find_value, which has no rowid, reads all of a row. In
-- find_value is its digest; that of a shorter value is empty, as rest was, so
-- that these rows stay as they are.
ALTER TABLE find_value RENAME COLUMN rest TO digest;
CREATE TABLE find_long (
    name   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (name, entity)
) STRICT;
CREATE INDEX find_long_entity ON find_long (entity);

-- The indexer replaces rows that have a rest, as if their lists had changed: in
-- short transactions, and all of them before the next search.
INSERT INTO find_stale (id, kind)
    SELECT DISTINCT v.entity, n.kind FROM find_value AS v JOIN find_name AS n ON n.id = v.name
    WHERE length(v.digest) > 0
    ON CONFLICT DO NOTHING;
