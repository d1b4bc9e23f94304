-- One range for the jobs of a set whose facts are to be indexed, in place of one for each
-- run of their identifiers: each range is a transaction of its own.
INSERT INTO find_range (first, last, root, late)
SELECT min(first), max(last), root, -2 FROM find_range WHERE late = 2 AND first <> root GROUP BY root;
DELETE FROM find_range WHERE late = 2 AND first <> root;
UPDATE find_range SET late = 2 WHERE late = -2;
