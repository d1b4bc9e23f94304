-- For a clean-up, which leaves alone what was taken out of a set that can come back.
CREATE INDEX detached_first ON detached (first);

-- How many entries the block at pruned_position had, 0 if that is not known: who has
-- read a part of them misses the others.
ALTER TABLE change_log ADD COLUMN pruned_entries BIGINT NOT NULL DEFAULT 0;
