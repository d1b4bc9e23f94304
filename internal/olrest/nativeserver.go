package olrest

import (
	"net/http"
	"time"

	"github.com/platenhq/platen"
)

// ServerFacts are what a server says of itself.
type ServerFacts struct {
	Version    string
	Revision   string // the commit that it was built from, "" if nobody knows
	RevisionAt string // the time of that commit, RFC 3339 in UTC
	APIVersion string
	Started    time.Time
	Database   string // where it is, without a password

	Inventory *platen.Inventory // nil: not taken yet
	Settings  []Setting

	Problem string // why the database does not do its work now; "": it does
	Disks   []Disk

	OldestDeleted time.Time // when the oldest of the deleted sets was; zero: there is none
	Purge         time.Time // when the clean-up is to remove that one; zero: never
}

// A Disk is one that imports are written to.
type Disk struct {
	Path         string // of a directory on it
	Free, Needed int64  // in bytes: below Needed imports are refused
}

// A Setting is a setting of a server, without what is secret of it.
type Setting struct {
	Name, Value string
	Source      string // the flag, variable or file that it comes from; "default"
}

// ReplyServer answers with what a server says of itself.
func ReplyServer(w http.ResponseWriter, facts ServerFacts) {
	var b jsonWriter
	b.object()
	b.text("version", facts.Version)
	if facts.Revision != "" {
		b.text("revision", facts.Revision)
		b.text("revisionTime", facts.RevisionAt)
	}
	b.text("apiVersion", facts.APIVersion)
	b.time("startTime", facts.Started)
	b.key("database")
	b.object()
	b.text("location", facts.Database)
	b.optionalText("problem", facts.Problem)
	have := facts.Inventory
	if have != nil {
		b.number("schema", int64(have.Schema))
		b.number("bytes", have.Bytes)
		if have.FreeBytes >= 0 {
			b.number("freeBytes", have.FreeBytes)
		}
		b.time("lastBackupTime", have.LastBackup)
	}
	b.end()
	if have != nil {
		b.key("counts")
		b.object()
		b.time("countTime", have.At)
		for _, s := range services {
			b.number(KindName(s.kind), have.Entities[s.kind])
		}
		b.number("deletedSets", have.DeletedSets)
		b.end()
		b.key("history")
		b.object()
		b.number("transactions", have.Transactions)
		b.number("bytes", have.LogBytes)
		b.time("oldestTime", have.OldestChange)
		b.end()
	}
	listOf(&b, "disks", facts.Disks, func(j *jsonWriter, disk Disk) {
		j.object()
		j.text("path", disk.Path)
		j.number("freeBytes", disk.Free)
		j.number("neededBytes", disk.Needed)
		j.end()
	})
	b.key("cleanup")
	b.object()
	b.time("oldestDeleteTime", facts.OldestDeleted)
	b.time("purgeTime", facts.Purge)
	b.end()
	listOf(&b, "settings", facts.Settings, func(j *jsonWriter, setting Setting) {
		j.object()
		j.text("name", setting.Name)
		j.text("value", setting.Value)
		j.text("source", setting.Source)
		j.end()
	})
	b.end()
	ReplyJSON(w, b.buf)
}
