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
		{"GET", entity + "/documents/1004", "GET " + entity + "/documents/{id}/metadata"},
		{"GET", "/documents/1004", "GET " + entity + "/documents/{id}/metadata"},
		{"GET", "/jobs/properties", "GET " + entity + "/jobs/{id}/properties"},
		{"PUT", entity + "/jobsegments/1002/properties", "PUT " + entity + "/jobsegments/{id}/metadata"},
		{"GET", entity + "/datarecords/1002/metadata", "GET " + entity + "/datarecords/{id}/properties"},
		{"POST", entity + "/jobset/5", "GET " + entity + "/jobsets/{id}"},
		{"POST", "/api/v1/change/5", "GET /api/v1/changes/{change}"},
		{"POST", "/rest/serverengine/workflow/jobcreation/getProgres/xyz", "GET /rest/serverengine/workflow/jobcreation/getProgress/{operation}"},
		{"DELETE", entity + "/jobset/5", "POST " + entity + "/jobsets/{id}/delete"},
		{"POST", "/rest/serverengine/entiti", "GET " + entity},
		{"DELETE", entity + "/jobsets/5/propertys", ""},
		{"PUT", entity + "/jobs/5/properties/zip", ""},
		{"GET", "/nothing/5", ""},
		{"GET", "/favicon.ico", ""},
		{"GET", "/", ""},
		{"GET", "/wp-admin/setup.php", ""},
		{"GET", "/a" + strings.Repeat("/a", 10_000), ""},
		{"GET", entity + "/" + strings.Repeat("jobs", 10_000), ""},
	} {
		if got := olrest.Nearest(c.method, c.path); got != c.want {
			t.Errorf("%s %.80s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

// TestInstead names what was meant at a path that does not have the method, and
// never what does something else.
func TestInstead(t *testing.T) {
	t.Parallel()
	const entity = "/rest/serverengine/entity"
	const creation = "/rest/serverengine/workflow/jobcreation"
	for _, c := range []struct{ method, path, want string }{
		{"GET", entity + "/jobs/properties", "GET " + entity + "/jobs/{id}/properties"},
		{"HEAD", entity + "/jobs/properties", "GET " + entity + "/jobs/{id}/properties"},
		{"GET", creation + "/getProgress", "GET " + creation + "/getProgress/{operation}"},
		{"GET", "/api/v1/jobsets", "GET /api/v1/jobsets/{id}"},
		{"PATCH", "/api/v1/users", "PATCH /api/v1/users/{name}"},
		{"DELETE", entity + "/jobsets/5", "POST " + entity + "/jobsets/{id}/delete"},
		{"POST", creation + "/getProgress/xyz", ""},
		{"GET", creation + "/cancel/xyz", ""},
		{"PUT", entity + "/jobs/5", ""},
		{"POST", entity + "/jobsets/5", ""},
		{"POST", "/api/v1/changes/5", ""},
		{"POST", "/api/v1/entities/5", ""},
		{"DELETE", "/api/v1/jobsets/5", ""},
		{"DELETE", entity + "/jobs/5/properties", ""},
		{"BREW", entity + "/jobs/5/properties", ""},
	} {
		if got := olrest.Instead(c.method, c.path); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.method, c.path, got, c.want)
		}
	}
}

func BenchmarkNearest(b *testing.B) {
	for b.Loop() {
		olrest.Nearest("PUT", "/rest/serverengine/entity/jobs/5/propertees/and/others")
	}
}
