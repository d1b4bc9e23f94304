-- Each deletion asks for the set that was deleted last, and each batch of the clean-up for
-- the first one.
CREATE INDEX deleted_set_order ON deleted_set (marked, kind DESC, id);
