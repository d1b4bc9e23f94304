package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/sqlite"
)

func checkCommand(env environment) *cobra.Command {
	var set settings
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say whether the server would start with these settings",
		Long: `check takes the flags and the environment of "platen serve", and looks at what
a start needs: the settings, the addresses, the certificates, the database with
its schema and rights, the room on the disk; and whether the provider answers by
which people log in. It changes nothing. The exit code is 1 if a start would
fail. While the server runs, its addresses and its
directory are taken, and check says so.`,
		Example: "  platen check --data /var/lib/platen --listen 0.0.0.0:9340 --tls-cert tls.pem --tls-key tls.key",
		Args:    arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return check(cmd.Context(), env, set)
		},
	}
	set.serveFlags(cmd)
	return cmd
}

// check looks at each thing that a start needs, also after one that fails.
func check(ctx context.Context, env environment, set settings) (err error) {
	p := &service{env: env, set: set}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.check(ctx); err != nil {
		return err
	}
	failed := 0
	for _, one := range []struct {
		name string
		look func(context.Context) (string, error)
	}{
		{"addresses", p.lookAtAddresses},
		{"certificates", p.lookAtFront},
		{"database", p.set.location.lookAt},
		{"disk", p.lookAtDisk},
		{"login", p.lookAtProvider},
	} {
		found, err := one.look(ctx)
		if _, ok := errors.AsType[warning](err); ok {
			fmt.Fprintf(env.stdout, "WARNS  %-13s %s\n", one.name, err)
			continue
		}
		if err != nil {
			failed++
			fmt.Fprintf(env.stdout, "FAILS  %-13s %s\n", one.name, explain(withHint(err)))
			continue
		}
		fmt.Fprintf(env.stdout, "ok     %-13s %s\n", one.name, found)
	}
	if failed > 0 {
		return errors.New("the server would not start")
	}
	return nil
}

// lookAtAddresses listens for a moment.
func (p *service) lookAtAddresses(ctx context.Context) (string, error) {
	err := p.listen(ctx)
	if p.metrics != nil {
		return fmt.Sprintf("%s, metrics on %s", p.set.listen, p.set.metrics), err
	}
	return p.set.listen, err
}

// lookAtFront reads the TLS files, and what else stands before the API.
func (p *service) lookAtFront(ctx context.Context) (string, error) {
	if p.listener == nil {
		return "", errors.New("not looked at, since there is no address")
	}
	if err := p.measure(ctx); err != nil {
		return "", err
	}
	if p.config.Certificates == nil {
		return "none: plain HTTP", nil
	}
	if domains := p.set.front.acme.domains; len(domains) > 0 {
		return fmt.Sprintf("obtained from %s for %s once it serves", p.set.front.acme.directory, strings.Join(domains, ", ")), nil
	}
	return fmt.Sprintf("%s, good until %s", p.set.front.tls.Cert, p.config.Certificates.Expiry().Format("2006-01-02")), nil
}

// lookAt says what a start would find in the place of the database, and do with
// it.
func (l location) lookAt(ctx context.Context) (string, error) {
	if l.database != "" {
		server, err := l.server()
		if err != nil {
			return "", err
		}
		has, wants, err := server.outlook(ctx, l.database)
		return l.schema(has, wants), err
	}
	if err := l.named(); err != nil {
		return "", err
	}
	dir := l.String()
	if sqlite.Locked(dir) {
		return "", platen.Errorf(platen.Conflict, "a server runs on %s: %s", dir, sqlite.Holder(dir))
	}
	has, wants, err := sqlite.Outlook(ctx, dir)
	if platen.ErrorCode(err) == platen.NotFound {
		if err = sqlite.Suitable(dir); err == nil {
			has, err = 0, writable(dir)
		}
	}
	return l.schema(has, wants), err
}

func (l location) schema(has, wants int) string {
	switch {
	case has == 0:
		return fmt.Sprintf("%s is empty, and the start fills it", l)
	case has < wants:
		return fmt.Sprintf("%s has schema %d; the start brings it to %d, which older versions can not read: back it up before", l, has, wants)
	}
	return fmt.Sprintf("%s has schema %d", l, has)
}

// existing returns a path that exists, or the nearest directory above it that
// does.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// writable returns an error unless a directory can be made, or a file in it, and the
// disk takes some data.
func writable(dir string) error {
	probe, err := os.CreateTemp(existing(dir), ".platen-check-")
	if err != nil {
		return fmt.Errorf("%s can not be written: %w", dir, err)
	}
	data := make([]byte, sqlite.ProbeBytes)
	_, _ = rand.Read(data) // so that no file system can compress it; it never fails
	if _, err = probe.Write(data); err == nil {
		err = probe.Sync()
	}
	if err != nil {
		err = fmt.Errorf("the disk of %s takes no more data: %w; make room there", dir, err)
	}
	return errors.Join(err, probe.Close(), os.Remove(probe.Name()))
}

// lookAtDisk compares the room on the disk with what imports need.
func (p *service) lookAtDisk(context.Context) (string, error) {
	if p.set.spoolDir == "" && p.set.named() != nil {
		return "", errors.New("not looked at, since there is no directory")
	}
	dir, err := filepath.Abs(p.set.spoolPath())
	if err != nil {
		return "", err
	}
	dirs := []string{dir}
	if p.set.database == "" {
		dirs = append(dirs, p.set.location.String())
	}
	for _, dir := range dirs {
		if err := writable(dir); err != nil {
			return "", err
		}
	}
	free, err := admission.FreeDisk(existing(dir))
	if err != nil {
		return "", err
	}
	found := fmt.Sprintf("%s free for %s", megabytes(free), dir)
	if least := p.set.limits.MinFreeDisk; free < least {
		found += fmt.Sprintf(", less than the %s of --min-free-disk: imports would be refused", megabytes(least))
	}
	return found, nil
}
