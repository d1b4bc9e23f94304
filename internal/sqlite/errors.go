package sqlite

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/platenhq/platen"
)

// isFull reports whether an error is due to a full disk. SQLite's own code for
// it is rare: most such errors are an I/O error whose cause is the system's. The one
// that its shared memory could not grow has none.
func isFull(err error) bool {
	return errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.IOERR_SHMSIZE) || slices.ContainsFunc(noRoom, func(full error) bool { return errors.Is(err, full) })
}

// isDamage is [sqlstore.Engine.IsDamage].
func isDamage(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.CONSTRAINT)
}

// translate turns errors of SQLite and of the system into platen's.
func translate(err error) error {
	unavailable := func(message string) error {
		return &platen.Error{Code: platen.Unavailable, Message: message, Err: err}
	}
	switch {
	case isFull(err):
		return unavailable("the disk of the server is full")
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return unavailable("the database is busy")
	case errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.IOERR):
		return unavailable("the database can not be reached")
	case errors.Is(err, sqlite3.NOTADB):
		return platen.Errorf(platen.Conflict, "the file is not a database; move it away, or name another directory with --data")
	}
	return err
}

// explainOpen says what a person can do about an error of opening the database
// of a directory.
func explainOpen(err error, dir string) error {
	path := filepath.Join(dir, FileName)
	// A file that is no database at all was one if platen has used it.
	_, marked := os.Stat(filepath.Join(dir, markFile))
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return platen.Errorf(platen.Conflict, "the disk of %s is full: make room there, and start again", dir)
	case errors.Is(err, fs.ErrPermission):
		return platen.Errorf(platen.Conflict, "this user may not open %s: %s; start platen as the user whom it belongs to", path, sqliteMessage(err))
	case errors.Is(err, sqlite3.READONLY):
		return platen.Errorf(platen.Conflict, "this user may not write to %s or its directory: %s; start platen as the user whom they belong to, or make them writable", path, sqliteMessage(err))
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB) && marked == nil:
		return platen.Errorf(platen.Conflict, "%s is damaged: %s; restore the last backup with \"platen restore FILE --replace --data %s\", which keeps the damaged one under another name. If the search index alone is damaged, \"platen copy --from %[3]s --to NEWDIR --without-index\" loses nothing", path, sqliteMessage(err), dir)
	}
	err = translate(err)
	if shown, ok := errors.AsType[*platen.Error](err); ok {
		named := *shown // people are shown its message alone, without what is around it
		named.Message = path + ": " + shown.Message
		return &named
	}
	return fmt.Errorf("%s: %w", path, err)
}

// explainDirectory says what a person can do about an error of the directory of a
// database.
func explainDirectory(err error, dir string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("this user may not open %s: %w; start platen as the user whom it belongs to", dir, err)
	}
	return fmt.Errorf("data directory: %w", err)
}

// ExplainDamage says what a person can do about an error of the database of a
// directory, if it is due to damage.
func ExplainDamage(err error, dir string) error {
	if errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) {
		return explainOpen(err, dir)
	}
	return err
}

// sqliteMessage is SQLite's own message in an error, without the driver's.
func sqliteMessage(err error) string {
	const prefix = "sqlite3: "
	text := err.Error()
	if last := strings.LastIndex(text, prefix); last >= 0 {
		text = text[last+len(prefix):]
	}
	return text
}

// ProbeBytes is how much a disk has to take so as not to count as full.
const ProbeBytes = 256 << 10

const probeEvery = time.Second

// A diskProbe finds out whether the disk of a directory takes more data, by
// writing some: that heeds quotas and what is kept free for root, too.
type diskProbe struct {
	path string

	mu   sync.Mutex
	next time.Time // until then err is what the last one found
	err  error
}

// check returns Unavailable if the disk is full.
func (p *diskProbe) check() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.After(p.next) {
		p.err = p.write()
		p.next = now.Add(probeEvery)
	}
	return p.err
}

func (p *diskProbe) write() error {
	data := make([]byte, ProbeBytes)
	_, _ = rand.Read(data) // so that no file system can compress it; it never fails
	err := writeFile(p.path, string(data))
	if removed := os.Remove(p.path); err == nil {
		err = removed
	}
	if isFull(err) {
		return translate(err)
	}
	return nil // that is for the database itself to find out
}
