package olrest_test

import (
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/olrest"
)

// TestNearest names what slips were meant for, and nothing for what is none.
func TestNearest(t *testing.T) {
	t.Parallel()
	const entity = "/rest/serverengine/entity"
	for _, c := range []struct{ method, path, want string }{
		{"PUT", "/rest/serverengine/entity/job/5/properties", "PUT " + entity + "/jobs/{id}/properties"},
		{"PUT", "/rest/serverengine/entity/jobs/5/property", "PUT " + entity + "/jobs/{id}/properties"},
		{"PUT", "/rest/serverengine/entity/Jobs/5/Properties", "PUT " + entity + "/jobs/{id}/properties"},
		{"GET", "/REST/ServerEngine/entity/jobs/5/properties", "GET " + entity + "/jobs/{id}/properties"},
		{"PUT", "/jobs/5/properties", "PUT " + entity + "/jobs/{id}/properties"},
		{"GET", "/entity/jobs/5/contents", "GET " + entity + "/jobs/{id}/contents"},
		{"GET", "/rest/serverengine/jobs/5/contents", "GET " + entity + "/jobs/{id}/contents"},
		{"GET", entity + "/jobs/5/properties/zip", "GET " + entity + "/jobs/{id}/properties"},
		{"GET", entity + "/jobs/5/propertys", "GET " + entity + "/jobs/{id}/properties"},
		{"GET", entity + "/jobs/5/content", "GET " + entity + "/jobs/{id}/contents"},
		{"GET", entity + "/job-sets", "GET " + entity + "/jobsets"},
		{"POST", "/rest/serverengine/authentication/log-in", "POST /rest/serverengine/authentication/login"},
		{"POST", "/authentication/login", "POST /rest/serverengine/authentication/login"},
		{"GET", "/api/v1/jobset/5", "GET /api/v1/jobsets/{id}"},
		{"GET", "/api/jobsets/5", "GET /api/v1/jobsets/{id}"},
		{"GET", "/deleted", "GET /api/v1/deleted"},
		{"GET", "/nothing/5", ""},
		{"GET", "/favicon.ico", ""},
		{"GET", "/", ""},
		{"GET", "/wp-admin/setup.php", ""},
		{"GET", "/a" + strings.Repeat("/a", 10_000), ""},
		{"GET", entity + "/" + strings.Repeat("jobs", 10_000), ""},
	} {
		if got := olrest.Nearest(c.method, c.path, ""); got != c.want {
			t.Errorf("%s %.80s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
	for _, c := range []struct{ method, path, at, want string }{
		{"PUT", "/jobs/5", "/jobs/{id}", "PUT " + entity + "/jobs/{id}/properties"},
		{"DELETE", "/jobsets/5", "/jobsets/{id}", "POST " + entity + "/jobsets/{id}/delete"},
		{"DELETE", "/jobs/5/properties", "/jobs/{id}/properties", ""},
		{"BREW", "/jobs/5/properties", "/jobs/{id}/properties", ""},
	} {
		if got := olrest.Nearest(c.method, entity+c.path, entity+c.at); got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.method, c.at, got, c.want)
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	for b.Loop() {
		olrest.Nearest("PUT", "/rest/serverengine/entity/jobs/5/propertees/and/others", "")
	}
}
