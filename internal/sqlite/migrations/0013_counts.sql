-- What a job set has, counted when it was written, or for one that was there
-- before when it was first asked for: internal/counts.
CREATE TABLE count_block (
    job_set INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    first   INTEGER NOT NULL,              -- the documents of body are not below it,
    last    INTEGER NOT NULL,              -- and not above it
    version INTEGER NOT NULL,              -- another one after each change
    body    BLOB NOT NULL,
    PRIMARY KEY (job_set, seq)
) STRICT;

-- Documents whose metadata was changed since its names were counted. No row:
-- they are as they were counted.
CREATE TABLE document_changed (
    id      INTEGER PRIMARY KEY,
    version INTEGER NOT NULL               -- counts the changes
) STRICT;
