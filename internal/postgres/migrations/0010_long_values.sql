-- A value in the index that is longer than 512 bytes is whole in a table of its
-- own. In find_value is its digest; that of a shorter value is empty, as rest
-- was, so that these rows stay as they are.
ALTER TABLE find_value RENAME COLUMN rest TO digest;
CREATE TABLE find_long (
    name   BIGINT NOT NULL,
    entity BIGINT NOT NULL,
    value  BYTEA NOT NULL,
    PRIMARY KEY (name, entity)
);
CREATE INDEX find_long_entity ON find_long (entity);

-- The indexer replaces rows that have a rest, as if their lists had changed: a
-- few in a transaction, and all of them before the next search.
INSERT INTO find_stale (kind, ids)
    SELECT n.kind, array_agg(DISTINCT v.entity) FROM find_value AS v JOIN find_name AS n ON n.id = v.name
    WHERE length(v.digest) > 0 GROUP BY n.kind, v.entity / 256;
