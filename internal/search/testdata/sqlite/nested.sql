-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = ?5 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = ?1
AND v.value = ?2
UNION SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = ?3
AND v.value < ?4) AS i) AS c LIMIT 100) AS n
-- 1: 101
-- 2: "x"
-- 3: 102
-- 4: "y"
-- 5: 6

-- driver 0
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = ?5 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = ?1
AND v.value = ?2
UNION SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = ?3
AND v.value < ?4) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?6
AND v.value = ?7 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?8
AND v.value < ?9 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN (?10, ?11))
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?12
AND CASE WHEN length(v.digest) = 0 THEN (length(?13) = 0 OR text_contains(v.value, ?13)) ELSE (SELECT (length(?13) = 0 OR text_contains(l.value, ?13))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END LIMIT 1 OFFSET 0))))
ORDER BY c.id
-- 1: 101
-- 2: "x"
-- 3: 102
-- 4: "y"
-- 5: 6
-- 6: 101
-- 7: "x"
-- 8: 102
-- 9: "y"
-- 10: 5
-- 11: 6
-- 12: 103
-- 13: "z"

-- probe of driver 1
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
-- 1: 103
-- 2: "z"
-- 3: 6

-- driver 1
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
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?4
AND v.value = ?5 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?6
AND v.value < ?7 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN (?8, ?9))
AND 1 = 1)))
ORDER BY c.id
-- 1: 103
-- 2: "z"
-- 3: 6
-- 4: 101
-- 5: "x"
-- 6: 102
-- 7: "y"
-- 8: 5
-- 9: 6

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
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?2
AND v.value = ?3 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?4
AND v.value < ?5 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN (?6, ?7))
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?8
AND CASE WHEN length(v.digest) = 0 THEN (length(?9) = 0 OR text_contains(v.value, ?9)) ELSE (SELECT (length(?9) = 0 OR text_contains(l.value, ?9))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END LIMIT 1 OFFSET 0))))
ORDER BY c.id
-- 1: 6
-- 2: 101
-- 3: "x"
-- 4: 102
-- 5: "y"
-- 6: 5
-- 7: 6
-- 8: 103
-- 9: "z"

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
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?3
AND v.value = ?4 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?5
AND v.value < ?6 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN (?7, ?8))
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = ?9
AND CASE WHEN length(v.digest) = 0 THEN (length(?10) = 0 OR text_contains(v.value, ?10)) ELSE (SELECT (length(?10) = 0 OR text_contains(l.value, ?10))
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END LIMIT 1 OFFSET 0))))
-- 1: "ids"
-- 2: 6
-- 3: 101
-- 4: "x"
-- 5: 102
-- 6: "y"
-- 7: 5
-- 8: 6
-- 9: 103
-- 10: "z"

