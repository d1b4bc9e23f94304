-- Names, page details and tables that nothing uses any more are removed: this
-- finds the nested data records of each table.
CREATE INDEX entity_table ON entity (details) WHERE kind = 2 AND details IS NOT NULL;
