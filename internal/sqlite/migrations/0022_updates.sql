-- What an update in parts has done so far, as JSON; and whether an operation ended
-- because it was cancelled.
ALTER TABLE operation ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
ALTER TABLE operation ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
