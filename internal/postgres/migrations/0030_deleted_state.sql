-- Each batch of the clean-up, and each import, asks for sets that are being deleted or
-- imported, which are few among those that are deleted (state 0).
CREATE INDEX deleted_set_state ON deleted_set (state) WHERE state > 0;
