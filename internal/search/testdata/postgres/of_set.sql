-- probe of driver 0
WITH few AS MATERIALIZED (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $3
AND (e.root IN (SELECT v.entity
FROM find_value AS v
WHERE v.name = $1
AND v.value < $2)) LIMIT 100) SELECT count(*)
FROM (SELECT 1
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT first, last, root
FROM few) AS run) AS c LIMIT 100) AS n
-- 1: 101
-- 2: "x"
-- 3: 6

-- driver 0
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $3
AND (e.root IN (SELECT v.entity
FROM find_value AS v
WHERE v.name = $1
AND v.value < $2))) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND 1 = 1
ORDER BY c.id
-- 1: 101
-- 2: "x"
-- 3: 6

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN (SELECT v.entity
FROM find_value AS v
WHERE v.name = $2
AND v.value < $3)
ORDER BY c.id
-- 1: 6
-- 2: 101
-- 3: "x"

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
AND c.root IN (SELECT v.entity
FROM find_value AS v
WHERE v.name = $3
AND v.value < $4)
-- 1: "ids"
-- 2: 6
-- 3: 101
-- 4: "x"

