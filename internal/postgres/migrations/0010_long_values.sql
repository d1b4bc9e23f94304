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

-- pglz, the default, takes some 90 ms for each megabyte of a list, and lz4 a few.
-- A server that was built without it goes on as before. What is stored already
-- stays as it is until it is written again.
DO $$
DECLARE
    place TEXT;
BEGIN
    IF EXISTS (SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)) THEN
        FOREACH place IN ARRAY ARRAY['properties ALTER list', 'metadata ALTER list', 'fields ALTER list', 'find_long ALTER value'] LOOP
            EXECUTE 'ALTER TABLE ' || place || ' SET COMPRESSION lz4';
        END LOOP;
    END IF;
END $$;

-- The indexer replaces rows that have a rest, as if their lists had changed: a
-- few in a transaction, and all of them before the next search.
INSERT INTO find_stale (kind, ids)
    SELECT n.kind, array_agg(DISTINCT v.entity) FROM find_value AS v JOIN find_name AS n ON n.id = v.name
    WHERE length(v.digest) > 0 GROUP BY n.kind, v.entity / 256;
