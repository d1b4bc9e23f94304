-- probe of driver 0
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2) AS i) AS c LIMIT 100) AS n
-- 1: 101
-- 2: "x"
-- 3: 4

-- driver 0
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((1 = 1
AND (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $4) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $4)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = (SELECT e.record + c.id - e.first
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
AND +v.name = $5
AND v.value = $6 LIMIT 1 OFFSET 0))))
ORDER BY c.id
-- 1: 101
-- 2: "x"
-- 3: 4
-- 4: 3
-- 5: 102
-- 6: "x"

-- probe of driver 1
WITH few AS MATERIALIZED (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $2
AND ((coalesce(e.details, 0) IN (SELECT id
FROM details
WHERE pages > $1) OR coalesce(e.details, 0) = 0
AND 0 > $1)) LIMIT 100) SELECT count(*)
FROM (SELECT 1
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT first, last, root
FROM few) AS run) AS c LIMIT 100) AS n
-- 1: 3
-- 2: 4

-- driver 1
SELECT c.id
FROM (SELECT generate_series(run.first, run.last) AS id, root
FROM (SELECT e.first, e.last, coalesce(e.root, 0) AS root
FROM entity AS e
WHERE e.kind = $2
AND ((coalesce(e.details, 0) IN (SELECT id
FROM details
WHERE pages > $1) OR coalesce(e.details, 0) = 0
AND 0 > $1))) AS run) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $3
AND v.value = $4 LIMIT 1 OFFSET 0)
AND (1 = 1
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = (SELECT e.record + c.id - e.first
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
AND +v.name = $5
AND v.value = $6 LIMIT 1 OFFSET 0))))
ORDER BY c.id
-- 1: 3
-- 2: 4
-- 3: 101
-- 4: "x"
-- 5: 102
-- 6: "x"

-- probe of driver 2
SELECT count(*)
FROM (SELECT 1
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT e.first + o.id - e.record AS id
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2) AS o JOIN LATERAL (SELECT first, last, record
FROM entity
WHERE record BETWEEN o.id - 8192
AND o.id OFFSET 0) AS e ON true
WHERE e.record + e.last - e.first >= o.id) AS i) AS c LIMIT 100) AS n
-- 1: 102
-- 2: "x"
-- 3: 4

-- driver 2
SELECT c.id
FROM (SELECT i.id, (SELECT CASE WHEN e.last >= i.id
AND e.kind = $3 THEN coalesce(e.root, 0) END
FROM entity AS e
WHERE e.first <= i.id
ORDER BY e.first DESC LIMIT 1) AS root
FROM (SELECT e.first + o.id - e.record AS id
FROM (SELECT v.entity AS id
FROM find_value AS v
WHERE v.name = $1
AND v.value = $2) AS o JOIN LATERAL (SELECT first, last, record
FROM entity
WHERE record BETWEEN o.id - 8192
AND o.id OFFSET 0) AS e ON true
WHERE e.record + e.last - e.first >= o.id) AS i) AS c
WHERE c.root IS NOT NULL
AND NOT HIDDEN(c.root, c.id)
AND ((EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = c.id
AND +v.name = $4
AND v.value = $5 LIMIT 1 OFFSET 0)
AND (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $6) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $6)
AND 1 = 1)))
ORDER BY c.id
-- 1: 102
-- 2: "x"
-- 3: 4
-- 4: 101
-- 5: "x"
-- 6: 3

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
AND v.value = $3 LIMIT 1 OFFSET 0)
AND (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $4) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $4)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = (SELECT e.record + c.id - e.first
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
AND +v.name = $5
AND v.value = $6 LIMIT 1 OFFSET 0))))
ORDER BY c.id
-- 1: 4
-- 2: 101
-- 3: "x"
-- 4: 3
-- 5: 102
-- 6: "x"

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
AND v.value = $4 LIMIT 1 OFFSET 0)
AND (((SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) IN (SELECT id
FROM details
WHERE pages > $5) OR (SELECT coalesce(e.details, 0)
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1) = 0
AND 0 > $5)
AND EXISTS (SELECT 1
FROM find_value AS v
WHERE v.entity = (SELECT e.record + c.id - e.first
FROM entity AS e
WHERE e.first <= c.id
ORDER BY e.first DESC LIMIT 1)
AND +v.name = $6
AND v.value = $7 LIMIT 1 OFFSET 0))))
-- 1: "ids"
-- 2: 4
-- 3: 101
-- 4: "x"
-- 5: 3
-- 6: 102
-- 7: "x"

