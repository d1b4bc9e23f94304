-- probe of driver 0
WITH few AS MATERIALIZED (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $2
AND ((coalesce(e.details, 0) IN (SELECT id
FROM details
WHERE duplex = $1) OR coalesce(e.details, 0) = 0
AND 0 = $1)) LIMIT 100) SELECT count(*)
FROM (SELECT 1
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT first, last, root
FROM few) AS run) AS c LIMIT 100) AS n
-- 1: 1
-- 2: 4

-- driver 0
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $2
AND ((coalesce(e.details, 0) IN (SELECT id
FROM details
WHERE duplex = $1) OR coalesce(e.details, 0) = 0
AND 0 = $1))) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND 1 = 1
ORDER BY c.id
-- 1: 1
-- 2: 4

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE duplex = $2) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 = $2)
ORDER BY c.id
-- 1: 4
-- 2: 1

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
AND ((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE duplex = $3) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 = $3)
-- 1: "ids"
-- 2: 4
-- 3: 1

