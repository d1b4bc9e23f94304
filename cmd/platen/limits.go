package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlite"
)

// limitFlags declares the limits of a server.
func (set *settings) limitFlags(flags *pflag.FlagSet) {
	set.limits = admission.Defaults
	l := &set.limits
	flags.IntVar(&l.Connections, "max-connections", l.Connections, fmt.Sprintf("connections at once; more are refused with 503; 0: %d, or what the limit of open files leaves", admission.DefaultConnections))
	flags.IntVar(&l.ConnectionsPerAddress, "max-connections-per-address", l.ConnectionsPerAddress, "connections at once of one address, or of one IPv6 network of 64 bits; more are refused with 429; 0: no limit")
	flags.Int64Var(&l.InFlightBytes, "max-inflight-bytes", l.InFlightBytes, "memory for bodies and answers in flight; what does not fit is refused with 503")
	flags.IntVar(&l.Imports, "max-imports", l.Imports, "imports at once; more are refused with 503")
	flags.Int64Var(&l.ImportBytes, "max-import-bytes", l.ImportBytes, "largest body of an import in bytes; a larger one is refused with 413; 0: no limit")
	flags.Int64Var(&l.MinBodyRate, "min-body-rate", l.MinBodyRate, "bytes a second that the body of an import must bring, over 30s; a slower one is refused with 408; 0: no limit")
	flags.IntVar(&l.Operations, "max-operations", l.Operations, "job creations and updates in parts at once, running or waiting; more are refused with 503")
	flags.IntVar(&l.Listeners, "max-listeners", l.Listeners, "clients that follow events or requests at once, each with a connection; more are refused with 503")
	flags.IntVar(&l.Searches, "max-searches", l.Searches, "searches at once, running or waiting; more are refused with 503")
	flags.Int64Var(&l.MinFreeDisk, "min-free-disk", l.MinFreeDisk, "bytes left on the disks of the data and of the spool directory below which imports and job creations are refused with 503; 0: no limit")
	flags.StringVar(&set.spoolDir, "spool-dir", "", "directory for imports until they are stored, made if need be (default: spool in the data directory; with PostgreSQL platen-spool-UID in the system's directory for temporary files)")
}

// spoolPath returns the directory for imports.
func (set *settings) spoolPath() string {
	switch {
	case set.spoolDir != "":
		return set.spoolDir
	case set.database == "":
		return filepath.Join(set.data, sqlite.SpoolName)
	}
	return filepath.Join(os.TempDir(), "platen-spool-"+strconv.Itoa(os.Getuid()))
}

// openSpools makes the directory for imports ready, and has the room on the
// disks watched that imports are written to.
func (set *settings) openSpools() (spool.Dir, error) {
	path := set.spoolPath()
	dir, err := spool.Open(path)
	if err != nil {
		return "", fmt.Errorf("%w; another directory can be given with --spool-dir", err)
	}
	if info, err := os.Lstat(path); set.spoolDir == "" && runtime.GOOS != "windows" && (err != nil || info.Mode() != os.ModeDir|0o700) {
		return "", fmt.Errorf("the spool directory %s is not for its owner alone: remove it, or give another one with --spool-dir", path)
	}
	set.limits.Disks = []string{path}
	if set.database == "" {
		set.limits.Disks = append(set.limits.Disks, set.data)
	}
	return dir, nil
}
