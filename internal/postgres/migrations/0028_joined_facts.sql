-- One range for the jobs of a set whose facts are to be indexed, in place of one for each
-- run of their identifiers: each range is a transaction of its own. One statement does it,
-- since it must not remove what a server of the version before adds meanwhile.
WITH apart AS (DELETE FROM find_range WHERE late = 2 AND first <> root RETURNING first, last, root)
INSERT INTO find_range (first, last, root, late) SELECT min(first), max(last), root, 2 FROM apart GROUP BY root;
