-- What is known of each set. One from before this table has no row until its
-- parts are counted, and then no time.
CREATE TABLE set_fact (
    id            BIGINT PRIMARY KEY,
    kind          BIGINT NOT NULL,
    created       BIGINT,                -- in microseconds since 1970
    created_by    TEXT COLLATE "C" NOT NULL, -- '': unknown
    created_token TEXT COLLATE "C" NOT NULL, -- '': none
    how           BIGINT NOT NULL,       -- 0: unknown
    jobs          BIGINT NOT NULL,
    segments      BIGINT NOT NULL,
    document_sets BIGINT NOT NULL,
    documents     BIGINT NOT NULL,
    items         BIGINT NOT NULL,
    pages         BIGINT NOT NULL,
    sheets        BIGINT NOT NULL,
    records       BIGINT NOT NULL
);

-- What the jobs of a job set have, some thousand in a row, in their order:
-- internal/counts.
CREATE TABLE job_count (
    job_set BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (job_set, seq)
);

-- When sets and jobs, or what is below them, last changed. No row: not since
-- they were made.
CREATE TABLE entity_updated (
    id      BIGINT PRIMARY KEY,
    updated BIGINT NOT NULL              -- in microseconds since 1970
);

-- When the change was that left the entity here. 0: not known.
ALTER TABLE find_stale ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;
