CREATE TABLE change_block (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,             -- when, in µs since 1970
    position INTEGER,                      -- in the order of the log
    body     BLOB NOT NULL                 -- the first part
) STRICT;

CREATE UNIQUE INDEX change_block_position ON change_block (position);

CREATE TABLE change_log (
    since           INTEGER NOT NULL,      -- changes are logged since then, in µs since 1970; 0: they are not
    position        INTEGER NOT NULL,      -- the last one that was given to a block
    pruned_id       INTEGER NOT NULL,      -- blocks up to it are removed,
    pruned_position INTEGER NOT NULL,      -- positions up to it,
    pruned_at       INTEGER NOT NULL       -- and times
, pruned_event INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE change_part (
    id   INTEGER NOT NULL,
    part INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (id, part)
) STRICT;

CREATE TABLE change_set (
    id      INTEGER PRIMARY KEY,
    change  INTEGER NOT NULL,
    created INTEGER NOT NULL               -- in µs since 1970; 0: before the log
) STRICT;

CREATE TABLE content_block (
    job    INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    count  INTEGER NOT NULL,              -- content items in pairs
    digits INTEGER NOT NULL,              -- decimal digits of all ids in pairs
    pairs  BLOB NOT NULL,
    pages  BLOB NOT NULL, first_item INTEGER NOT NULL DEFAULT 0, last_item INTEGER NOT NULL DEFAULT 9007199254740991, wide INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (job, seq)
) STRICT;

CREATE INDEX content_block_items ON content_block (wide, first_item, last_item, job, seq);

CREATE TABLE content_set (id INTEGER PRIMARY KEY, type TEXT NOT NULL) STRICT;

CREATE TABLE count_block (
    job_set INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    first   INTEGER NOT NULL,              -- the documents of body are not below it,
    last    INTEGER NOT NULL,              -- and not above it
    version INTEGER NOT NULL,              -- another one after each change
    body    BLOB NOT NULL,
    PRIMARY KEY (job_set, seq)
) STRICT;

CREATE TABLE data_schema (dataset INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;

CREATE TABLE deleted_set (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, marked INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, owner TEXT NOT NULL DEFAULT '', given_first INTEGER NOT NULL DEFAULT 0, given_last INTEGER NOT NULL DEFAULT 0, begun INTEGER NOT NULL DEFAULT 1, deleted_by TEXT NOT NULL DEFAULT '') STRICT;

CREATE INDEX deleted_set_order ON deleted_set (marked, kind DESC, id);

CREATE INDEX deleted_set_state ON deleted_set (state);

CREATE TABLE detached (
    root   INTEGER NOT NULL,               -- the set
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    ord    INTEGER NOT NULL, freed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (root, first)
) STRICT, WITHOUT ROWID;

CREATE INDEX detached_first ON detached (first);

CREATE INDEX detached_freed ON detached (root, first) WHERE freed = 1;

CREATE TABLE "details" (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
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

CREATE TABLE document_changed (
    id      INTEGER PRIMARY KEY,
    version INTEGER NOT NULL               -- counts the changes
) STRICT;

CREATE TABLE entity (
    first   INTEGER PRIMARY KEY,
    last    INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    parent  INTEGER,                      -- 0: a set; NULL: belongs to nothing
    ord     INTEGER NOT NULL DEFAULT 0,
    record  INTEGER,                      -- content items: data record of first
    details INTEGER                       -- content items: page_details.id
, root INTEGER) STRICT;

CREATE INDEX entity_children ON entity (parent, kind, ord, first, last)
    WHERE parent IS NOT NULL;

CREATE INDEX entity_details ON entity (details, first) WHERE kind = 4 AND details IS NOT NULL;

CREATE INDEX entity_kind ON entity (kind, first, last, root);

CREATE INDEX entity_record ON entity (record) WHERE record IS NOT NULL;

CREATE INDEX entity_root ON entity (root, kind, first, last) WHERE root IS NOT NULL;

CREATE INDEX entity_table ON entity (details) WHERE kind = 2 AND details IS NOT NULL;

CREATE TABLE entity_updated (
    id      INTEGER PRIMARY KEY,
    updated INTEGER NOT NULL              -- in microseconds since 1970
) STRICT;

CREATE TABLE fields (id INTEGER PRIMARY KEY, list TEXT NOT NULL, change INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE find_long (
    name   INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    value  BLOB NOT NULL,
    PRIMARY KEY (name, entity)
) STRICT;

CREATE INDEX find_long_entity ON find_long (entity);

CREATE TABLE "find_name" (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    kind  INTEGER NOT NULL,
    facet INTEGER NOT NULL,
    name  BLOB NOT NULL,
    UNIQUE (kind, facet, name)
) STRICT;

CREATE TABLE find_range (
    seq   INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL,
    root  INTEGER NOT NULL
, late INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE INDEX find_range_late ON find_range (late, seq);

CREATE TABLE find_stale (
    seq  INTEGER PRIMARY KEY,
    id   INTEGER NOT NULL UNIQUE,
    kind INTEGER NOT NULL
, changed INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE find_value (
    name   INTEGER NOT NULL,
    value  BLOB NOT NULL,
    entity INTEGER NOT NULL,
    digest   BLOB NOT NULL,
    PRIMARY KEY (name, value, entity)
) STRICT, WITHOUT ROWID;

CREATE INDEX find_value_entity ON find_value (entity, name);

CREATE TABLE job_count (
    job_set INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (job_set, seq)
) STRICT;

CREATE TABLE known_login (
    name    BLOB NOT NULL,
    address BLOB NOT NULL,
    seen    INTEGER NOT NULL,             -- Unix seconds
    PRIMARY KEY (name, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE last_setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE metadata   (id INTEGER PRIMARY KEY, list TEXT NOT NULL, change INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE migration (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
		applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT;

CREATE TABLE named_token (
    name       TEXT PRIMARY KEY,
    hash       BLOB NOT NULL,   -- SHA-256 of the token
    owner      TEXT NOT NULL,   -- a user
    role       INTEGER NOT NULL,
    kinds      INTEGER NOT NULL,   -- platen.KindSet, 0: all
    disabled   INTEGER NOT NULL,   -- 1: it is not accepted
    created    INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires    INTEGER NOT NULL,   -- 0: never
    used       INTEGER NOT NULL    -- the last time, to within some minutes; 0: never
) STRICT;

CREATE TABLE operation (
    id      TEXT PRIMARY KEY,
    type    TEXT NOT NULL,
    started INTEGER NOT NULL,             -- Unix milliseconds
    ended   INTEGER,                      -- Unix milliseconds; NULL: it runs
    result  INTEGER,                      -- what it made; NULL: nothing
    message TEXT NOT NULL DEFAULT ''      -- why it failed
, owner TEXT NOT NULL DEFAULT '', percent INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', cancelled INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE properties (id INTEGER PRIMARY KEY, list TEXT NOT NULL, change INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE "record_table" (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE) STRICT;

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

CREATE TABLE saved_view (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    owner    TEXT NOT NULL, -- a user
    shared   INTEGER NOT NULL, -- 0: the owner alone sees it
    name     TEXT NOT NULL,
    kind     INTEGER NOT NULL, -- of the entities that it lists
    filter   TEXT NOT NULL, -- filter, order and fields are as requests have them; '': none
    order_by TEXT NOT NULL,
    fields   TEXT NOT NULL,
    version  INTEGER NOT NULL, -- grows with each change
    created  INTEGER NOT NULL,
    changed  INTEGER NOT NULL
) STRICT;

CREATE TABLE secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

CREATE TABLE sequence (next INTEGER NOT NULL) STRICT;

CREATE TABLE server_user (
    name     TEXT PRIMARY KEY,
    password TEXT NOT NULL,               -- argon2id, PHC form
    epoch    INTEGER NOT NULL,            -- new with each password
    changed  INTEGER NOT NULL             -- Unix seconds
, role INTEGER NOT NULL DEFAULT 3, issuer TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '', disabled INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE UNIQUE INDEX server_user_subject ON server_user (issuer, subject) WHERE issuer <> '';

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

CREATE INDEX set_fact_created ON set_fact (created, kind, jobs, documents, items, pages, sheets, records, id);

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE undeleted_set (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE user_change (
    version    INTEGER PRIMARY KEY,       -- users_version after the change
    action     TEXT NOT NULL,
    name       TEXT NOT NULL,             -- the user, '' for all
    address    TEXT NOT NULL,             -- of an unlock, '' for all
    changed_by TEXT NOT NULL
, detail TEXT NOT NULL DEFAULT '', nonce INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE users_version (version INTEGER NOT NULL) STRICT;

CREATE TABLE webhook (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    url          TEXT NOT NULL,
    description  TEXT NOT NULL,
    filter       TEXT NOT NULL,            -- JSON: kinds, sets, types, names
    enabled      INTEGER NOT NULL,
    reason       TEXT NOT NULL,            -- why it is not enabled
    created      INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    updated      INTEGER NOT NULL,
    secret       BLOB NOT NULL,
    old_secret   BLOB NOT NULL,            -- from before a rotation; empty: none
    old_until    INTEGER NOT NULL,
    version      INTEGER NOT NULL,         -- counts the changes by requests
    epoch        INTEGER NOT NULL,         -- another one: progress of before no longer counts
    position     INTEGER NOT NULL,         -- of the last event that was delivered
    failures     INTEGER NOT NULL,
    failing      INTEGER NOT NULL,         -- since when
    next_attempt INTEGER NOT NULL
) STRICT;

CREATE TABLE webhook_attempt (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook  INTEGER NOT NULL,
    event    TEXT NOT NULL,
    type     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    took     INTEGER NOT NULL,             -- microseconds
    status   INTEGER NOT NULL,             -- 0: no answer
    error    TEXT NOT NULL,                -- '': it was delivered
    response TEXT NOT NULL
) STRICT;

CREATE INDEX webhook_attempt_at ON webhook_attempt (at);

CREATE INDEX webhook_attempt_of ON webhook_attempt (webhook, id);

