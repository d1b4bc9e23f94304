-- Each step of the index asks for its first ranges of a lateness, and each search for the
-- last ones. The condition, which always holds, keeps this index from statements that find
-- rows by seq alone: the table is mostly empty when it is analyzed, and then the planner
-- takes reading all of the index for as cheap as the primary key.
CREATE INDEX find_range_late ON find_range (late, seq) WHERE late >= 0;
