-- What a search looks up, beside the lists themselves: each value, up to 512
-- bytes in value and what is beyond them in rest, by its name; the names; and
-- the entities whose lists have changed since they were looked at.
CREATE TABLE find_name (
    id    INTEGER PRIMARY KEY,
    kind  INTEGER NOT NULL,
    facet INTEGER NOT NULL,
    name  BLOB NOT NULL,
    UNIQUE (kind, facet, name)
) STRICT;
CREATE TABLE find_value (
    name   INTEGER NOT NULL,
    value  BLOB NOT NULL,
    entity INTEGER NOT NULL,
    rest   BLOB NOT NULL,
    PRIMARY KEY (name, value, entity)
) STRICT, WITHOUT ROWID;
CREATE INDEX find_value_entity ON find_value (entity, name);
CREATE TABLE find_stale (
    seq  INTEGER PRIMARY KEY,
    id   INTEGER NOT NULL UNIQUE,
    kind INTEGER NOT NULL
) STRICT;
INSERT INTO find_stale (id, kind)
    SELECT id, kind FROM (SELECT p.id,
        (SELECT e.kind FROM entity AS e WHERE e.first <= p.id ORDER BY e.first DESC LIMIT 1) AS kind
        FROM properties AS p) WHERE kind <= 6;
