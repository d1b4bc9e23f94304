-- What was changed: a block for each transaction, in parts (internal/changelog).
-- Those of one list or set are numbered in the order of their commits.
CREATE TABLE change_block (
    id       BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,              -- when, in µs since 1970
    position BIGINT,                       -- in the order of the log; NULL: not given yet
    body     BYTEA NOT NULL                -- the first part
);
ALTER TABLE change_block ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX change_block_position ON change_block (position);
CREATE INDEX change_block_new ON change_block (id) WHERE position IS NULL;
CREATE SEQUENCE change_block_id OWNED BY change_block.id;

-- Further parts of large blocks, from 1.
CREATE TABLE change_part (
    id   BIGINT NOT NULL,
    part BIGINT NOT NULL,
    body BYTEA NOT NULL,
    PRIMARY KEY (id, part)
);
ALTER TABLE change_part ALTER COLUMN body SET STORAGE EXTERNAL;

-- The log as a whole, one row. Who gives positions locks it.
CREATE TABLE change_log (
    since           BIGINT NOT NULL,       -- changes are logged since then, in µs since 1970; 0: they are not
    position        BIGINT NOT NULL,       -- the last one that was given to a block
    pruned_id       BIGINT NOT NULL,       -- blocks up to it are removed,
    pruned_position BIGINT NOT NULL,       -- positions up to it,
    pruned_at       BIGINT NOT NULL        -- and times
);
INSERT INTO change_log VALUES (CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT), 0, 0, 0, 0);

INSERT INTO lease (name) VALUES ('changes');

-- The last change of a list, 0 for none in the log.
ALTER TABLE properties ADD COLUMN change BIGINT NOT NULL DEFAULT 0;
ALTER TABLE metadata ADD COLUMN change BIGINT NOT NULL DEFAULT 0;
ALTER TABLE fields ADD COLUMN change BIGINT NOT NULL DEFAULT 0;

-- The last change of sets as a whole, and when they were created.
CREATE TABLE change_set (
    id      BIGINT PRIMARY KEY,
    change  BIGINT NOT NULL,
    created BIGINT NOT NULL                -- in µs since 1970; 0: before the log
);
