-- no driver
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.id < $2
ORDER BY c.id
-- 1: 6
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
AND c.id < $3
-- 1: "ids"
-- 2: 6
-- 3: 7

