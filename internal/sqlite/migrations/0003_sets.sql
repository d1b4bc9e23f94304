-- root is the set that an entity belongs to, for a set itself; NULL: none.
ALTER TABLE entity ADD COLUMN root INTEGER;
UPDATE entity SET root = first WHERE parent = 0;
UPDATE entity AS e SET root = (SELECT p.root FROM entity AS p WHERE p.first <= e.parent ORDER BY p.first DESC LIMIT 1) WHERE kind = 6;
UPDATE entity AS e SET root = (SELECT p.root FROM entity AS p WHERE p.first <= e.parent ORDER BY p.first DESC LIMIT 1) WHERE kind = 7;
UPDATE entity AS e SET root = (SELECT p.root FROM entity AS p WHERE p.first <= e.parent ORDER BY p.first DESC LIMIT 1) WHERE kind = 8;
UPDATE entity AS e SET root = (SELECT p.root FROM entity AS p WHERE p.first <= e.parent ORDER BY p.first DESC LIMIT 1) WHERE kind = 9;
CREATE INDEX entity_root ON entity (root, kind, first, last) WHERE root IS NOT NULL;
CREATE INDEX entity_record ON entity (record) WHERE record IS NOT NULL;
CREATE INDEX entity_kind ON entity (kind, first, last, root);

-- Sets that were deleted: they and all below them are hidden, until the
-- clean-up has removed them.
CREATE TABLE deleted_set (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, marked INTEGER NOT NULL) STRICT;

-- Data records: their fields, a list like properties; what a data set says of
-- tables and types; the names of tables, which entity.details refers to.
CREATE TABLE fields (id INTEGER PRIMARY KEY, list TEXT NOT NULL) STRICT;
CREATE TABLE data_schema (dataset INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE record_table (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE content_set (id INTEGER PRIMARY KEY, type TEXT NOT NULL) STRICT;

-- Page details, with what a search asks of them.
CREATE TABLE details (
    id       INTEGER PRIMARY KEY,
    body     TEXT NOT NULL UNIQUE,
    pages    INTEGER NOT NULL,
    sheets   INTEGER NOT NULL,
    sections INTEGER NOT NULL,
    duplex   INTEGER NOT NULL,
    template TEXT NOT NULL
) STRICT;
CREATE TABLE details_media (
    details INTEGER NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (details, name)
) STRICT, WITHOUT ROWID;
CREATE TEMP TABLE new_body AS SELECT id, (
    SELECT json_object('pages', json_group_array(json(json_patch(json_object('count', j.value ->> 'count'),
        CASE WHEN j.value -> 'media' IS NULL THEN '{}' ELSE json_object('media', json_object(
            'name', coalesce(j.value ->> '$.media.name', ''), 'type', j.value ->> '$.media.type',
            'size', j.value ->> '$.media.size', 'width', j.value ->> '$.media.width', 'height', j.value ->> '$.media.height',
            'color', j.value ->> '$.media.color', 'weight', j.value ->> '$.media.weight')) END))))
    FROM json_each(p.body) AS j) AS body
    FROM page_details AS p;
INSERT INTO details SELECT min(id), body,
    (SELECT coalesce(sum(j.value ->> 'count'), 0) FROM json_each(body, '$.pages') AS j),
    (SELECT coalesce(sum(j.value ->> 'count'), 0) FROM json_each(body, '$.pages') AS j),
    json_array_length(body, '$.pages'), 0, ''
    FROM new_body GROUP BY body;
INSERT INTO details_media SELECT DISTINCT d.id, coalesce(j.value ->> '$.media.name', '') FROM details AS d, json_each(d.body, '$.pages') AS j;
UPDATE entity SET details = (SELECT d.id FROM new_body AS n JOIN details AS d ON d.body = n.body WHERE n.id = details)
    WHERE details IS NOT NULL;
DROP TABLE new_body;
DROP TABLE page_details;
CREATE INDEX entity_details ON entity (details, first) WHERE kind = 4 AND details IS NOT NULL;

-- The smallest and largest content item of a block. Those of most blocks are
-- near each other; wide blocks are looked for apart.
ALTER TABLE content_block ADD COLUMN first_item INTEGER NOT NULL DEFAULT 0;
ALTER TABLE content_block ADD COLUMN last_item INTEGER NOT NULL DEFAULT 9007199254740991;
ALTER TABLE content_block ADD COLUMN wide INTEGER NOT NULL DEFAULT 1;
CREATE INDEX content_block_items ON content_block (wide, first_item, last_item);
