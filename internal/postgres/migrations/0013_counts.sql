-- What a job set has, counted when it was written, or for one that was there
-- before when it was first asked for: internal/counts.
CREATE TABLE count_block (
    job_set BIGINT NOT NULL,
    seq     BIGINT NOT NULL,
    first   BIGINT NOT NULL,              -- the documents of body are not below it,
    last    BIGINT NOT NULL,              -- and not above it
    version BIGINT NOT NULL,              -- another one after each change
    body    BYTEA NOT NULL,
    PRIMARY KEY (job_set, seq)
);

-- Documents whose metadata was changed since its names were counted. No row:
-- they are as they were counted.
CREATE TABLE document_changed (
    id      BIGINT PRIMARY KEY,
    version BIGINT NOT NULL               -- counts the changes
);
