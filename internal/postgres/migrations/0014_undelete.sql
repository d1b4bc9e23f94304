-- A deleted set can come back until the clean-up has begun with it. What an older
-- server deletes or imports can not: it does not write what that takes.
ALTER TABLE deleted_set ADD COLUMN begun BIGINT NOT NULL DEFAULT 1;
ALTER TABLE deleted_set ADD COLUMN deleted_by TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Where the members of a deleted set were that other sets use, and that were
-- therefore taken out of it.
CREATE TABLE detached (
    root   BIGINT NOT NULL,               -- the set
    first  BIGINT NOT NULL,
    last   BIGINT NOT NULL,
    parent BIGINT NOT NULL,
    ord    BIGINT NOT NULL,
    PRIMARY KEY (root, first)
);
