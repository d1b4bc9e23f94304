package platen

import "time"

// MaxIntakeParts is into how many parts a time can be divided for an intake.
const MaxIntakeParts = 2500

// An IntakeQuery asks what came in from a time to another, in parts of a length.
type IntakeQuery struct {
	From, To time.Time     // To is not in it
	Unit     time.Duration // of a part; the first begins at From
}

// An IntakePart is what came in during a part of the time: the sets that were
// imported, or made by job creation, and are there still, with what they had.
// Content items are those of content sets, data records those of data sets.
type IntakePart struct {
	Start                          time.Time
	DataSets, ContentSets, JobSets int64
	Counts
}
