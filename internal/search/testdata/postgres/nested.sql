-- outside 0
SELECT v.entity, v.value, CAST('' AS BYTEA)
FROM find_long AS v
WHERE v.name = $1
-- 1: 103

-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $5 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2
UNION SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $3
AND v.value < $4) AS i) AS c LIMIT 100) AS n
-- 1: 101
-- 2: "x"
-- 3: 102
-- 4: "y"
-- 5: 6

-- driver 0
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $5 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2
UNION SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $3
AND v.value < $4) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $6
AND v.value = $7 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $8
AND v.value < $9 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN ($10, $11))
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $12
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($14 AS BYTEA)) = 0 OR (position(CAST($14 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($13 AS BIGINT[])) END LIMIT 1 OFFSET 0))))
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
-- 13: []int64{1001}
-- 14: "z"

-- probe of driver 1
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $4 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($3 AS BYTEA)) = 0 OR (position(CAST($3 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($2 AS BIGINT[])) END) AS i) AS c LIMIT 100) AS n
-- 1: 103
-- 2: []int64{1001}
-- 3: "z"
-- 4: 6

-- driver 1
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $4 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($3 AS BYTEA)) = 0 OR (position(CAST($3 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($2 AS BIGINT[])) END) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $5
AND v.value = $6 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $7
AND v.value < $8 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN ($9, $10))
AND 1 = 1)))
ORDER BY c.id
-- 1: 103
-- 2: []int64{1001}
-- 3: "z"
-- 4: 6
-- 5: 101
-- 6: "x"
-- 7: 102
-- 8: "y"
-- 9: 5
-- 10: 6

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $2
AND v.value = $3 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $4
AND v.value < $5 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN ($6, $7))
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $8
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($10 AS BYTEA)) = 0 OR (position(CAST($10 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($9 AS BIGINT[])) END LIMIT 1 OFFSET 0))))
ORDER BY c.id
-- 1: 6
-- 2: 101
-- 3: "x"
-- 4: 102
-- 5: "y"
-- 6: 5
-- 7: 6
-- 8: 103
-- 9: []int64{1001}
-- 10: "z"

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
AND ((((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $3
AND v.value = $4 LIMIT 1 OFFSET 0) OR EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $5
AND v.value < $6 LIMIT 1 OFFSET 0)))
AND (NOT (c.id IN ($7, $8))
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $9
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($11 AS BYTEA)) = 0 OR (position(CAST($11 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($10 AS BIGINT[])) END LIMIT 1 OFFSET 0))))
-- 1: "ids"
-- 2: 6
-- 3: 101
-- 4: "x"
-- 5: 102
-- 6: "y"
-- 7: 5
-- 8: 6
-- 9: 103
-- 10: []int64{1001}
-- 11: "z"

