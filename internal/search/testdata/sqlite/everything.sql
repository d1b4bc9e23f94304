-- no driver
SELECT c.id
FROM (SELECT id, root
FROM (WITH RECURSIVE run (id, last, root) AS (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = ?1
AND (1 = 1)
UNION ALL SELECT id + 1, last, root
FROM run
WHERE id < last) SELECT id, root
FROM run) AS r) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND (1 = 1)
ORDER BY c.id
-- 1: 6

