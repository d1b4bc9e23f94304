-- State 2 of a set in deleted_set: it is being imported, in several transactions,
-- and hidden with all below it until the last one. What the import makes that
-- belongs to no set is below a second row, whose id is negative. given_first to
-- given_last are the identifiers that the import sets itself: others get none of
-- them.
ALTER TABLE deleted_set ADD COLUMN given_first BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deleted_set ADD COLUMN given_last BIGINT NOT NULL DEFAULT 0;
