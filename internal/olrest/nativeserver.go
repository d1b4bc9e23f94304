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
	b.key("settings")
	b.list()
	for _, setting := range facts.Settings {
		b.element()
		b.text("name", setting.Name)
		b.text("value", setting.Value)
		b.text("source", setting.Source)
		b.end()
	}
	b.endList()
	b.end()
	ReplyJSON(w, b.buf)
}
