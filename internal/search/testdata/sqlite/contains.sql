-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = ?3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = ?1
AND CASE WHEN length(v.digest) = 0 THEN (length(?2) = 0 OR text_contains(v.value, ?2)) ELSE (SELECT (length(?2) = 0 OR text_contains(l.value, ?2))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END) AS i) AS c LIMIT 100) AS n
-- 1: 101
-- 2: "x"
-- 3: 6

-- driver 0
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = ?3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = ?1
AND CASE WHEN length(v.digest) = 0 THEN (length(?2) = 0 OR text_contains(v.value, ?2)) ELSE (SELECT (length(?2) = 0 OR text_contains(l.value, ?2))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN (?4)
AND 1 = 1
ORDER BY c.id
-- 1: 101
-- 2: "x"
-- 3: 6
-- 4: 7

-- probe of driver 1
WITH few AS MATERIALIZED (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = ?1
AND e.root IN (?2)
AND (1 = 1) LIMIT 100) SELECT count(*)
FROM (SELECT 1
FROM (SELECT id, root
FROM (WITH RECURSIVE run (id, last, root) AS (SELECT first, last, root
FROM few
UNION ALL SELECT id + 1, last, root
FROM run
WHERE id < last) SELECT id, root
FROM run) AS r) AS c LIMIT 100) AS n
-- 1: 6
-- 2: 7

-- driver 1
SELECT c.id
FROM (SELECT id, root
FROM (WITH RECURSIVE run (id, last, root) AS (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = ?1
AND e.root IN (?2)
AND (1 = 1)
UNION ALL SELECT id + 1, last, root
FROM run
WHERE id < last) SELECT id, root
FROM run) AS r) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN (?5)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?3
AND CASE WHEN length(v.digest) = 0 THEN (length(?4) = 0 OR text_contains(v.value, ?4)) ELSE (SELECT (length(?4) = 0 OR text_contains(l.value, ?4))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END LIMIT 1 OFFSET 0)
ORDER BY c.id
-- 1: 6
-- 2: 7
-- 3: 101
-- 4: "x"
-- 5: 7

-- no driver
SELECT c.id
FROM (SELECT id, root
FROM (WITH RECURSIVE run (id, last, root) AS (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = ?1
AND e.root IN (?2)
AND (1 = 1)
UNION ALL SELECT id + 1, last, root
FROM run
WHERE id < last) SELECT id, root
FROM run) AS r) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN (?5)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?3
AND CASE WHEN length(v.digest) = 0 THEN (length(?4) = 0 OR text_contains(v.value, ?4)) ELSE (SELECT (length(?4) = 0 OR text_contains(l.value, ?4))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END LIMIT 1 OFFSET 0)
ORDER BY c.id
-- 1: 6
-- 2: 7
-- 3: 101
-- 4: "x"
-- 5: 7

-- among
SELECT c.id
FROM (SELECT k.id, (SELECT CASE WHEN e.last >= k.id
AND e.kind = ?2 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= k.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT value AS id
FROM json_each(?1)) AS k) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN (?5)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?3
AND CASE WHEN length(v.digest) = 0 THEN (length(?4) = 0 OR text_contains(v.value, ?4)) ELSE (SELECT (length(?4) = 0 OR text_contains(l.value, ?4))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END LIMIT 1 OFFSET 0)
-- 1: "ids"
-- 2: 6
-- 3: 101
-- 4: "x"
-- 5: 7

