-- Rules by which sets are deleted for their age. Times are in µs since 1970.
CREATE TABLE retention_rule (
    name         TEXT COLLATE "C" PRIMARY KEY,
    kind         BIGINT NOT NULL,       -- of set
    days         BIGINT NOT NULL,
    filter       TEXT COLLATE "C" NOT NULL,   -- '': all
    enabled      BIGINT NOT NULL,       -- 0: nothing is deleted
    version      BIGINT NOT NULL,       -- another one with each change
    created      BIGINT NOT NULL,
    created_by   TEXT COLLATE "C" NOT NULL,
    changed      BIGINT NOT NULL,       -- 0: never
    changed_by   TEXT COLLATE "C" NOT NULL,
    last_run     BIGINT NOT NULL,       -- when the last run ended; 0: there was none
    last_version BIGINT NOT NULL,       -- of the rule, in the last run
    last_deleted BIGINT NOT NULL,       -- sets that it deleted
    last_error   TEXT COLLATE "C" NOT NULL    -- '': none
);

-- When sets were undeleted: rules count their age from then.
CREATE TABLE undeleted_set (
    id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL
);

INSERT INTO lease (name) VALUES ('retention');
