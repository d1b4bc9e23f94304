-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT column1 AS id
FROM (VALUES (CAST($1 AS BIGINT)), (CAST($2 AS BIGINT))) AS v) AS i) AS c LIMIT 100) AS n
-- 1: 5
-- 2: 6
-- 3: 2

-- driver 0
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT column1 AS id
FROM (VALUES (CAST($1 AS BIGINT)), (CAST($2 AS BIGINT))) AS v) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND 1 = 1
ORDER BY c.id
-- 1: 5
-- 2: 6
-- 3: 2

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.id IN ($2, $3)
ORDER BY c.id
-- 1: 2
-- 2: 5
-- 3: 6

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
AND c.id IN ($3, $4)
-- 1: "ids"
-- 2: 2
-- 3: 5
-- 4: 6

