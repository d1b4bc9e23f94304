-- Metadata is in the search index as well, and facts of sets and jobs. late is 1
-- for a range of which only the metadata is not in the index yet, and 2 for one of
-- which only the facts are not: who asks for neither need not wait for them.
ALTER TABLE find_range ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
INSERT INTO find_range (first, last, root, late)
    SELECT (SELECT min(id) FROM metadata), (SELECT max(id) FROM metadata), 0, 1
    WHERE EXISTS (SELECT 1 FROM metadata);
