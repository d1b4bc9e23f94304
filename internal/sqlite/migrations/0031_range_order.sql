-- Each step of the index asks for its first ranges of a lateness, and each search for the
-- last ones.
CREATE INDEX find_range_late ON find_range (late, seq);
