-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $6
AND ((coalesce(e.details, 0) IN (SELECT id
FROM details
WHERE pages > $3) OR coalesce(e.details, 0) = 0
AND 0 > $3))) AS run
UNION SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $7 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2
UNION SELECT column1 AS id
FROM (VALUES (CAST($4 AS BIGINT)), (CAST($5 AS BIGINT))) AS v) AS i) AS c LIMIT 100) AS n
-- 1: 101
-- 2: "x"
-- 3: 3
-- 4: 5
-- 5: 6
-- 6: 4
-- 7: 4

-- driver 0
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $6
AND ((coalesce(e.details, 0) IN (SELECT id
FROM details
WHERE pages > $3) OR coalesce(e.details, 0) = 0
AND 0 > $3))) AS run
UNION SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $7 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2
UNION SELECT column1 AS id
FROM (VALUES (CAST($4 AS BIGINT)), (CAST($5 AS BIGINT))) AS v) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $8
AND v.value = $9 LIMIT 1 OFFSET 0) OR (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $10) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $10) OR c.id IN ($11, $12))))
ORDER BY c.id
-- 1: 101
-- 2: "x"
-- 3: 3
-- 4: 5
-- 5: 6
-- 6: 4
-- 7: 4
-- 8: 101
-- 9: "x"
-- 10: 3
-- 11: 5
-- 12: 6

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $2
AND v.value = $3 LIMIT 1 OFFSET 0) OR (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $4) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $4) OR c.id IN ($5, $6))))
ORDER BY c.id
-- 1: 4
-- 2: 101
-- 3: "x"
-- 4: 3
-- 5: 5
-- 6: 6

-- among
SELECT c.id
FROM (SELECT k.id, (SELECT CASE WHEN e.last >= k.id
AND e.kind = $2 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= k.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM unnest((SELECT CAST($1 AS BIGINT[]))) AS k(id)) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $3
AND v.value = $4 LIMIT 1 OFFSET 0) OR (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $5) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $5) OR c.id IN ($6, $7))))
-- 1: "ids"
-- 2: 4
-- 3: 101
-- 4: "x"
-- 5: 3
-- 6: 5
-- 7: 6

