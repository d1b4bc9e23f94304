package server_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/olrest"
)

// TestDocumentHasAllRoutes checks that the API document describes what is
// served, no more and no less.
func TestDocumentHasAllRoutes(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(apidoc.Document())
	if err != nil {
		t.Fatal(err)
	}
	described := make(map[string]bool)
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	// What the server answers besides the routes, and HEAD where clients use it.
	served := map[string]bool{"GET /healthz": true, "GET /readyz": true, "HEAD /rest/serverengine/authentication": true}
	for _, route := range olrest.Routes() {
		served[route.Method+" "+route.Path] = true
	}
	sorted := func(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
	if d := cmp.Diff(sorted(served), sorted(described)); d != "" {
		t.Errorf("served and described differ (-served +described):\n%s", d)
	}
}
