-- What is known of each set. One from before this table has no row until its
-- parts are counted, and then no time.
CREATE TABLE set_fact (
    id            INTEGER PRIMARY KEY,
    kind          INTEGER NOT NULL,
    created       INTEGER,                -- in microseconds since 1970
    created_by    TEXT NOT NULL,     -- '': unknown
    created_token TEXT NOT NULL,     -- '': none
    how           INTEGER NOT NULL,       -- 0: unknown
    jobs          INTEGER NOT NULL,
    segments      INTEGER NOT NULL,
    document_sets INTEGER NOT NULL,
    documents     INTEGER NOT NULL,
    items         INTEGER NOT NULL,
    pages         INTEGER NOT NULL,
    sheets        INTEGER NOT NULL,
    records       INTEGER NOT NULL
) STRICT;

-- What the jobs of a job set have, some thousand in a row, in their order:
-- internal/counts.
CREATE TABLE job_count (
    job_set INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (job_set, seq)
) STRICT;

-- When sets and jobs, or what is below them, last changed. No row: not since
-- they were made.
CREATE TABLE entity_updated (
    id      INTEGER PRIMARY KEY,
    updated INTEGER NOT NULL              -- in microseconds since 1970
) STRICT;

-- When the change was that left the entity here. 0: not known.
ALTER TABLE find_stale ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
