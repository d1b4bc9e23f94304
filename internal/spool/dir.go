package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Dir is the directory that spools are in. Each is a file of its own that
// only its owner can read. On Unix it has no name from its first moment on, so
// that nothing of it is left whatever becomes of the process, and processes
// that share a directory are not in each other's way.
type Dir string

// Temp is the system's directory for temporary files.
const Temp Dir = ""

// prefix is how the names of spools begin.
const prefix = "platen-spool-"

// Open makes a directory for spools if need be, and removes what processes
// that are gone have left in it. The error says why it can not be used.
func Open(path string) (Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("spool directory: %w", err)
	}
	left, err := os.ReadDir(path)
	if err != nil {
		return "", fmt.Errorf("spool directory: %w", err)
	}
	for _, file := range left {
		if strings.HasPrefix(file.Name(), prefix) {
			_ = os.Remove(filepath.Join(path, file.Name())) // where files in use have names, the system keeps them
		}
	}
	probe, err := Dir(path).newFile()
	if err != nil {
		return "", fmt.Errorf("spool directory: %w", errors.Unwrap(err))
	}
	return Dir(path), probe.Close()
}
