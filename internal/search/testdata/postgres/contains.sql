-- outside 0
SELECT v.entity, v.value, CAST('' AS BYTEA)
FROM find_long AS v
WHERE v.name = $1
AND (SELECT e.root
FROM entity AS e
WHERE e.first <= v.entity
ORDER BY e.first DESC LIMIT 1) IN ($2)
-- 1: 101
-- 2: 7

-- probe of driver 0
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
-- 1: 101
-- 2: []int64{1001}
-- 3: "x"
-- 4: 6

-- driver 0
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
AND c.root IN ($5)
AND 1 = 1
ORDER BY c.id
-- 1: 101
-- 2: []int64{1001}
-- 3: "x"
-- 4: 6
-- 5: 7

-- probe of driver 1
WITH few AS MATERIALIZED (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND e.root IN ($2)
AND (1 = 1) LIMIT 100) SELECT count(*)
FROM (SELECT 1
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT first, last, root
FROM few) AS run) AS c LIMIT 100) AS n
-- 1: 6
-- 2: 7

-- driver 1
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND e.root IN ($2)
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN ($6)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $3
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($5 AS BYTEA)) = 0 OR (position(CAST($5 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($4 AS BIGINT[])) END LIMIT 1 OFFSET 0)
ORDER BY c.id
-- 1: 6
-- 2: 7
-- 3: 101
-- 4: []int64{1001}
-- 5: "x"
-- 6: 7

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND e.root IN ($2)
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN ($6)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $3
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($5 AS BYTEA)) = 0 OR (position(CAST($5 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($4 AS BIGINT[])) END LIMIT 1 OFFSET 0)
ORDER BY c.id
-- 1: 6
-- 2: 7
-- 3: 101
-- 4: []int64{1001}
-- 5: "x"
-- 6: 7

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
AND c.root IN ($6)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $3
AND CASE WHEN length(v.digest) = 0 THEN (length(CAST($5 AS BYTEA)) = 0 OR (position(CAST($5 AS BYTEA) IN v.value) > 0)) ELSE v.entity = ANY(CAST($4 AS BIGINT[])) END LIMIT 1 OFFSET 0)
-- 1: "ids"
-- 2: 6
-- 3: 101
-- 4: []int64{1001}
-- 5: "x"
-- 6: 7

