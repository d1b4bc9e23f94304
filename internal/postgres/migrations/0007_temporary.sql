-- TEMPORARY: another change has this number. SELECT of nothing.
SELECT 1;
