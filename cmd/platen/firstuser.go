package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storage"
)

// checkFirstPassword returns an error if a first start would refuse the password of
// the first user: before it makes a database.
func checkFirstPassword(env environment, at location) error {
	password := env.getenv(adminPassword)
	if password == "" || at.database != "" || platen.ErrorCode(at.present()) != platen.NotFound {
		return nil
	}
	if err := auth.CheckPassword(password); err != nil {
		return wrongPassword(err)
	}
	return nil
}

// wrongPassword says which password an error is about.
func wrongPassword(err error) error {
	return platen.Errorf(platen.Invalid, "%s: %v", adminPassword, err)
}

// firstUser makes the first user of a store that has none, with the password
// of the environment or one that it makes up.
func (p *service) firstUser(ctx context.Context) error {
	password := p.env.getenv(adminPassword)
	users, err := p.store.Users(ctx)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		if password != "" {
			p.log.Info(adminPassword+" is ignored: it is for the first start, and there are users already",
				"instead", p.set.location.passwordCommand())
		}
		return nil
	}
	if password == "" {
		password = auth.NewPassword()
		if isTerminal(p.env.stdout) {
			p.password = password
		} else if p.passwordFile, err = p.writePassword(password); err != nil {
			return err
		}
	}
	admin, err := auth.NewUser(adminName, password)
	if err != nil {
		return wrongPassword(err)
	}
	err = p.store.AddUser(ctx, admin)
	if err == nil {
		p.log.Info(string(storage.UserAdded), "user", adminName, "by", storage.OriginOf(ctx).User)
		return nil
	}
	if p.passwordFile != "" {
		err = errors.Join(err, os.Remove(p.passwordFile))
	}
	p.password, p.passwordFile = "", ""
	if platen.ErrorCode(err) == platen.Conflict {
		return nil // another server, started at the same time, was first
	}
	return err
}

// writePassword writes a password to a file that only its owner can read:
// standard output, where nobody watches, is kept in journals. Beside a database
// elsewhere the name of the file is made up, since other servers that start at
// the same time on this machine write one too.
func (p *service) writePassword(password string) (path string, err error) {
	var file *os.File
	if p.set.location.database == "" {
		path = filepath.Join(p.set.location.String(), sqlite.FirstPasswordName)
		if err = os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		file, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	} else {
		state, _, _ := strings.Cut(p.env.getenv("STATE_DIRECTORY"), ":") // of systemd
		file, err = os.CreateTemp(state, "platen-"+sqlite.FirstPasswordName+"-")
	}
	if err != nil {
		return "", fmt.Errorf("the password of the first user has no place: %w; give one in %s", err, adminPassword)
	}
	_, err = fmt.Fprintln(file, password)
	return file.Name(), errors.Join(err, file.Sync(), file.Close())
}
