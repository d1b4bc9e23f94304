-- The settings of the server that started last, to tell which are changed.
CREATE TABLE last_setting (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);
