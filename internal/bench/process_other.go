//go:build !linux

package main

import (
	"math"
	"os"
)

// resetPeak does nothing: other systems tell no peak of another process.
func resetPeak(int) error { return nil }

// peak returns what is shown as not measured.
func peak(int) (float64, error) { return math.NaN(), nil }

// resident returns what is shown as not measured.
func resident(int) (float64, error) { return math.NaN(), nil }

// syncData waits until the data of a file is on disk.
func syncData(file *os.File) error { return file.Sync() }
