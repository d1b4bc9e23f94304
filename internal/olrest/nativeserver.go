package olrest

import (
	"net/http"
	"time"

	"github.com/platenhq/platen"
)

// ServerFacts are what a server says of itself.
type ServerFacts struct {
	Version    string
	APIVersion string
	Started    time.Time
	Database   string // where it is, without a password

	Counted       time.Time // when the following was looked at; the zero time: not yet
	Schema        int       // the number of the newest migration
	Entities      map[platen.Kind]int64
	DeletedSets   int64
	DatabaseBytes int64
	FreeBytes     int64     // of these; negative: not known
	LastBackup    time.Time // the zero time: never, or not known

	Settings []Setting
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
	b.text("apiVersion", facts.APIVersion)
	b.time("startTime", facts.Started)
	b.key("database")
	b.object()
	b.text("location", facts.Database)
	if !facts.Counted.IsZero() {
		b.number("schema", int64(facts.Schema))
		b.number("bytes", facts.DatabaseBytes)
		if facts.FreeBytes >= 0 {
			b.number("freeBytes", facts.FreeBytes)
		}
	}
	b.time("lastBackupTime", facts.LastBackup)
	b.end()
	if !facts.Counted.IsZero() {
		b.key("counts")
		b.object()
		b.time("countTime", facts.Counted)
		for _, s := range services {
			b.number(KindName(s.kind), facts.Entities[s.kind])
		}
		b.number("deletedSets", facts.DeletedSets)
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
