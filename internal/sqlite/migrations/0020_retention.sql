-- Rules by which sets are deleted for their age. Times are in µs since 1970.
CREATE TABLE retention_rule (
    name         TEXT PRIMARY KEY,
    kind         INTEGER NOT NULL,       -- of set
    days         INTEGER NOT NULL,
    filter       TEXT NOT NULL,   -- '': all
    enabled      INTEGER NOT NULL,       -- 0: nothing is deleted
    version      INTEGER NOT NULL,       -- another one with each change
    created      INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    changed      INTEGER NOT NULL,       -- 0: never
    changed_by   TEXT NOT NULL,
    last_run     INTEGER NOT NULL,       -- when the last run ended; 0: there was none
    last_version INTEGER NOT NULL,       -- of the rule, in the last run
    last_deleted INTEGER NOT NULL,       -- sets that it deleted
    last_error   TEXT NOT NULL    -- '': none
) STRICT;

-- When sets were undeleted: rules count their age from then.
CREATE TABLE undeleted_set (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;
