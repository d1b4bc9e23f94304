-- no driver
SELECT c.id, (SELECT CASE WHEN length(v.digest) = 0 THEN v.value ELSE (SELECT l.value
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END
FROM find_value AS v
WHERE v.entity = (SELECT e.record + c.id - e.first
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
AND +v.name = $4), (SELECT CASE WHEN length(v.digest) = 0 THEN v.value ELSE (SELECT l.value
FROM find_long AS l
WHERE l.name = v.name
AND l.entity = v.entity) END
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $5)
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $1
AND e.root IN ($2, $3)
AND (1 = 1)) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND c.root IN ($6, $7)
AND (1 = 1)
-- 1: 4
-- 2: 7
-- 3: 8
-- 4: 101
-- 5: 102
-- 6: 7
-- 7: 8

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
AND c.root IN ($5, $6)
AND (1 = 1)
-- 1: "ids"
-- 2: 4
-- 3: 101
-- 4: 102
-- 5: 7
-- 6: 8

