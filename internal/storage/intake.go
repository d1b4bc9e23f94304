package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// Intake says what came in.
type Intake interface {
	// Intake returns what came in, in the order of time; parts of the time in which
	// nothing did are left out. Sets that are deleted do not count, nor those of
	// which it is not known when they came.
	Intake(ctx context.Context, query platen.IntakeQuery) ([]platen.IntakePart, error)
}
