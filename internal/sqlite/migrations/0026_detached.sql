-- A clean-up leaves alone what was taken out of a set that can come back, and notes
-- here that nothing else used it: freed is 1 then.
ALTER TABLE detached ADD COLUMN freed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX detached_first ON detached (first);
CREATE INDEX detached_freed ON detached (root, first) WHERE freed = 1;

-- The last event that was pruned, 0 if it is not known: who has read a part of the
-- events of its block misses the others.
ALTER TABLE change_log ADD COLUMN pruned_event INTEGER NOT NULL DEFAULT 0;
