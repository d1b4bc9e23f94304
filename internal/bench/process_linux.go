package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// resetPeak sets the peak of a process's memory to what it holds now.
func resetPeak(process int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", process), []byte("5"), 0)
}

// peak returns the most memory, in MiB, that a process has held since
// resetPeak.
func peak(process int) (float64, error) { return memory(process, "VmHWM:") }

// resident returns the memory, in MiB, that a process holds.
func resident(process int) (float64, error) { return memory(process, "VmRSS:") }

func memory(process int, line string) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(status, []byte(line))
	value, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	kibibytes, err := strconv.ParseFloat(string(value), 64)
	if !found || err != nil {
		return 0, fmt.Errorf("no %s in the status of process %d", line, process)
	}
	return kibibytes / 1024, nil
}

// syncData waits until the data of a file is on disk, as a database does at a
// commit.
func syncData(file *os.File) error { return syscall.Fdatasync(int(file.Fd())) }
