-- As internal/sqlite/migrations, which say what everything means. Columns of
-- text compare byte by byte, as they do there.
CREATE TABLE entity (
    first   BIGINT PRIMARY KEY,
    last    BIGINT NOT NULL,
    kind    BIGINT NOT NULL,
    parent  BIGINT,
    ord     BIGINT NOT NULL DEFAULT 0,
    record  BIGINT,
    details BIGINT
);
CREATE INDEX entity_children ON entity (parent, kind, ord, first, last)
    WHERE parent IS NOT NULL;

-- Lists are replaced: the room that is left keeps their new rows on their page.
CREATE TABLE properties (id BIGINT PRIMARY KEY, list TEXT COLLATE "C" NOT NULL) WITH (fillfactor = 70);
CREATE TABLE metadata   (id BIGINT PRIMARY KEY, list TEXT COLLATE "C" NOT NULL) WITH (fillfactor = 70);

CREATE TABLE content_block (
    job    BIGINT NOT NULL,
    seq    BIGINT NOT NULL,
    count  BIGINT NOT NULL,
    digits BIGINT NOT NULL,
    pairs  BYTEA NOT NULL,
    pages  BYTEA NOT NULL,
    PRIMARY KEY (job, seq)
);

CREATE TABLE sequence (next BIGINT NOT NULL);
INSERT INTO sequence (next) VALUES (1000);
