// Peers is PocketBase, which the benchmark compares platen with. It is a module
// of its own, so that platen does not depend on it. SYNCHRONOUS in the
// environment is the setting of SQLite of that name: PocketBase's own is
// NORMAL, which may lose what was answered when the machine stops; platen's is
// FULL.
package main

import (
	"log"
	"os"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
)

// pragmas are those of PocketBase itself.
const pragmas = "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)" +
	"&_pragma=synchronous(NORMAL)&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)"

func main() {
	config := pocketbase.Config{DBConnect: core.DefaultDBConnect}
	if synchronous := os.Getenv("SYNCHRONOUS"); synchronous != "" {
		config.DBConnect = func(path string) (*dbx.DB, error) {
			return dbx.Open("sqlite", path+strings.Replace(pragmas, "NORMAL", synchronous, 1))
		}
	}
	if err := pocketbase.NewWithConfig(config).Start(); err != nil {
		log.Fatal(err)
	}
}
