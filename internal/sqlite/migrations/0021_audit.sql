-- The settings of the server that started last, to tell which are changed.
CREATE TABLE last_setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
