-- The facts of a set that was deleted before the index had them, and undeleted, are not
-- in the index: it gets those of all sets that were undeleted once more. The kinds are
-- those of sets and of jobs.
INSERT INTO find_range (first, last, root, late)
SELECT e.first, e.last, e.root, 2 FROM undeleted_set AS u JOIN entity AS e ON e.root = u.id WHERE e.kind IN (1, 3, 5, 6);

-- Random: tells a change of users from another one of the same version, which was made
-- before the database was put back.
ALTER TABLE user_change ADD COLUMN nonce INTEGER NOT NULL DEFAULT 0;
