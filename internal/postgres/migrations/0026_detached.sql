-- For a clean-up, which leaves alone what was taken out of a set that can come back.
CREATE INDEX detached_first ON detached (first);
