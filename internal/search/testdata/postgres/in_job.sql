-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $5 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT b.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.parent = $1
AND e.kind = $2) AS run) AS p JOIN entity AS e ON e.parent = p.id
WHERE 1 = 1
AND e.kind = $3) AS run) AS p JOIN entity AS e ON e.parent = p.id
WHERE 1 = 1
AND e.kind = $4) AS run) AS b) AS i) AS c LIMIT 100) AS n
-- 1: 7
-- 2: 7
-- 3: 8
-- 4: 9
-- 5: 9

-- driver 0
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $5 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT b.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.parent = $1
AND e.kind = $2) AS run) AS p JOIN entity AS e ON e.parent = p.id
WHERE 1 = 1
AND e.kind = $3) AS run) AS p JOIN entity AS e ON e.parent = p.id
WHERE 1 = 1
AND e.kind = $4) AS run) AS b) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND 1 = 1
ORDER BY c.id
-- 1: 7
-- 2: 7
-- 3: 8
-- 4: 9
-- 5: 9

-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND (SELECT coalesce(e.parent, 0)
FROM entity AS e
WHERE e.first <= (SELECT coalesce(e.parent, 0)
FROM entity AS e
WHERE e.first <= (SELECT coalesce(e.parent, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
ORDER BY e.first DESC LIMIT 1)
ORDER BY e.first DESC LIMIT 1) = $2
ORDER BY c.id
-- 1: 9
-- 2: 7

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
AND (SELECT coalesce(e.parent, 0)
FROM entity AS e
WHERE e.first <= (SELECT coalesce(e.parent, 0)
FROM entity AS e
WHERE e.first <= (SELECT coalesce(e.parent, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
ORDER BY e.first DESC LIMIT 1)
ORDER BY e.first DESC LIMIT 1) = $3
-- 1: "ids"
-- 2: 9
-- 3: 7

