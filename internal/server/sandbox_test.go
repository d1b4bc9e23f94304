package server_test

import (
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/olrest"
)

// TestNoSandbox checks that a server which is no sandbox has none of what only a
// sandbox has, and says so.
func TestNoSandbox(t *testing.T) {
	onSQLite(t, func(t *testing.T) {
		s := start(t)
		found := 0
		for _, route := range olrest.Routes() {
			if !strings.HasPrefix(route.Path, olrest.SandboxPath) {
				continue
			}
			found++
			path := strings.NewReplacer("{snapshot}", "a", "{fault}", "a", "{instance}", "a").Replace(route.Path)
			if got := s.do(route.Method, path, ""); got.status != 404 || !strings.Contains(got.body, "platen sandbox") {
				t.Errorf("%s %s: %d %s", route.Method, path, got.status, got.body)
			}
		}
		if found != 14 {
			t.Error(found, "routes")
		}
	})
}
