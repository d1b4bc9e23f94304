-- What is the matter with a set in deleted_set: 0, it is deleted, so it and all
-- below it are hidden; 1, it is being deleted, so it is hidden, and what is
-- below it is not, but can not be used anew. owner is the process that does it.
ALTER TABLE deleted_set ADD COLUMN state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deleted_set ADD COLUMN owner TEXT NOT NULL DEFAULT '';

-- Blocks are read a few at a time, from where the last ones ended.
DROP INDEX content_block_items;
CREATE INDEX content_block_items ON content_block (wide, first_item, last_item, job, seq);
